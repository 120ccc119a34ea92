"""Review rules: made from a fix or by hand, shown on all alike pairs, applied to exactly those, and taken back."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id, utc_now
from app.errors import ConflictError, Fault, InvalidRequestError, NotFoundError
from app.ids import encode_id
from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.pipeline.language_tags import is_known
from app.pipeline.review_rules import Rewriter, TextRule, check_rule, suggest_rule
from app.pipeline.values import Pair
from app.services.editing import LONGEST_TEXT
from app.store import review_rules as store
from app.store.edit_rows import find_edit, find_latest_edit
from app.store.jobs import get_job
from app.store.models import Dataset, PairEdit, ReviewRule, ReviewRuleRun
from app.store.pairs import find_pairs

_LANGUAGE = 6


@dataclass(frozen=True, slots=True)
class RuleRequest:
    """A rule that a person wants: by an edit (or the last one of a pair), or by what is found and put in its place.

    job_id, dataset_id: where; the edit's job by default. language: the edited pair's, or English, by default
    """

    author: str
    edit_id: int | None = None
    pair_id: int | None = None
    find: str | None = None
    replace: str | None = None
    side: str | None = None
    match: str = "literal"
    ignore_case: bool = False
    whole_words: bool | None = None
    job_id: int | None = None
    dataset_id: int | None = None
    language: str | None = None
    note: str | None = None


@dataclass(slots=True)
class Preview:
    """All pairs that a rule would change, as (pair, revision); of these up to `limit` diffs beyond a pair.

    refused: pairs that it would leave without a text, or with too long a one
    """

    after: int
    limit: int
    pairs: list[tuple[int, int]] = field(default_factory=list)
    diffs: list[dict[str, Any]] = field(default_factory=list)
    by_status: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    @property
    def token(self) -> str:
        """A digest of the pairs and the versions that they are in."""
        digest = blake2b(digest_size=16)
        for pair_id, revision in self.pairs:
            digest.update(b"%d:%d;" % (pair_id, revision))
        return digest.hexdigest()


async def make_rule(session: AsyncSession, request: RuleRequest) -> ReviewRule:
    """Store a rule; nothing changes yet. Raises NotFoundError or InvalidRequestError."""
    edit = await _find_edit(session, request)
    rule = _read_rule(request, edit)
    faults = check_rule(rule)
    if (request.job_id is not None) and (request.dataset_id is not None):
        faults.append(Fault("/dataset_id", "contradiction", "A rule is for a job or for a dataset; name one."))
    job_id = request.job_id
    if job_id is None and request.dataset_id is None:
        job_id = None if edit is None else edit.job_id
        if edit is None:
            faults.append(Fault("/job_id", "missing", "Say where: job_id or dataset_id."))
    if request.language is not None and not (request.language == SOURCE_LANGUAGE or is_known(request.language)):
        faults.append(Fault("/language", "unknown_language", f"There is no language {request.language!r}."))
    if faults:
        raise InvalidRequestError("The rule cannot be made like this.", errors=faults)
    if job_id is not None:
        await get_job(session, job_id)
    elif await session.get(Dataset, request.dataset_id) is None:
        raise NotFoundError("dataset", encode_id("dataset", request.dataset_id or 0))
    row = ReviewRule(
        id=new_id(),
        job_id=job_id,
        dataset_id=request.dataset_id,
        language=request.language or await _language_of(session, edit),
        side=rule.side,
        match=rule.match,
        find=rule.find,
        replace=rule.replace,
        ignore_case=rule.ignore_case,
        whole_words=rule.whole_words,
        edit_id=None if edit is None else edit.id,
        author=request.author,
        note=request.note,
        created_at=utc_now(),
    )
    session.add(row)
    await session.flush()
    return row


async def preview_rule(session: AsyncSession, rule_id: int, after: int, limit: int) -> tuple[ReviewRule, Preview]:
    """What a rule would change now; nothing is written. Raises NotFoundError."""
    rule = await store.get_rule(session, rule_id)
    return rule, await _preview(session, rule, after, limit)


async def _preview(session: AsyncSession, rule: ReviewRule, after: int, limit: int) -> Preview:
    preview, rewriter = Preview(after, limit), Rewriter(read_rule(rule))
    async for pair_id, revision, before, result, status in _walk(session, rule, rewriter):
        if not is_storable(result):
            preview.refused += 1
            continue
        preview.pairs.append((pair_id, revision))
        preview.by_status[status] = preview.by_status.get(status, 0) + 1
        if pair_id > after and len(preview.diffs) <= limit:
            preview.diffs.append(_show_diff(pair_id, status, before, result, rewriter))
    return preview


async def _walk(
    session: AsyncSession, rule: ReviewRule, rewriter: Rewriter
) -> AsyncIterator[tuple[int, int, Pair, Pair, str]]:
    """(pair, revision, texts, texts by the rule, status) of each pair that the rule changes."""
    async for rows in store.stream_candidates(session, rule, rewriter.needle):
        for pair_id, revision, instruction, response, status in rows:
            before = Pair(instruction, response)
            result = rewriter.rewrite(before)
            if result != before:
                yield pair_id, revision, before, result, status


async def begin_run(session: AsyncSession, rule_id: int, token: str, author: str) -> int:
    """The run that applies a rule to exactly the pairs of a preview; the same one for the same token.

    Raises ConflictError where another run is not finished, or where the pairs are not those of the preview any more.
    """
    rule = await store.get_rule(session, rule_id, lock=True)
    last = await store.find_last_run(session, rule_id)
    if last is not None and last.token == token and last.state in {"applying", "applied"}:
        return last.id
    if last is not None and last.state in {"applying", "undoing"}:
        action = "apply it with its own token" if last.state == "applying" else "undo"
        raise ConflictError(f"The rule is {last.state} from before; {action} first.", code="run_unfinished")
    preview = await _preview(session, rule, 0, 0)
    if preview.token != token:
        raise ConflictError(
            f"Pairs have changed since that preview; {len(preview.pairs)} are alike now. Preview again.",
            code="stale_preview",
        )
    run = ReviewRuleRun(
        rule_id=rule_id,
        token=token,
        state="applying",
        author=author,
        matched=len(preview.pairs),
        created_at=utc_now(),
    )
    session.add(run)
    await session.flush()
    await store.add_run_pairs(session, run.id, preview.pairs)
    return run.id


async def show_rules(session: AsyncSession, rules: Sequence[ReviewRule]) -> list[dict[str, Any]]:
    """Rules as the API shows them, with their runs."""
    runs: dict[int, list[dict[str, Any]]] = {}
    for run in await store.list_runs(session, [rule.id for rule in rules]):
        runs.setdefault(run.rule_id, []).append(show_run(run))
    return [_show_rule(rule, runs.get(rule.id, [])) for rule in rules]


def read_rule(rule: ReviewRule) -> TextRule:
    """What a stored rule says."""
    return TextRule(rule.find, rule.replace, rule.side, rule.match, rule.ignore_case, rule.whole_words)


def is_storable(texts: Pair) -> bool:
    """Whether a pair may have these texts."""
    return all(0 < len(text) <= LONGEST_TEXT for text in (texts.instruction, texts.response))


def show_run(run: ReviewRuleRun) -> dict[str, Any]:
    """An application as the API shows it."""
    return {
        "id": encode_id("run", run.id),
        "object": "review_rule.run",
        "rule_id": encode_id("rule", run.rule_id),
        "state": run.state,
        "author": run.author,
        "counts": {
            "matched": run.matched,
            "changed": run.changed,
            "skipped": run.skipped,
            "undone": run.undone,
            "left": run.left_alone,
        },
        "created_at": run.created_at,
        "finished_at": run.finished_at,
    }


async def _find_edit(session: AsyncSession, request: RuleRequest) -> PairEdit | None:
    if request.edit_id is not None:
        edit = await find_edit(session, request.edit_id)
        if edit is None:
            raise NotFoundError("edit", encode_id("edit", request.edit_id))
        return edit
    if request.pair_id is not None:
        edit = await find_latest_edit(session, request.pair_id)
        if edit is None:
            raise NotFoundError("edit of pair", encode_id("pair", request.pair_id))
        return edit
    return None


def _read_rule(request: RuleRequest, edit: PairEdit | None) -> TextRule:
    """What the request says, and what it leaves out as the edit says it."""
    if request.find is not None:
        return TextRule(
            request.find,
            request.replace or "",
            request.side or "both",
            request.match,
            request.ignore_case,
            bool(request.whole_words),
        )
    if edit is None:
        fault = Fault("/find", "missing", "Say what is to be replaced, or name the edit that shows it.")
        raise InvalidRequestError("There is nothing to make a rule of.", errors=[fault])
    rule = suggest_rule(
        Pair(edit.instruction_before, edit.response_before), Pair(edit.instruction_after, edit.response_after)
    )
    if rule is None:
        message = "The edit changes several things, or a whole text; give find and replace yourself."
        raise InvalidRequestError("No rule follows from this edit.", errors=[Fault("/edit_id", "no_rule", message)])
    whole_words = rule.whole_words if request.whole_words is None else request.whole_words
    return TextRule(rule.find, rule.replace, request.side or rule.side, "literal", request.ignore_case, whole_words)


async def _language_of(session: AsyncSession, edit: PairEdit | None) -> str:
    rows = [] if edit is None else await find_pairs(session, [edit.pair_id])
    return str(rows[0][_LANGUAGE]) if rows else "en"


def _show_rule(rule: ReviewRule, runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": encode_id("rule", rule.id),
        "object": "review_rule",
        "job_id": None if rule.job_id is None else encode_id("job", rule.job_id),
        "dataset_id": None if rule.dataset_id is None else encode_id("dataset", rule.dataset_id),
        "language": rule.language,
        "side": rule.side,
        "match": rule.match,
        "find": rule.find,
        "replace": rule.replace,
        "ignore_case": rule.ignore_case,
        "whole_words": rule.whole_words,
        "edit_id": None if rule.edit_id is None else encode_id("edit", rule.edit_id),
        "author": rule.author,
        "note": rule.note,
        "runs": runs,
        "created_at": rule.created_at,
    }


def _show_diff(pair_id: int, status: str, before: Pair, result: Pair, rewriter: Rewriter) -> dict[str, Any]:
    return {
        "pair_id": encode_id("pair", pair_id),
        "status": status,
        "before": {"instruction": before.instruction, "response": before.response},
        "after": {"instruction": result.instruction, "response": result.response},
        "changes": [
            {"side": place.side, "at": place.at, "removed": place.removed, "added": place.added}
            for place in rewriter.compare(before)
        ],
    }
