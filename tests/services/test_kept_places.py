"""Where the pairs of a rerun go around those that people decided about."""

from app.store.kept import KeptPairs

KEPT = KeptPairs(frozenset({1}), {("Q1", "new"): 1, ("Q1", "old"): 1})


def test_pairs_keep_their_places_around_what_is_kept() -> None:
    assert KEPT.place([(0, ("Q0", "a")), (1, ("Q1", "old")), (2, ("Q2", "a"))]) == [0, 1, 2]


def test_a_pair_in_a_taken_place_goes_to_the_next_free_one() -> None:
    assert KEPT.place([(0, ("Q0", "a")), (1, ("Q2", "a")), (2, ("Q3", "a"))]) == [0, 2, 3]


def test_an_item_gets_no_more_pairs_than_it_may_have() -> None:
    assert KEPT.place([(0, ("Q0", "a")), (1, ("Q2", "a")), (2, ("Q1", "new"))], most=2) == [0, None, 1]
