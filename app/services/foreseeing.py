"""What rules of the whole job would find after a rerun: its pairs are compared as they would stand then."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.filtering import JOB_RULES, FilterPlan, Severity
from app.pipeline.values import Pair
from app.services.claims import JobContext
from app.services.rereading import UnitChange, place
from app.store.comparisons import TIMEOUT_S, Comparison, Question
from app.store.foresight import (
    Difference,
    ForesightTables,
    NewStanding,
    begin_foresight,
    has_marks,
    read_difference,
)
from app.store.outcomes import NewPair
from app.store.rereading import KnownPair

OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]

_DIFFERENCES_AT_ONCE = 500


class Foresight:
    """A comparison that follows a new reading batch by batch, and then says what it would find."""

    def __init__(self, tables: ForesightTables, plan: FilterPlan) -> None:
        self._tables = tables
        self._come = 0
        self.plan = plan

    @property
    def comparison(self) -> Comparison:
        return self._tables.comparison

    @asynccontextmanager
    async def lend_session(self) -> AsyncIterator[AsyncSession]:
        """Its own session, to read with: whoever holds one connection and waits for another may wait for the like."""
        yield self._tables.session

    @property
    def refusing(self) -> list[str]:
        """The rules that would refuse what they find."""
        return [code for code, severity in self.plan.job_rules.items() if severity is Severity.REJECT]

    async def follow(self, positions: Sequence[int], changes: Sequence[UnitChange]) -> list[Question]:
        """Note what would stand about the items of these positions, and ask with it; nothing where no rule is on."""
        numbers = self._number(changes)
        await self._tables.touch([row for change in changes for row in _list_touched(change)])
        await self._tables.add_standings([s for change in changes for s in _list_standings(change, numbers)])
        if not self.plan.job_rules:
            return []
        questions = await self.comparison.read_questions(positions)
        changed = {change.unit.item_id: change for change in changes if change.is_change}
        if not changed:
            return questions
        items = [item_id for item_id, change in changed.items() if change.added]
        image_sets = await self._tables.read_image_sets(items) if items else {}
        by_item: dict[int, list[Question]] = defaultdict(list)
        for question in questions:
            by_item[question.item_id].append(question)
        for item_id, change in changed.items():
            by_item[item_id] = _reorder(by_item[item_id], change, numbers, image_sets.get(item_id))
        return sorted(
            (question for each in by_item.values() for question in each),
            key=lambda question: (question.position, question.ordinal),
        )

    async def tell(self) -> AsyncIterator[Difference]:
        """The pairs about which the rules would find something else, in the order of their items."""
        cursor = await self._tables.open_differences(self.refusing)
        while rows := await cursor.fetch(_DIFFERENCES_AT_ONCE, timeout=TIMEOUT_S):
            for row in rows:
                yield read_difference(row)

    async def read_codes(self, pair_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """The rules that would find something about these pairs."""
        return await self._tables.read_codes(pair_ids)

    async def read_others(self, pair_ids: Sequence[int]) -> dict[int, tuple[int | None, str | None]]:
        """Items and instructions of pairs that others are like."""
        return await self._tables.read_others(pair_ids)

    def _number(self, changes: Sequence[UnitChange]) -> dict[int, int]:
        """An id below zero for each pair that comes, by its identity."""
        numbers = {}
        for change in changes:
            for come in change.added:
                self._come += 1
                numbers[id(come.pair)] = -self._come
        return numbers


@asynccontextmanager
async def open_foresight(open_session: OpenSession, job: JobContext) -> AsyncIterator[Foresight | None]:
    """A comparison that is taken back at the end; None where no rule of the whole job is on, or has found anything."""
    plan = job.filters or FilterPlan()
    async with open_session() as session:
        if plan.job_rules or await has_marks(session, job.job_id):
            yield Foresight(await begin_foresight(session, job.job_id, job.dataset_id), plan)
            return
    yield None


def _list_touched(change: UnitChange) -> list[tuple[str, int]]:
    rows = [("gone", gone.pair.id) for gone in change.removed] + [("kept", known.id) for known in change.kept]
    return [*rows, ("item", change.unit.item_id)] if change.is_change else rows


def _list_standings(change: UnitChange, numbers: dict[int, int]) -> list[NewStanding]:
    """Pairs that come, and those that stay with other texts or flags."""
    item_id = change.unit.item_id
    texts = {each.before.id: each.after for each in change.rewritten}
    marks = {each.before.id: each for each in change.reflagged}
    known = {each.before.id: each.before for each in change.rewritten}
    known |= {each.before.id: each.before for each in change.reflagged}
    standings = [
        NewStanding(numbers[id(c.pair)], item_id, c.pair.instruction, c.pair.response, c.pair.flags)
        for c in change.added
    ]
    for pair_id, before in known.items():
        new = texts.get(pair_id)
        said = before.texts if new is None else Pair(new.instruction, new.response)
        flags = marks[pair_id].after.flags if pair_id in marks else before.flags
        bare = tuple(flag for flag in flags if flag not in JOB_RULES)
        standings.append(NewStanding(pair_id, item_id, said.instruction, said.response, bare))
    return standings


def _reorder(
    questions: Sequence[Question], change: UnitChange, numbers: dict[int, int], image_set: int | None
) -> list[Question]:
    """The questions of a changed item as they would be."""
    gone = {each.pair.id for each in change.removed}
    texts = {each.before.id: each.after.instruction for each in change.rewritten}
    places = place(change)
    ordinals = {known.id: ordinal for known, ordinal in places if isinstance(known, KnownPair)}
    staying = [
        replace(q, text=texts.get(q.pair_id, q.text), ordinal=ordinals.get(q.pair_id, q.ordinal))
        for q in questions
        if q.pair_id not in gone
    ]
    unit = change.unit
    coming = [
        Question(numbers[id(new)], unit.item_id, image_set, new.instruction, unit.position, ordinal)
        for new, ordinal in places
        if isinstance(new, NewPair)
    ]
    return staying + coming
