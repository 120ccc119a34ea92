"""Reviewing: people accept, edit and reject pairs, one by one or many at a time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import AppError, Fault, InvalidRequestError, NotFoundError
from app.ids import encode_id
from app.services.editing import TextEdit, change_texts, confirm_flags, read_texts
from app.services.pairs import show_rows
from app.services.versions import require_version
from app.store.edits import Change, StoredPair, lock_pairs, write_changes
from app.store.pairs import find_pairs
from app.store.reading import AnyRow
from app.store.reviews import Saying, say

VERDICT_OF = {"accepted": "accept", "edited": "edit", "rejected": "reject"}
ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Review:
    """What a person says of a pair: its status from now on, or new texts (None: as it is).

    etags: the versions that it speaks of, as If-Match names them; empty where it names none, `*` for any
    """

    pair_id: int
    etags: tuple[str, ...]
    status: str | None = None
    instruction: str | None = None
    response: str | None = None
    note: str | None = None
    reviewer: str = ANONYMOUS
    pointer: str = ""

    @property
    def has_texts(self) -> bool:
        return self.instruction is not None or self.response is not None


Result = dict[str, Any] | AppError


async def review_pair(session: AsyncSession, review: Review) -> dict[str, Any]:
    """One review; answers the pair as it stands then. Raises what refuses it."""
    [result] = await review_pairs(session, [review])
    if isinstance(result, AppError):
        raise result
    return result


async def review_pairs(session: AsyncSession, reviews: Sequence[Review]) -> list[Result]:
    """Reviews in their order, each with the pair as it stands after it, or with what refused it; none stops another.

    The outcome is that of one review after the other. Pairs of one family (an English pair and its translations) wait
    for one another, families do not: round by round, the next review of each family is done.
    """
    english_of = await _find_families(session, [review.pair_id for review in reviews])
    turns: dict[int, int] = defaultdict(int)
    rounds: dict[int, list[int]] = defaultdict(list)
    for index, review in enumerate(reviews):
        family = english_of.get(review.pair_id, review.pair_id)
        rounds[turns[family]].append(index)
        turns[family] += 1
    results: dict[int, Result] = {}
    await lock_pairs(session, sorted({review.pair_id for review in reviews}))
    for number in sorted(rounds):
        indexes = rounds[number]
        done = await _review_round(session, [reviews[index] for index in indexes])
        results |= dict(zip(indexes, done, strict=True))
    return [results[index] for index in range(len(reviews))]


async def _review_round(session: AsyncSession, reviews: Sequence[Review]) -> list[Result]:
    """Reviews of different families."""
    ids = [review.pair_id for review in reviews]
    pairs, rows = await lock_pairs(session, ids), await _find_rows(session, ids)
    changes: dict[int, Change] = {}
    refused: dict[int, AppError] = {}
    for review in reviews:
        try:
            changes[review.pair_id] = _decide(review, pairs.get(review.pair_id), rows.get(review.pair_id))
        except AppError as error:
            refused[review.pair_id] = error
    edit_ids = await write_changes(session, list(changes.values()))
    sayings = [_saying(review, edit_ids) for review in reviews if review.pair_id in changes]
    if sayings:
        await say(session, sayings)
    shown = {row[0]: show_rows([row])[0] for row in await find_pairs(session, list(changes))}
    return [refused.get(review.pair_id) or shown[review.pair_id] for review in reviews]


def _decide(review: Review, pair: StoredPair | None, row: AnyRow | None) -> Change:
    """The change that a review makes; raises what refuses it."""
    if pair is None or row is None:
        raise NotFoundError("pair", encode_id("pair", review.pair_id))
    require_version(review.etags, show_rows([row])[0]["etag"])
    faults = check_review(review)
    if faults:
        raise InvalidRequestError("The review cannot be done as asked.", errors=faults)
    if review.has_texts:
        texts, faults = read_texts(pair.texts, review.instruction, review.response, review.pointer)
        if faults:
            raise InvalidRequestError("The pair cannot have these texts.", errors=faults)
        return change_texts(pair, TextEdit(pair.id, texts, author=review.reviewer, note=review.note))
    status = review.status or "accepted"
    flags = pair.flags if status == "rejected" else confirm_flags(pair)
    return Change(pair, status=status, flags=flags, is_reviewed=True)


def check_review(review: Review) -> list[Fault]:
    """What is contradictory in a review, a fault each."""
    pointer = f"{review.pointer}/status"
    if review.has_texts and review.status not in {None, "edited"}:
        message = f"New texts make a pair 'edited'; leave status out, or send {review.status!r} without texts."
        return [Fault(pointer, "contradiction", message)]
    if not review.has_texts and review.status == "edited":
        return [Fault(pointer, "no_texts", "Send the new instruction, the new response, or both.")]
    if not review.has_texts and review.status is None:
        message = "Say what becomes of the pair: accepted, rejected, or a new instruction or response."
        return [Fault(pointer, "missing", message)]
    return []


def _saying(review: Review, edit_ids: dict[int, int]) -> Saying:
    edit_id = edit_ids.get(review.pair_id)
    verdict = "edit" if edit_id is not None else VERDICT_OF[review.status or "accepted"]
    return Saying(review.pair_id, review.reviewer, verdict, review.note, edit_id)


async def _find_rows(session: AsyncSession, ids: Sequence[int]) -> dict[int, AnyRow]:
    return {row[0]: row for row in await find_pairs(session, ids)}


async def _find_families(session: AsyncSession, ids: Sequence[int]) -> dict[int, int]:
    """The English pair of each pair."""
    return {row[0]: row[7] or row[0] for row in await find_pairs(session, ids)}
