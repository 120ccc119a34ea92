"""Candidates: what the job of a round made of an item, how that scores, and which of them are examples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.candidate_scores import Reply, Scores
from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.formats import parse_conversations, read_content
from app.pipeline.values import Content, Conversation, Pair, Rejection, Turn
from app.services.cold_starts.scoring import Assessment, Subject, assess, assess_beside, recall
from app.services.kinds import grammar_of, kind_of
from app.services.prompts import content_of
from app.store.cold_starts import StoredReply, keep_scores, list_candidates, list_rounds, read_replies
from app.store.datasets import get_dataset
from app.store.models import ColdStart, ColdStartCandidate, ColdStartRound
from app.store.session import Sessions
from datasets.registry import KindInfo

ACCEPTED = ("accepted", "edited")

_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row with what stands behind it.

    state: `pending` while nothing came back, `ready` with at least one pair, `failed` without any
    content: the reply as it would stand in the prompt; refused: what of it was refused
    subject: what is scored of it, None while it is pending; assessment: how, None while that is to be found
    """

    row: ColdStartCandidate
    source_id: str
    position: int
    sentences: str
    state: str
    detail: str | None
    content: Content
    refused: tuple[Rejection, ...]
    subject: Subject | None
    assessment: Assessment | None

    @property
    def is_accepted(self) -> bool:
        return self.row.status in ACCEPTED

    @property
    def scores(self) -> Scores | None:
        return None if self.assessment is None else self.assessment.scores

    @property
    def contradicted(self) -> tuple[dict[str, Any], ...]:
        """What the annotation speaks against."""
        return () if self.assessment is None else self.assessment.contradicted

    @property
    def worth(self) -> float | None:
        """What it counts in a mean: its overall score, nothing once it is rejected, None while it is pending."""
        if self.row.status == "rejected":
            return 0.0
        return None if self.scores is None else self.scores.overall


@dataclass(frozen=True, slots=True)
class Course:
    """A cold start with its rounds and all their candidates; `kind_name` is None for plain items without a kind."""

    cold_start: ColdStart
    kind: KindInfo
    kind_name: str | None
    rounds: Sequence[ColdStartRound]
    candidates: Sequence[Candidate]

    def of_round(self, number: int) -> list[Candidate]:
        return [each for each in self.candidates if each.row.round == number]

    @property
    def examples(self) -> list[Candidate]:
        """The accepted ones, one an item (that of the newest round), cluster by cluster."""
        newest = {each.row.item_id: each for each in self.candidates if each.is_accepted}
        return sorted(newest.values(), key=lambda each: (each.row.cluster, each.position))


async def read_course(session: AsyncSession, cold_start: ColdStart, *, scores: bool = True) -> Course:
    """Everything about a cold start; without `scores` those that were not kept are left to `score_course`."""
    rounds = await list_rounds(session, cold_start.id)
    rows = await list_candidates(session, cold_start.id)
    kind_name = (await get_dataset(session, cold_start.dataset_id)).kind
    kind = kind_of(kind_name)
    candidates = await read_candidates(session, kind, rounds, rows, scores=scores)
    return Course(cold_start, kind, kind_name, rounds, candidates)


async def read_candidates(
    session: AsyncSession,
    kind: KindInfo,
    rounds: Sequence[ColdStartRound],
    rows: Sequence[ColdStartCandidate],
    *,
    scores: bool = True,
) -> list[Candidate]:
    """The rows with what the jobs of their rounds left behind, in the order given.

    Without `scores` those that were not kept are left to `score_candidates`: each takes about 2 ms.
    """
    found: dict[int, Candidate] = {}
    with_titles = grammar_of(kind).keeps_order
    for each in rounds:
        mine = [row for row in rows if row.round == each.number]
        if mine:
            replies = await read_replies(session, each.job_id, [row.item_id for row in mine], with_raw=with_titles)
            found |= {row.id: _assemble(row, replies[row.item_id], kind) for row in mine}
    read = [found[row.id] for row in rows]
    return [_score(each) for each in read] if scores else read


async def score_course(sessions: Sessions, course: Course) -> Course:
    """A course that was read without scores, with all of them."""
    return replace(course, candidates=await score_candidates(sessions, course.candidates))


async def score_candidates(sessions: Sessions, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Score what was not scored yet, beside the loop, and keep it: whoever looks next only reads.

    Outside of any transaction, since it takes as long as it takes.
    """
    made: dict[int, Assessment] = {}
    waiting = [(each.row.id, each.subject) for each in candidates if each.subject and not each.assessment]
    for start in range(0, len(waiting), _AT_ONCE):
        batch = waiting[start : start + _AT_ONCE]
        found = await assess_beside([subject for _, subject in batch])
        made |= {number: each for (number, _), each in zip(batch, found, strict=True)}
        async with sessions.begin() as session:
            await keep_scores(session, {number: made[number].describe(subject) for number, subject in batch})
    return [replace(each, assessment=made.get(each.row.id, each.assessment)) for each in candidates]


def turns_of(examples: Iterable[Candidate]) -> tuple[Turn, ...]:
    """Accepted candidates as turns of a prompt."""
    turns: list[Turn] = []
    for each in examples:
        turns += [Turn("user", each.sentences), Turn("assistant", each.content)]
    return tuple(turns)


def _assemble(row: ColdStartCandidate, reply: StoredReply, kind: KindInfo) -> Candidate:
    read = tuple(Pair(instruction, response, number) for instruction, response, number, _ in reply.pairs)
    refused = tuple(_to_rejection(*each) for each in reply.rejections)
    content = _to_content(read, reply, kind) if row.content is None else content_of(row.content)
    state = "pending" if reply.state is None else "ready" if read else "failed"
    scored = Reply(read, refused, sum(status == "flagged" for *_, status in reply.pairs))
    if row.status == "edited":
        scored, state = Reply(read_content(content)), "ready"
    subject = None if state == "pending" else Subject(scored, reply.sentences, kind.fewest_pairs)
    return Candidate(
        row=row,
        source_id=reply.source_id,
        position=reply.position,
        sentences=reply.sentences,
        state=state,
        detail=_describe(reply),
        content=content,
        refused=refused,
        subject=subject,
        assessment=None if subject is None else recall(row.scored, subject),
    )


def _score(candidate: Candidate) -> Candidate:
    if candidate.subject is None or candidate.assessment is not None:
        return candidate
    return replace(candidate, assessment=assess(candidate.subject))


def _describe(reply: StoredReply) -> str | None:
    """Why an item has no pairs."""
    said = [part for part in (reply.code, reply.detail) if part]
    return ": ".join(said) or None


def _to_rejection(
    reason: str, detail: str, instruction: str | None, response: str | None, text: str | None
) -> Rejection:
    pair = None if instruction is None else Pair(instruction, response or "")
    return Rejection(reason, detail, text or "", pair)


def _to_content(pairs: tuple[Pair, ...], reply: StoredReply, kind: KindInfo) -> Content:
    """Pairs as they are; rounds in their conversations, whose titles and reasons only the reply itself holds."""
    if not grammar_of(kind).keeps_order:
        return pairs
    told = _read_headings(reply.raw)
    conversations = []
    for number in sorted({pair.conversation for pair in pairs}):
        rounds = tuple(pair for pair in pairs if pair.conversation == number)
        title, reason = told[number] if number < len(told) else ("", "")
        conversations.append(Conversation(title or f"Conversation {number + 1}", rounds, reason))
    return tuple(conversations)


def _read_headings(raw: bytes | None) -> list[tuple[str, str]]:
    if raw is None:
        return []
    try:
        completion = decode_completion(raw)
    except CompletionError:
        return []
    parsed = parse_conversations(completion.text, truncated=completion.finish_reason == "length")
    return [(each.title, each.reason) for each in parsed.conversations]
