"""Which items a cold start works on: different ones by a seed, or those that a person names."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Fault, InvalidRequestError, NotFoundError, tell_faults
from app.ids import decode_id
from app.pipeline.diversity import choose_diverse, part_choice
from app.pipeline.selecting.likeness import Likeness
from app.store.cold_starts import read_named_items, read_pool
from app.store.models import Dataset

POOL_ITEMS = 2000
"""Items that are compared with one another; of a larger dataset so many are drawn first."""
DEFAULT_ITEMS = 24
FEWEST_ITEMS = 2
MOST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """How items are chosen: so many in all, these among them, so many held out, by this seed."""

    items: int
    held_out: int
    clusters: int
    seed: int
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """Items to choose from, by position, each as (id, text); `named` are the positions of those chosen by hand."""

    items: dict[int, tuple[int, str]]
    named: tuple[int, ...]


def read_choice(
    items: int | None, held_out: int | None, clusters: int, seed: int, named: Sequence[str], available: int
) -> tuple[Choice, list[Fault]]:
    """The choice with its defaults (24 items, or those named; a quarter held out), and what is wrong with it.

    available: how many items the dataset has; where more are wanted, it is all of them
    """
    wanted = items if items is not None else (len(set(named)) or DEFAULT_ITEMS)
    total = min(wanted, available)
    aside = held_out if held_out is not None else max(1, total // 4)
    faults = []
    if not FEWEST_ITEMS <= wanted <= MOST_ITEMS:
        message = f"A cold start works on {FEWEST_ITEMS} to {MOST_ITEMS} items."
        faults.append(Fault("/items" if items is not None else "/item_ids", "out_of_range", message))
    elif not 1 <= aside < total:
        message = f"Hold out at least 1 item and fewer than all {total}: they measure, the others give examples."
        faults.append(Fault("/held_out", "out_of_range", message))
    if len(set(named)) > wanted:
        faults.append(Fault("/item_ids", "too_many", f"{len(set(named))} items are named, {wanted} are wanted in all."))
    return Choice(total, aside, clusters, seed, tuple(dict.fromkeys(named))), faults


async def draw_pool(session: AsyncSession, dataset: Dataset, choice: Choice) -> Pool:
    """The items to choose from; raises InvalidRequestError with a pointer for each item that cannot be named."""
    named = await _find_named(session, dataset.id, choice.named)
    count = min(dataset.items, POOL_ITEMS)
    drawn = random.Random(choice.seed).sample(range(dataset.items), count)  # noqa: S311 - repeatable, not secret
    rows = await read_pool(session, dataset.id, sorted(drawn))
    return Pool({position: (item_id, text) for item_id, position, text in rows} | named, tuple(named))


def choose_items(pool: Pool, choice: Choice) -> list[dict[str, Any]]:
    """The chosen items as {item_id, position, cluster, held_out}, by position; 200 of a full pool take 0.4 s."""
    positions = sorted(pool.items)
    likeness = Likeness([pool.items[position][1] for position in positions])
    by_hand = [positions.index(position) for position in pool.named]
    chosen = choose_diverse(likeness, range(len(positions)), choice.items, choice.seed, by_hand)
    return [
        {
            "item_id": pool.items[positions[each.place]][0],
            "position": positions[each.place],
            "cluster": each.cluster,
            "held_out": each.is_held_out,
        }
        for each in part_choice(likeness, chosen, choice.held_out, choice.clusters, choice.seed, by_hand)
    ]


async def _find_named(session: AsyncSession, dataset_id: int, names: Sequence[str]) -> dict[int, tuple[int, str]]:
    """By position the items that a person named."""
    numbers: dict[int, int] = {}
    for index, name in enumerate(names):
        try:
            numbers[index] = decode_id("item", name)
        except NotFoundError:
            continue
    found = await read_named_items(session, list(numbers.values()))
    mine = {index: number for index, number in numbers.items() if number in found and found[number][2] == dataset_id}
    told = "The dataset has no such item; GET /v1/datasets/{id}/items lists those it has."
    faults = [Fault(f"/item_ids/{index}", "not_found", told) for index in range(len(names)) if index not in mine]
    if faults:
        raise InvalidRequestError(tell_faults("choice of items", faults), errors=faults)
    return {found[number][0]: (number, found[number][1]) for number in mine.values()}
