"""Candidates: what the job of a round made of an item, how that scores, and which of them are examples."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.candidate_scores import Reply, Scores, measure_grounding, score_reply
from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.formats import parse_conversations, read_content
from app.pipeline.grounding import Standing, Verdict, ground_pairs
from app.pipeline.values import Content, Conversation, Pair, Rejection, Turn
from app.services.kinds import grammar_of, kind_of
from app.services.prompts import content_of
from app.store.cold_starts import StoredReply, list_candidates, list_rounds, read_replies
from app.store.datasets import get_dataset
from app.store.models import ColdStart, ColdStartCandidate, ColdStartRound
from datasets.registry import KindInfo

log = logging.getLogger("syphus.cold_starts")

ACCEPTED = ("accepted", "edited")

_KEPT = 4096

Verdicts = tuple[tuple[Verdict, ...], ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row with what stands behind it.

    state: `pending` while nothing came back, `ready` with at least one pair, `failed` without any
    content: the reply as it would stand in the prompt; refused: what of it was refused
    scores: None while it is pending
    contradicted: what the annotation speaks against, each with the number of its pair
    """

    row: ColdStartCandidate
    source_id: str
    position: int
    sentences: str
    state: str
    detail: str | None
    content: Content
    refused: tuple[Rejection, ...]
    scores: Scores | None
    contradicted: tuple[tuple[int, Verdict], ...] = ()

    @property
    def is_accepted(self) -> bool:
        return self.row.status in ACCEPTED

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


async def read_course(session: AsyncSession, cold_start: ColdStart) -> Course:
    """Everything about a cold start."""
    rounds = await list_rounds(session, cold_start.id)
    rows = await list_candidates(session, cold_start.id)
    kind_name = (await get_dataset(session, cold_start.dataset_id)).kind
    kind = kind_of(kind_name)
    return Course(cold_start, kind, kind_name, rounds, await read_candidates(session, kind, rounds, rows))


async def read_candidates(
    session: AsyncSession, kind: KindInfo, rounds: Sequence[ColdStartRound], rows: Sequence[ColdStartCandidate]
) -> list[Candidate]:
    """The rows with what the jobs of their rounds left behind, in the order given."""
    found: dict[int, Candidate] = {}
    with_titles = grammar_of(kind).keeps_order
    for each in rounds:
        mine = [row for row in rows if row.round == each.number]
        if mine:
            replies = await read_replies(session, each.job_id, [row.item_id for row in mine], with_raw=with_titles)
            found |= {row.id: _assemble(row, replies[row.item_id], kind) for row in mine}
    return [found[row.id] for row in rows]


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
    verdicts = () if state == "pending" else _ground(scored.pairs, reply.sentences)
    return Candidate(
        row=row,
        source_id=reply.source_id,
        position=reply.position,
        sentences=reply.sentences,
        state=state,
        detail=_describe(reply),
        content=content,
        refused=refused,
        scores=None if state == "pending" else _score(scored, reply.sentences, verdicts, kind.fewest_pairs),
        contradicted=tuple(
            (number, verdict)
            for number, of_pair in enumerate(verdicts)
            for verdict in of_pair
            if verdict.standing is Standing.CONTRADICTED
        ),
    )


def _describe(reply: StoredReply) -> str | None:
    """Why an item has no pairs."""
    said = [part for part in (reply.code, reply.detail) if part]
    return ": ".join(said) or None


@lru_cache(maxsize=_KEPT)
def _score(reply: Reply, sentences: str, verdicts: Verdicts, fewest: int) -> Scores:
    """Kept, since the same replies are looked at again and again while a person decides."""
    return score_reply(replace(reply, grounding=measure_grounding(verdicts)), sentences, fewest)


@lru_cache(maxsize=_KEPT)
def _ground(pairs: tuple[Pair, ...], sentences: str) -> Verdicts:
    """The verdicts on the claims of each pair; a check that breaks says nothing."""
    try:
        return ground_pairs(sentences, pairs)
    except Exception:
        log.exception("grounding_broke")
        return ()


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
