"""What a rerun would change, told before it is done: by rule and direction, with examples."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.ids import encode_id
from app.pipeline.values import Stage
from app.services.claims import JobContext
from app.services.comparing import compare_questions
from app.services.effects import DIRECTIONS, Cause, Effect, list_differences, list_effects, mark, show_effect
from app.services.foreseeing import Foresight, OpenSession, open_foresight
from app.services.rereading import UnitChange, reread
from app.services.surplus import Ration
from app.store.comparisons import Question
from app.store.foresight import Difference
from app.store.rereading import ReadUnit, read_units
from app.store.tallies import read_tallies

BATCH_ITEMS = 250


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
    """Sums of what would change, and the examples that were asked for with their numbers (one more than the limit).

    come: pairs that are not there yet; chosen: the examples, before they are made ready to be shown
    """

    wanted: Wanted
    counts: Counter[str] = field(default_factory=Counter)
    by_rule: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    examples: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    chosen: list[tuple[int, Effect, Cause]] = field(default_factory=list)
    matched: int = 0
    come: int = 0
    last_item: int | None = None

    def add(self, change: UnitChange) -> None:
        """Count what a new reading changes about an item."""
        unit = change.unit
        self.counts["replies"] += len(unit.replies)
        self.counts["items_changed"] += change.is_change
        self.counts["pairs_before"] += len(unit.pairs)
        self.counts["pairs_after"] += len(change.order)
        self.counts["kept_by_hand"] += len(change.kept)
        if change.state is not None:
            self.counts[f"items_newly_{change.state[0]}"] += change.state[0] != unit.state
        for effect in list_effects(change, self.come):
            self._count(effect)
        self.come += len(change.added)

    def add_difference(self, difference: Difference) -> None:
        """Count what rules of the whole job change about a pair; they come in the order of items."""
        if difference.is_decided:
            self.counts["kept_by_hand"] += not difference.is_kept
            return
        if not difference.is_item_touched and difference.item_id != self.last_item:
            self.counts["items_changed"] += 1
            self.last_item = difference.item_id
        for effect in list_differences(difference):
            self._count(effect)

    def _count(self, effect: Effect) -> None:
        self.counts[effect.direction] += 1
        for cause in effect.causes:
            self.by_rule[cause.rule][effect.direction] += 1
            if self.wanted.takes(effect.direction, cause.rule):
                self.matched += 1
                if self.matched > self.wanted.after and len(self.chosen) <= self.wanted.limit:
                    self.chosen.append((self.matched, effect, cause))


async def preview_rerun(
    open_session: OpenSession, job: JobContext, positions: Sequence[int], wanted: Wanted
) -> Preview:
    """Read every stored reply of a job by the rules that `job` has, and say what would change; nothing does.

    No call is made. A batch of items is in memory at a time, and read beside the event loop. Where rules of the whole
    job are on, or have found something, their pass is made in a transaction that is taken back.
    """
    preview = Preview(wanted)
    ration = await _plan_ration(open_session, job, positions)
    async with open_foresight(open_session, job) as foresight:
        reading = open_session if foresight is None else foresight.lend_session
        batches = _read_all(preview, reading, job, positions, foresight, ration)
        if foresight is None or not foresight.plan.job_rules:
            async for _ in batches:
                pass
        else:
            await compare_questions(foresight.comparison, batches, foresight.plan)
        if foresight is not None:
            async for difference in foresight.tell():
                preview.add_difference(difference)
        await _show_examples(preview, foresight)
    return preview


def show_preview(preview: Preview, job: JobContext, start: str) -> dict[str, Any]:
    """The body of the answer, without its page of examples."""
    counts = preview.counts
    added = preview.come if Stage.TRANSLATE in job.stages else 0
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
    }  # fmt: skip


async def _plan_ration(open_session: OpenSession, job: JobContext, positions: Sequence[int]) -> Ration | None:
    """Which new pairs a target leaves room for: that needs all items to be read before."""
    if job.target_pairs is None:
        return None
    async with open_session() as session:
        ration = Ration(job.target_pairs, (await read_tallies(session, [job.job_id]))[job.job_id]["pairs"])
    for start in range(0, len(positions), BATCH_ITEMS):
        async with open_session() as session:
            units = await read_units(session, job.job_id, job.dataset_id, positions[start : start + BATCH_ITEMS])
        await asyncio.to_thread(_weigh_all, ration, job, units)
    return ration


def _weigh_all(ration: Ration, job: JobContext, units: Sequence[ReadUnit]) -> None:
    for unit in units:
        ration.weigh(reread(job, unit))


async def _read_all(
    preview: Preview,
    open_session: OpenSession,
    job: JobContext,
    positions: Sequence[int],
    foresight: Foresight | None,
    ration: Ration | None,
) -> AsyncIterator[list[Question]]:
    """Count what changes batch by batch; the questions that would stand then, where they are to be compared."""
    for start in range(0, len(positions), BATCH_ITEMS):
        batch = positions[start : start + BATCH_ITEMS]
        async with open_session() as session:
            units = await read_units(session, job.job_id, job.dataset_id, batch)
        changes = await asyncio.to_thread(_add_all, preview, job, units, ration)
        yield [] if foresight is None else await foresight.follow(batch, changes)


def _add_all(preview: Preview, job: JobContext, units: Sequence[ReadUnit], ration: Ration | None) -> list[UnitChange]:
    changes = [reread(job, unit) for unit in units]
    if ration is not None:
        changes = [ration.bound(change) for change in changes]
    for change in changes:
        preview.add(change)
    return changes


async def _show_examples(preview: Preview, foresight: Foresight | None) -> None:
    """Make the chosen examples ready: with all flags that the pairs would have, and the pairs that they are like."""
    codes: dict[int, tuple[str, ...]] = {}
    others: dict[int, tuple[int | None, str | None]] = {}
    if foresight is not None:
        codes = await foresight.read_codes(sorted({effect.pair_id for _, effect, _ in preview.chosen}))
        found = {cause.likeness.other_id for _, _, cause in preview.chosen if cause.likeness is not None}
        others = await foresight.read_others(sorted(found))
    for number, effect, cause in preview.chosen:
        after = effect.after
        if foresight is not None and after is not None and not effect.is_final:
            after = mark(after, codes.get(effect.pair_id, ()), foresight.refusing)
        preview.examples.append((number, show_effect(effect, cause, after, others)))
