"""Applying a review rule and taking it back, a batch of pairs a transaction: what breaks off is gone on with."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.errors import ConflictError
from app.ids import encode_id
from app.pipeline.review_rules import Rewriter
from app.services.editing import TextEdit, edit_texts, take_back
from app.services.review_rules import is_storable, read_rule, show_run
from app.store import review_rules as store
from app.store.edit_rows import find_edits
from app.store.edits import Change, lock_pairs, write_changes
from app.store.models import ReviewRule, ReviewRuleRun
from app.store.reading import AnyRow

BATCH = 500
UNCHANGED_SHOWN = 1000

Settled = tuple[int, str, str | None, int | None]


async def apply_batch(session: AsyncSession, rule_id: int) -> bool:
    """Apply the rule's run to its next pairs; False where nothing was left, and the run is applied.

    A pair that changed after the preview is skipped.
    """
    rule, run = await _hold_run(session, rule_id)
    if run.state != "applying":
        return False
    waiting = await store.list_run_pairs(session, run.id, "waiting", BATCH)
    if not waiting:
        run.state, run.finished_at = "applied", utc_now()
        return False
    settled = await _apply(session, rule, run, waiting)
    await store.settle_run_pairs(session, run.id, settled)
    changed = sum(state == "changed" for _, state, _, _ in settled)
    run.changed += changed
    run.skipped += len(settled) - changed
    return True


async def begin_undoing(session: AsyncSession, rule_id: int) -> None:
    """Turn the rule's last run back; asking twice is asking once. Raises ConflictError where it was never applied."""
    _, run = await _hold_run(session, rule_id)
    if run.state == "applying":
        run.skipped += await store.give_up_waiting(session, run.id)
    if run.state in {"applying", "applied"}:
        run.state, run.finished_at = "undoing", None


async def undo_batch(session: AsyncSession, rule_id: int) -> bool:
    """Take back the next changes of the rule's last run; False where nothing was left, and the run is undone.

    A pair that a person edited or reviewed since is left as it is.
    """
    _, run = await _hold_run(session, rule_id)
    if run.state != "undoing":
        return False
    changed = await store.list_run_pairs(session, run.id, "changed", BATCH)
    if not changed:
        run.state, run.finished_at = "undone", utc_now()
        return False
    settled = await _undo(session, run, changed)
    await store.settle_run_pairs(session, run.id, settled)
    undone = sum(state == "undone" for _, state, _, _ in settled)
    run.undone += undone
    run.left_alone += len(settled) - undone
    return True


async def show_last_run(session: AsyncSession, rule_id: int) -> dict[str, Any]:
    """The rule's last run, with the first pairs that it left alone and why."""
    _, run = await _hold_run(session, rule_id)
    unchanged = await store.list_unchanged(session, run.id, UNCHANGED_SHOWN)
    left = [{"pair_id": encode_id("pair", pair_id), "reason": reason} for pair_id, reason in unchanged]
    return show_run(run) | {"left_alone": left}


async def _hold_run(session: AsyncSession, rule_id: int) -> tuple[ReviewRule, ReviewRuleRun]:
    rule = await store.get_rule(session, rule_id, lock=True)
    run = await store.find_last_run(session, rule_id)
    if run is None:
        raise ConflictError("The rule was never applied; preview it, and apply it with the preview's token.")
    return rule, run


async def _apply(
    session: AsyncSession, rule: ReviewRule, run: ReviewRuleRun, waiting: Sequence[AnyRow]
) -> list[Settled]:
    rewriter, name = Rewriter(read_rule(rule)), encode_id("rule", rule.id)
    found = await lock_pairs(session, [row.pair_id for row in waiting])
    edits = []
    for row in waiting:
        pair = found.get(row.pair_id)
        if pair is not None and pair.revision == row.revision and is_storable(rewriter.rewrite(pair.texts)):
            texts = rewriter.rewrite(pair.texts)
            edits.append(TextEdit(pair.id, texts, "rule", run.author, rule.note, name, row.revision))
    written = await edit_texts(session, edits)
    return [
        (row.pair_id, "changed", None, written[row.pair_id])
        if row.pair_id in written
        else (row.pair_id, "skipped", "changed_since" if row.pair_id in found else "gone", None)
        for row in waiting
    ]


async def _undo(session: AsyncSession, run: ReviewRuleRun, changed: Sequence[AnyRow]) -> list[Settled]:
    found = await lock_pairs(session, [row.pair_id for row in changed])
    touched = await store.find_touched(session, [(row.pair_id, row.edit_id, row.revision) for row in changed])
    edits = await find_edits(session, [row.edit_id for row in changed])
    changes: list[Change] = []
    settled: list[Settled] = []
    for row in changed:
        pair, edit = found.get(row.pair_id), edits.get(row.edit_id)
        reason = "gone" if pair is None or edit is None else touched.get(row.pair_id)
        if pair is not None and edit is not None and reason is None:
            changes.append(take_back(pair, edit, run.author))
        settled.append((row.pair_id, "left" if reason else "undone", reason, None))
    await write_changes(session, changes)
    return settled
