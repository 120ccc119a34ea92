"""What a rerun would change, told before it is done: by rule and direction, with examples."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import encode_id
from app.pipeline.diffing import diff_pairs
from app.pipeline.values import Pair, Stage
from app.services.claims import JobContext
from app.services.rereading import UnitChange, reread
from app.store.outcomes import NewPair
from app.store.rereading import KnownPair, ReadUnit, read_units

DIRECTIONS = ("newly_refused", "newly_kept", "newly_flagged", "no_longer_flagged", "repaired_differently")
BATCH_ITEMS = 250

OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which examples are to be shown: of one rule or direction, after so many of these, at most so many."""

    after: int = 0
    limit: int = 20
    rule: str | None = None
    direction: str | None = None

    def takes(self, direction: str, rule: str) -> bool:
        return self.rule in {None, rule} and self.direction in {None, direction}


@dataclass(slots=True)
class Preview:
    """Sums of what would change, and the examples that were asked for with their numbers (one more than the limit)."""

    wanted: Wanted
    counts: Counter[str] = field(default_factory=Counter)
    by_rule: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    examples: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    matched: int = 0

    def add(self, change: UnitChange) -> None:
        """Count what changes about an item."""
        unit = change.unit
        self.counts["replies"] += 1
        self.counts["items_changed"] += change.is_change
        self.counts["pairs_before"] += len(unit.pairs)
        self.counts["pairs_after"] += len(change.order)
        self.counts["kept_by_hand"] += len(change.kept)
        if change.state is not None:
            self.counts[f"items_newly_{change.state[0]}"] += change.state[0] != unit.state
        for effect in _list_effects(change):
            self.counts[effect.direction] += 1
            for rule in effect.rules:
                self.by_rule[rule][effect.direction] += 1
                self._keep_example(unit, effect, rule)

    def _keep_example(self, unit: ReadUnit, effect: "Effect", rule: str) -> None:
        if not self.wanted.takes(effect.direction, rule):
            return
        self.matched += 1
        if self.matched > self.wanted.after and len(self.examples) <= self.wanted.limit:
            self.examples.append((self.matched, _show_example(unit, effect, rule)))


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that changes about one pair, by which rules: what stands now, and what would."""

    direction: str
    rules: tuple[str, ...]
    before: KnownPair | None = None
    after: NewPair | None = None
    detail: str = ""


async def preview_rerun(
    open_session: OpenSession, job: JobContext, positions: Sequence[int], wanted: Wanted
) -> Preview:
    """Read every stored reply of a job by the rules that `job` has, and say what would change; nothing does.

    No call is made. A batch of items is in memory at a time, and read beside the event loop.
    """
    preview = Preview(wanted)
    for start in range(0, len(positions), BATCH_ITEMS):
        async with open_session() as session:
            units = await read_units(session, job.job_id, job.dataset_id, positions[start : start + BATCH_ITEMS])
        await asyncio.to_thread(_add_all, preview, job, units)
    return preview


def show_preview(preview: Preview, job: JobContext, start: str) -> dict[str, Any]:
    """The body of the answer, without its page of examples."""
    counts = preview.counts
    added = counts["newly_kept"] if Stage.TRANSLATE in job.stages else 0
    return {
        "object": "rerun.preview",
        "job_id": encode_id("job", job.job_id),
        "from": start,
        "filters": job.policies.get("filters", {}),
        "calls": 0,
        "counts": {
            name: counts[name]
            for name in (
                "replies", "items_changed", "items_newly_done", "items_newly_failed", "pairs_before", "pairs_after",
                *DIRECTIONS, "kept_by_hand",
            )
        },
        "translations_to_ask_for": added * len(job.languages),
        "by_rule": [
            {"rule": rule, **{direction: preview.by_rule[rule][direction] for direction in DIRECTIONS}}
            for rule in sorted(preview.by_rule)
        ],
        "decided_at_the_end": sorted(job.filters.job_rules) if job.filters else [],
    }  # fmt: skip


def _add_all(preview: Preview, job: JobContext, units: Sequence[ReadUnit]) -> None:
    for unit in units:
        preview.add(reread(job, unit))


def _list_effects(change: UnitChange) -> Iterator[Effect]:
    for gone in change.removed:
        yield Effect("newly_refused", (gone.rule,), before=gone.pair, detail=gone.detail)
    for come in change.added:
        yield Effect("newly_kept", (come.rule,), after=come.pair)
    for text in change.rewritten:
        yield Effect("repaired_differently", text.rules, text.before, text.after)
    for marks in change.reflagged:
        details = {finding.code: finding.detail for finding in marks.after.findings}
        for code in marks.gained:
            yield Effect("newly_flagged", (code,), marks.before, marks.after, details[code])
        for code in marks.lost:
            yield Effect("no_longer_flagged", (code,), marks.before, marks.after)


def _show_example(unit: ReadUnit, effect: Effect, rule: str) -> dict[str, Any]:
    before, after = effect.before, effect.after
    shown: dict[str, Any] = {
        "direction": effect.direction,
        "rule": rule,
        "detail": effect.detail,
        "item_id": encode_id("item", unit.item_id),
        "position": unit.position,
        "pair_id": None if before is None else encode_id("pair", before.id),
        "before": None if before is None else _show(before.texts, before.status, before.flags),
        "after": None,
        "diff": None,
    }
    if after is not None:
        texts = Pair(after.instruction, after.response)
        shown["after"] = _show(texts, "flagged" if after.flags else "accepted", after.flags)
        if before is not None:
            shown["diff"] = diff_pairs(before.texts, texts)
    return shown


def _show(texts: Pair, status: str, flags: Sequence[str]) -> dict[str, Any]:
    return {"instruction": texts.instruction, "response": texts.response, "status": status, "flags": list(flags)}
