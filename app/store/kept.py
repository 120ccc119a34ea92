"""Pairs that a rerun leaves as they are, because a person or a person's rule has decided about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.filtering import JOB_RULES
from app.pipeline.quotas import SURPLUS
from app.pipeline.values import Pair, Rejection
from app.store.outcomes import Ending, NewPair, Outcome

_IS_RULED_OUT = f"""
    EXISTS (SELECT 1 FROM pair_finding f WHERE f.pair_id = {{pair}}.id AND f.code IN ({", ".join(map(repr, JOB_RULES))})
        AND f.evidence->>'severity' = 'reject')
"""  # noqa: S608  # only constants are put in
IS_KEPT = f"""
    ({{pair}}.status = 'edited' OR ({{pair}}.status = 'rejected' AND NOT {_IS_RULED_OUT})
        OR EXISTS (SELECT 1 FROM pair_review v WHERE v.pair_id = {{pair}}.id))
"""  # noqa: S608  # only constants are put in
"""Whether a person decided about `{pair}`, in SQL: what a rule of the whole job rejected, nobody did."""

IS_DECIDED = f"""
    ({IS_KEPT} OR EXISTS (
        SELECT 1 FROM pair o WHERE o.translation_of = {{pair}}.id AND {IS_KEPT.format(pair="o")}))
"""  # noqa: S608  # only constants are put in
"""Whether a person decided about the English `{pair}` or a translation of it."""
PLACE_TAKEN = "a pair that a person decided about has its place"

_LIST = text(
    f"""
    SELECT p.job_id, p.item_id, p.ordinal, p.instruction, p.response, e.instruction_before, e.response_before,
        e.instruction_after, e.response_after
    FROM pair p LEFT JOIN pair_edit e ON e.pair_id = p.id
    WHERE p.job_id = ANY(:jobs) AND p.item_id = ANY(:items) AND p.language = 'en'
        AND {IS_DECIDED.format(pair="p")}
    """  # noqa: S608  # only constants are put in
)

Texts = tuple[str, str]


@dataclass(frozen=True, slots=True)
class KeptPairs:
    """The kept pairs of an item: all that they ever said, as (instruction, response), each with its pair's ordinal."""

    ordinals: frozenset[int]
    said: Mapping[Texts, int]

    def place(self, pairs: Sequence[tuple[int, Texts]], most: int | None = None) -> list[int | None]:
        """Where pairs that a reply gives again, as (ordinal, texts), go: to their own place, or to the next free one.

        One that is kept already, in whatever words, goes to that one's place, where it changes nothing. None where
        the item may have no more pairs than `most`.
        """
        taken = set(self.ordinals)
        places: list[int | None] = []
        for ordinal, texts in pairs:
            if texts in self.said:
                places.append(self.said[texts])
            elif most is not None and len(taken) >= most:
                places.append(None)
            else:
                place = next(place for place in count(ordinal) if place not in taken)
                taken.add(place)
                places.append(place)
        return places


async def keep_reviewed(session: AsyncSession, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The outcomes of a rerun around the pairs that it keeps; an item that has such a pair does not fail."""
    again = [o for o in outcomes if o.call_state is None and o.stage == "generate" and o.verdict in {"done", "failed"}]
    if not again:
        return outcomes
    kept = await _list_kept(session, [(o.job_id, o.item_id) for o in again])
    return [
        _place_among(o, kept[o.job_id, o.item_id]) if o in again and (o.job_id, o.item_id) in kept else o
        for o in outcomes
    ]


def _place_among(outcome: Outcome, kept: KeptPairs) -> Outcome:
    """The outcome with its pairs where there is room for them; what goes beyond an item's number is refused."""
    most = outcome.pairs_per_item if outcome.most_pairs is None else outcome.most_pairs
    places = kept.place([(pair.ordinal, (pair.instruction, pair.response)) for pair in outcome.pairs], most)
    placed = list(zip(outcome.pairs, places, strict=True))
    pairs = tuple(replace(pair, ordinal=place) for pair, place in placed if place is not None)
    rejections = (*outcome.rejections, *(refuse_surplus(pair, PLACE_TAKEN) for pair, place in placed if place is None))
    around = replace(outcome, pairs=pairs, rejections=rejections)
    if outcome.verdict == "done":
        return around
    return replace(around, verdict="done", code=None, detail=None, ending=Ending(None, None, outcome.end.call_id))


def refuse_surplus(pair: NewPair, detail: str) -> Rejection:
    """A good pair that there is no room for."""
    texts = Pair(pair.instruction, pair.response, pair.conversation)
    return Rejection(SURPLUS, detail, f"{pair.instruction}\n{pair.response}", texts, pair.ordinal)


async def _list_kept(session: AsyncSession, items: Sequence[tuple[int, int]]) -> dict[tuple[int, int], KeptPairs]:
    """The kept English pairs of items given as (job, item); nothing for items without any."""
    parameters = {"jobs": sorted({job for job, _ in items}), "items": sorted({item for _, item in items})}
    ordinals: dict[tuple[int, int], set[int]] = {}
    said: dict[tuple[int, int], dict[Texts, int]] = {}
    for job_id, item_id, ordinal, *versions in await session.execute(_LIST, parameters):
        ordinals.setdefault((job_id, item_id), set()).add(ordinal)
        known = said.setdefault((job_id, item_id), {})
        known |= {(versions[n], versions[n + 1]): ordinal for n in (0, 2, 4) if versions[n] is not None}
    return {key: KeptPairs(frozenset(found), said[key]) for key, found in ordinals.items()}
