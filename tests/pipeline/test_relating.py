"""Pairs of one item or one set of images are each other's context."""

from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.relating import RelatablePair, find_asymmetries, relate_groups

_ROWS = st.lists(
    st.builds(RelatablePair, st.integers(1, 40), st.integers(1, 5), st.integers(0, 4), st.none() | st.integers(1, 3)),
    unique_by=lambda row: row.pair_id,
)


@given(_ROWS, st.randoms())
def test_relations_are_symmetric_and_do_not_depend_on_the_order_of_rows(
    rows: list[RelatablePair], random: object
) -> None:
    related = relate_groups(rows)
    assert find_asymmetries(related) == []
    assert related.keys() == {row.pair_id for row in rows}
    assert relate_groups(reversed(rows)) == related


def test_related_pairs_stand_in_order_of_item_and_ordinal() -> None:
    rows = [RelatablePair(9, 1, 0, 7), RelatablePair(4, 2, 0, 7), RelatablePair(5, 1, 1, 7), RelatablePair(6, 1, 2)]
    assert relate_groups(rows) == {9: (5, 4), 5: (9, 4), 4: (9, 5), 6: ()}


def test_unsound_links_are_found() -> None:
    assert find_asymmetries({1: (2,), 2: ()}) == [(1, 2)]
    assert find_asymmetries({1: (1,)}) == [(1, 1)]
    assert find_asymmetries({1: (2, 2), 2: (1,)}) == [(1, 2)]
    assert find_asymmetries({1: (3,)}) == [(1, 3)]
