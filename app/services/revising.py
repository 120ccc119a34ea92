"""Making the changes that a new reading of stored replies brings, with all that hangs on the pairs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.filtering import JOB_RULES
from app.pipeline.translating import source_fingerprint
from app.pipeline.values import Pair, Stage
from app.services.rereading import Reflagging, UnitChange, place
from app.store.edits import Change, lock_pairs, write_changes
from app.store.new_pairs import insert_knowledge, insert_pairs, insert_rejections
from app.store.outcomes import NewPair, Outcome, Reply
from app.store.quotas import note_bounds
from app.store.revising import (
    Move,
    NewState,
    delete_pairs,
    forget_findings,
    forget_rejections,
    forget_repairs,
    move_pairs,
    regroup_pairs,
    set_states,
)
from app.store.tallies import add_tallies


async def make_changes(session: AsyncSession, job_id: int, changes: Sequence[UnitChange], bucket: int) -> None:
    """Write changes of different items, whose pairs are locked.

    A pair that goes takes its translations along; one whose text changes leaves them stale. Pairs that stay keep their
    ids, their translations and what people said about them, and move up where others went.
    """
    tallies: Counter[tuple[int, str]] = Counter()
    gone = [(each.pair.id, c.unit.item_id, each.pair.ordinal) for c in changes for each in c.removed]
    await delete_pairs(session, job_id, gone, tallies)
    moves, coming = _find_places(changes)
    await move_pairs(session, job_id, moves)
    await regroup_pairs(session, [(known.id, number) for c in changes for known, number in c.regrouped])
    await insert_pairs(session, [_bring(job_id, c, pairs) for c, pairs in coming if pairs], tallies)
    await _rewrite(session, job_id, changes)
    again = [c for c in changes if c.rejections is not None]
    if again:
        await forget_rejections(session, job_id, [c.unit.item_id for c in again], tallies)
        await insert_rejections(session, [_bring(job_id, c, ()) for c in again], tallies)
    states = [NewState(c.unit.item_id, (c.unit.state, c.unit.code), *c.state) for c in changes if c.state is not None]
    await set_states(session, job_id, states, tallies)
    await note_bounds(session, [(c.unit.call_id, c.bound) for c in changes if c.bound is not None])
    await add_tallies(session, tallies, bucket)


def _find_places(changes: Sequence[UnitChange]) -> tuple[list[Move], list[tuple[UnitChange, list[NewPair]]]]:
    """Stored pairs that get another ordinal, and the new ones with theirs."""
    moves: list[Move] = []
    coming: list[tuple[UnitChange, list[NewPair]]] = []
    for change in changes:
        fresh: list[NewPair] = []
        for pair, ordinal in place(change):
            if isinstance(pair, NewPair):
                fresh.append(replace(pair, ordinal=ordinal))
            elif pair.ordinal != ordinal:
                moves.append(Move(change.unit.item_id, pair.ordinal, ordinal, source_fingerprint(pair.texts)))
        coming.append((change, fresh))
    return moves, coming


async def _rewrite(session: AsyncSession, job_id: int, changes: Sequence[UnitChange]) -> None:
    """Put other texts and flags on pairs that stay."""
    texts = {each.before.id: each.after for c in changes for each in c.rewritten}
    flags = {each.before.id: each for c in changes for each in c.reflagged}
    found = await lock_pairs(session, sorted({*texts, *flags}))
    written = []
    for pair_id, pair in found.items():
        new, marks = texts.get(pair_id), flags.get(pair_id)
        kept_flags = pair.flags if marks is None else marks.flags
        written.append(
            Change(
                pair,
                status="flagged" if kept_flags else "accepted",
                kind=None if new is None else "repair",
                texts=None if new is None else Pair(new.instruction, new.response),
                words=None if new is None else new.words,
                flags=kept_flags,
                rule=None if new is None else ",".join(repair.rule for repair in new.repairs) or None,
            )
        )
    await write_changes(session, written)
    if texts:
        await forget_repairs(session, sorted(texts))  # the one that was just written says less than what follows
    if flags:
        await forget_findings(session, sorted(flags), JOB_RULES)
    known = [(job_id, pair_id, _know(texts.get(pair_id), flags.get(pair_id))) for pair_id in found]
    await insert_knowledge(session, known)


def _know(new: NewPair | None, marks: Reflagging | None) -> NewPair:
    """What is to be stored beside a pair: repairs where its texts changed, findings where these did."""
    source = new or (marks.after if marks else None)
    assert source is not None  # noqa: S101  # narrows the type: one of both is why the pair is here
    return replace(
        source,
        repairs=() if new is None else new.repairs,
        findings=() if marks is None else marks.after.findings,
    )


def _bring(job_id: int, change: UnitChange, pairs: Sequence[NewPair]) -> Outcome:
    """What is new of a unit, as its replies brought it."""
    unit = change.unit
    return Outcome(
        job_id,
        Stage.GENERATE,
        unit.item_id,
        unit.sample,
        unit.state,
        unit.call_id,
        pairs=tuple(pairs),
        earlier=() if pairs else tuple(Reply(call_id, (), (refused,)) for call_id, refused in change.refusals or ()),
    )
