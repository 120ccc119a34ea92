"""The rules that relate pairs of one item, of the same images or of one source: sound for any rows, right for known."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.relating import MOST_RELATED, RULES, SCOPES, RelatablePair, find_asymmetries, relate

_ROWS = st.lists(
    st.builds(
        RelatablePair,
        st.integers(1, 40),
        st.integers(1, 5),
        st.integers(0, 4),
        st.none() | st.integers(1, 3),
        st.integers(0, 2),
    ),
    unique_by=lambda row: row.pair_id,
)
_LOCAL_RULES = [rule for rule in RULES if SCOPES[rule] != "job"]


@pytest.mark.parametrize("rule", _LOCAL_RULES)
@given(rows=_ROWS)
def test_every_rule_names_known_pairs_once_and_never_the_pair_itself(rule: str, rows: list[RelatablePair]) -> None:
    related = relate(rule, rows)
    assert related.keys() == {row.pair_id for row in rows}
    for pair_id, others in related.items():
        assert pair_id not in others
        assert len(set(others)) == len(others)
        assert set(others) <= related.keys()


@pytest.mark.parametrize("rule", _LOCAL_RULES)
@given(rows=_ROWS)
def test_no_rule_depends_on_the_order_of_rows_or_on_rows_that_come_twice(rule: str, rows: list[RelatablePair]) -> None:
    assert relate(rule, [*reversed(rows), *rows]) == relate(rule, rows)


@pytest.mark.parametrize("rule", ["same_images", "same_source"])
@given(rows=_ROWS)
def test_rules_about_what_is_shared_are_symmetric(rule: str, rows: list[RelatablePair]) -> None:
    assert find_asymmetries(relate(rule, rows)) == []


@pytest.mark.parametrize("rule", ["same_images", "same_source"])
@given(rows=_ROWS)
def test_pairs_are_related_exactly_when_they_share_a_group(rule: str, rows: list[RelatablePair]) -> None:
    related = relate(rule, rows)
    for row in rows:
        wanted = {
            other.pair_id
            for other in rows
            if other.pair_id != row.pair_id
            and (
                other.group == row.group
                if row.group is not None
                else (other.item_id, other.group) == (row.item_id, None)
            )
        }
        assert set(related[row.pair_id]) == wanted


@given(rows=_ROWS)
def test_earlier_rounds_are_those_before_in_the_same_conversation(rows: list[RelatablePair]) -> None:
    related = relate("earlier_rounds", rows)
    conversations = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.ordinal, row.pair_id)):
        conversations[row.item_id, row.conversation].append(row.pair_id)
    for rounds in conversations.values():
        for place, pair_id in enumerate(rounds):
            assert list(related[pair_id]) == rounds[:place]


def test_related_pairs_stand_in_order_of_item_and_ordinal() -> None:
    rows = [RelatablePair(9, 1, 0, 7), RelatablePair(4, 2, 0, 7), RelatablePair(5, 1, 1, 7), RelatablePair(6, 1, 2)]
    assert relate("same_images", rows) == {9: (5, 4), 5: (9, 4), 4: (9, 5), 6: ()}


def test_rounds_of_another_conversation_of_the_item_are_no_context() -> None:
    rows = [RelatablePair(1, 1, 0), RelatablePair(2, 1, 1), RelatablePair(3, 1, 2, conversation=1)]
    assert relate("earlier_rounds", rows) == {1: (), 2: (1,), 3: ()}


def test_the_rule_none_relates_nothing() -> None:
    assert relate("none", [RelatablePair(1, 1, 0, 7), RelatablePair(2, 1, 1, 7)]) == {1: (), 2: ()}


@pytest.mark.parametrize("rule", ["similar_texts", "similar_images", "manual", "nonsense"])
def test_a_rule_that_needs_more_than_items_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        relate(rule, [])


def test_a_group_too_large_to_relate_whole_is_related_to_its_neighbours_symmetrically() -> None:
    half = MOST_RELATED // 2
    related = relate("same_source", [RelatablePair(number, number, 0, "clip") for number in range(3 * half)])
    assert related[0] == tuple(range(1, half + 1))
    assert related[half] == (*range(half), *range(half + 1, 2 * half + 1))
    links = {(source, target) for source, targets in related.items() for target in targets}
    assert links == {(target, source) for source, target in links}


def test_unsound_links_are_found() -> None:
    assert find_asymmetries({1: (2,), 2: ()}) == [(1, 2)]
    assert find_asymmetries({1: (1,)}) == [(1, 1)]
    assert find_asymmetries({1: (2, 2), 2: (1,)}) == [(1, 2)]
    assert find_asymmetries({1: (3,)}) == [(1, 3)]
