"""Live progress of the demo's jobs: one line that is redrawn on a terminal, a line every few seconds elsewhere."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.client import Body, Client
from app.demo.orders import Order
from app.demo.service import DemoError
from app.pipeline.lifecycle import FINAL_STATES

_LOOK_S = 0.4
_PLAIN_LINE_S = 5.0
_BAR_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Standing:
    """The jobs' counts added up; a pair to translate is a unit of work like an item."""

    units: float
    expected_units: float
    items: int
    all_items: int
    pairs: int
    refused: int
    tokens: int

    @property
    def share(self) -> float:
        return min(1.0, self.units / self.expected_units) if self.expected_units else 0.0


def add_up(jobs: Sequence[Body]) -> Standing:
    """What the jobs have done so far, and how much is expected in all."""
    units = expected = 0.0
    for job in jobs:
        counts = job["counts"]
        ended = counts["items"]["total"] - counts["items"]["pending"]
        units += ended
        expected += counts["items"]["total"]
        if job["languages"]:
            units += sum(counts["translated_pairs"].values())
            expected += counts["pairs"] / ended * counts["items"]["total"] if ended else counts["items"]["total"]
    return Standing(
        units=units,
        expected_units=expected,
        items=sum(job["counts"]["items"]["total"] - job["counts"]["items"]["pending"] for job in jobs),
        all_items=sum(job["counts"]["items"]["total"] for job in jobs),
        pairs=sum(job["counts"]["pairs"] + sum(job["counts"]["translations"].values()) for job in jobs),
        refused=sum(job["counts"]["rejected"] + job["counts"]["translations_refused"] for job in jobs),
        tokens=sum(job["usage"]["completion_tokens"] for job in jobs),
    )


def draw(standing: Standing, elapsed_s: float) -> str:
    """One line: bar, share, items, pairs, tokens and their rate, time left."""
    filled = round(standing.share * _BAR_WIDTH)
    bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
    rate = standing.tokens / elapsed_s if elapsed_s > 0 else 0.0
    left_s = elapsed_s * (1 - standing.share) / standing.share if standing.share else None
    left = "…" if left_s is None else f"{int(left_s) // 60}:{int(left_s) % 60:02d}"
    return (
        f"{bar} {standing.share:4.0%}  {standing.items}/{standing.all_items} items  {standing.pairs} pairs  "
        f"{standing.refused} refused  {standing.tokens} tokens  {rate:.0f}/s  eta {left}"
    )


async def watch(client: Client, orders: Sequence[Order]) -> list[Body]:
    """Show progress until every job is over; the jobs as they ended. Raises DemoError when one could not be worked."""
    is_terminal = sys.stdout.isatty()
    started_s = shown_s = time.monotonic()
    try:
        while True:
            jobs = [await client.get(f"jobs/{order.job['id']}") for order in orders]
            now_s = time.monotonic()
            is_over = all(job["state"] in FINAL_STATES for job in jobs)
            line = draw(add_up(jobs), now_s - started_s)
            if is_terminal:
                sys.stdout.write(f"\r\x1b[K{line}")
            elif is_over or now_s - shown_s >= _PLAIN_LINE_S:
                sys.stdout.write(f"{line}\n")
                shown_s = now_s
            sys.stdout.flush()
            if is_over:
                break
            _refuse_standstill(jobs)
            await asyncio.sleep(_LOOK_S)
    finally:
        if is_terminal:
            sys.stdout.write("\n")
    for job in jobs:
        await _check_end(client, job)
    return jobs


async def _check_end(client: Client, job: Body) -> None:
    """A job may bring nothing when the model is bad; one that could not even ask for it is the end of the demo."""
    if job["state"] == "completed" or (job["state"] == "failed" and job["counts"]["rejected"]):
        return
    failed = (await client.get(f"jobs/{job['id']}/items", state="failed", limit=1))["data"]
    why = f"{failed[0]['code']}: {failed[0]['detail']}" if failed else job["reason"]
    raise DemoError(f"The job {job['id']} ended as {job['state']} ({why}).")


def _refuse_standstill(jobs: Sequence[Body]) -> None:
    for job in jobs:
        if job["state"] == "paused":
            raise DemoError(f"The job {job['id']} was paused: {job['reason']}. Does the model's endpoint answer?")
