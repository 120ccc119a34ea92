"""Translations by hand: a person writes one that is missing, or writes one anew."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.errors import Fault, InvalidRequestError, NotFoundError, PreconditionError
from app.ids import encode_id
from app.pipeline.values import Pair
from app.services.answers import count_words
from app.services.editing import read_texts
from app.services.pairs import view_pair, view_rows
from app.services.reviewing import Review, review_pair
from app.store import models
from app.store.edits import StoredPair, lock_pairs
from app.store.jobs import get_job
from app.store.pairs import list_translations
from app.store.queue_tallies import count_pair
from app.store.reviews import Saying, say
from app.store.tallies import add_tallies

_TRANSLATION_OF, _LANGUAGE = 7, 6


async def put_translation(
    session: AsyncSession,
    pair_id: int,
    language: str,
    texts: Pair,
    etags: Sequence[str],
    *,
    reviewer: str,
    note: str | None,
) -> tuple[dict[str, Any], bool]:
    """Set a pair's translation; answers it, and whether it is new.

    One that is there is edited, as that version. Raises NotFoundError, InvalidRequestError or PreconditionError.
    """
    [row] = await view_rows(session, [pair_id])
    english_id = row[_TRANSLATION_OF] or pair_id
    english = (await lock_pairs(session, [english_id])).get(english_id)
    if english is None:
        raise NotFoundError("pair", encode_id("pair", pair_id))
    job = await get_job(session, english.job_id)
    if language not in job.languages:
        message = f"The job has {', '.join(job.languages) or 'no languages'}."
        raise InvalidRequestError("No such translation.", errors=[Fault("language", "unknown_language", message)])
    found = [row for row in await list_translations(session, [english_id]) if row[_LANGUAGE] == language]
    if found:
        review = Review(
            found[0][0], tuple(etags), None, texts.instruction, texts.response, note=note, reviewer=reviewer
        )
        return await _revise(session, review, Pair(found[0][8], found[0][9])), False
    if etags:
        raise PreconditionError("There is no such translation yet; leave If-Match out to write the first one.")
    new_id = await _insert(session, english, language, texts, reviewer, note)
    return await view_pair(session, new_id), True


async def _revise(session: AsyncSession, review: Review, present: Pair) -> dict[str, Any]:
    """Edit what is there; who writes the same again accepts it."""
    _, faults = read_texts(present, review.instruction, review.response)
    if [fault.code for fault in faults] == ["unchanged"]:
        review = Review(review.pair_id, review.etags, "accepted", note=review.note, reviewer=review.reviewer)
    return await review_pair(session, review)


async def _insert(
    session: AsyncSession, english: StoredPair, language: str, given: Pair, reviewer: str, note: str | None
) -> int:
    texts, faults = read_texts(Pair("", ""), given.instruction, given.response)
    if faults:
        raise InvalidRequestError("The translation cannot have these texts.", errors=faults)
    source = await session.get_one(models.Pair, english.id)
    pair = models.Pair(
        job_id=english.job_id,
        item_id=english.item_id,
        ordinal=english.ordinal,
        conversation=source.conversation,
        language=language,
        translation_of=english.id,
        instruction=texts.instruction,
        response=texts.response,
        words=count_words(texts),
        status="edited",
        flags=[],
        call_id=None,
        created_at=utc_now(),
        reviewed_at=utc_now(),
        source_fingerprint=None,
    )
    session.add(pair)
    await session.flush()
    await say(session, [Saying(pair.id, reviewer, "edit", note)])
    counts: Counter[tuple[int, str]] = Counter()
    counts[pair.job_id, f"translations.{language}"] += 1
    count_pair(counts, pair.job_id, language, "edited", (), is_reviewed=True)
    await add_tallies(session, counts, 0)
    return pair.id
