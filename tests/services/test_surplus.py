"""How much room a target leaves for good pairs that a new reading brings, by values."""

from app.pipeline.quotas import TARGET_REACHED
from app.pipeline.values import Pair
from app.services.rereading import Addition, Removal, UnitChange
from app.services.surplus import Ration, keep_all_to_target, keep_to_target
from app.store.outcomes import NewPair
from app.store.rereading import KnownPair, ReadUnit, StoredReply


def change(number: int, *, known: int = 0, gone: int = 0, new: int = 0, most: int | None = None) -> UnitChange:
    """An item with `known` pairs, of which `gone` go, and `new` ones that come."""
    stored = tuple(
        KnownPair(100 * number + n, n, 0, Pair(f"Q{n}", "A"), "accepted", (), Pair(f"Q{n}", "A")) for n in range(known)
    )
    unit = ReadUnit(
        number, number, 0, "a car", (), number, (StoredReply(number, b""),), "done", None, None, stored, (), known, most
    )
    added = tuple(NewPair(known + n, "en", f"N{n}", "A", 2) for n in range(new))
    return UnitChange(
        unit,
        removed=tuple(Removal(each, "url", "") for each in stored[:gone]),
        added=tuple(Addition(each, "surplus_pair") for each in added),
        order=(*stored[gone:], *added),
        refusals=(),
        end=("done", None, None),
    )


def test_what_goes_makes_room_for_what_comes() -> None:
    bounded, room = keep_to_target(change(1, known=3, gone=2, new=4), 10, 0)
    assert (len(bounded.added), len(bounded.order), room) == (2, 3, 0)
    assert bounded.state == ("done", TARGET_REACHED, "3 of 5 pairs kept: the job's target of 10 was reached")
    assert [rejection.reason for rejection in bounded.rejections or ()] == ["surplus_pair"] * 2
    assert bounded.bound == 3


def test_an_item_gets_back_what_it_had_before_the_surplus_of_others() -> None:
    bounded, room = keep_to_target(change(1, known=1, new=3, most=2), 10, 5)
    assert (len(bounded.added), room) == (1, 4)


def test_an_item_without_room_is_skipped_and_one_that_fits_is_left_as_it_is() -> None:
    none, _ = keep_to_target(change(1, new=2), 10, 0)
    assert none.end is not None
    assert none.end[:2] == ("skipped", TARGET_REACHED)
    whole = change(1, known=1, new=2)
    assert keep_to_target(whole, 10, 2) == (whole, 0)


def test_changes_share_the_room_in_their_order() -> None:
    kept = keep_all_to_target([change(1, new=2), change(2, known=2, gone=1, new=3)], 10, 3)
    assert [len(each.added) for each in kept] == [2, 2]


def test_a_dry_run_gives_what_is_left_to_the_first_items_with_surplus() -> None:
    changes = [
        change(1, known=1, new=2, most=1),
        change(2, new=2),
        change(3, known=3, gone=3),
        change(4, new=4, most=0),
    ]
    ration = Ration(10, 9)
    for each in changes:
        ration.weigh(each)
    assert [len(ration.bound(each).added) for each in changes] == [2, 2, 0, 0]
