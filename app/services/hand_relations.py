"""Relations by hand: a person says which pairs a pair relates to, and in which order."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Fault, InvalidRequestError, NotFoundError, tell_faults
from app.ids import decode_id, encode_id
from app.pipeline.relating import MOST_RELATED
from app.store import models
from app.store.relations import lock_pair, read_pair_places, set_manual_relation

_FIELD = "/related_pair_ids"


async def find_english_pair(session: AsyncSession, pair_id: int) -> models.Pair:
    """The pair, or the English one that it translates, locked until commit; raises NotFoundError."""
    place = (await read_pair_places(session, [pair_id])).get(pair_id)
    pair = None if place is None else await lock_pair(session, place.translation_of or pair_id)
    if pair is None:
        raise NotFoundError("pair", encode_id("pair", pair_id))
    return pair


async def relate_by_hand(session: AsyncSession, pair: models.Pair, names: Sequence[str]) -> None:
    """Set the related pairs of an English pair; raises InvalidRequestError with a pointer per fault."""
    related, faults = _read_names(names)
    places = await read_pair_places(session, list(related.values()))
    for index, number in related.items():
        found = places.get(number)
        pointer, name = f"{_FIELD}/{index}", names[index]
        if found is None:
            faults.append(Fault(pointer, "not_found", f"There is no pair {name!r}."))
        elif number == pair.id:
            faults.append(Fault(pointer, "self_link", "A pair does not relate to itself; leave it out."))
        elif found.job_id != pair.job_id:
            job = encode_id("job", pair.job_id)
            faults.append(Fault(pointer, "other_job", f"{name} is of another job; relate pairs of {job}."))
        elif found.translation_of is not None:
            english = encode_id("pair", found.translation_of)
            faults.append(Fault(pointer, "not_english", f"{name} is a translation; name its English pair {english}."))
        elif found.status == "rejected":
            faults.append(Fault(pointer, "rejected", f"{name} was rejected in review; leave it out."))
    if faults:
        detail = tell_faults("list of related pairs", faults)
        raise InvalidRequestError(detail, errors=sorted(faults, key=lambda fault: fault.pointer))
    await set_manual_relation(session, pair.id, pair.job_id, list(related.values()))


def _read_names(names: Sequence[str]) -> tuple[dict[int, int], list[Fault]]:
    """Numbers by place in the list, each once, and what is wrong with the others."""
    if len(names) > MOST_RELATED:
        message = f"{len(names)} are given; relate at most {MOST_RELATED}."
        return {}, [Fault(_FIELD, "too_many", message)]
    related: dict[int, int] = {}
    faults = []
    for index, name in enumerate(names):
        try:
            number = decode_id("pair", name)
        except NotFoundError as error:
            faults.append(Fault(f"{_FIELD}/{index}", "not_found", error.detail))
            continue
        if number in related.values():
            faults.append(Fault(f"{_FIELD}/{index}", "repeated", f"{name} is named twice; name it once."))
        else:
            related[index] = number
    return related, faults
