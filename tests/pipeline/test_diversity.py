"""Choosing texts that differ, and clusters around them."""

from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.diversity import assign_clusters, choose_diverse, part_choice
from app.pipeline.selecting.likeness import Likeness

CARS = [f"the {colour} car near the gate is gone" for colour in ("red", "blue", "white", "black", "grey")]
PEOPLE = [f"a {who} walks over the wide square" for who in ("man", "woman", "child", "boy")]
SNOW = ["snow covers every roof of this village now"]
TEXTS = [*CARS, *PEOPLE, *SNOW]
ALL = range(len(TEXTS))
LIKENESS = Likeness(TEXTS)


def test_each_group_of_like_texts_is_met_before_any_is_met_twice() -> None:
    for seed in range(20):
        chosen = choose_diverse(LIKENESS, ALL, 3, seed)
        groups = [0 if place < 5 else 1 if place < 9 else 2 for place in chosen]
        assert sorted(groups) == [0, 1, 2]


def test_the_seed_decides_and_what_is_given_stays_first() -> None:
    assert choose_diverse(LIKENESS, ALL, 5, 3) == choose_diverse(LIKENESS, ALL, 5, 3)
    assert len({tuple(choose_diverse(LIKENESS, ALL, 1, seed)) for seed in range(20)}) > 3
    assert choose_diverse(LIKENESS, ALL, 4, 3, [7, 2])[:2] == [7, 2]


def test_more_than_there_are_cannot_be_chosen_and_a_text_without_words_can() -> None:
    likeness = Likeness(["", "红色的汽车停在大门旁边然后离开了", "红色的汽车停在大门旁边"])
    assert sorted(choose_diverse(likeness, range(3), 9, 1)) == [0, 1, 2]
    assert likeness.score_place(1)[2] > 0.5
    assert likeness.score_place(1)[0] == 0


def test_clusters_gather_what_is_alike_around_their_centres() -> None:
    assert list(assign_clusters(LIKENESS, ALL, [0, 5, 9]).values()) == [0] * 5 + [1] * 4 + [2]


@given(
    st.lists(st.sampled_from(TEXTS), min_size=2, max_size=30),
    st.integers(1, 10),
    st.integers(1, 6),
    st.integers(0, 99),
)
def test_every_chosen_text_is_held_out_or_not_and_every_cluster_has_one_that_is_not(
    texts: list[str], held_out: int, clusters: int, seed: int
) -> None:
    likeness = Likeness(texts)
    chosen = choose_diverse(likeness, range(len(texts)), len(texts), seed)
    held_out = min(held_out, len(chosen) - 1)
    places = part_choice(likeness, chosen, held_out, clusters, seed, [])
    assert [each.place for each in places] == list(range(len(texts)))
    assert sum(each.is_held_out for each in places) == held_out
    working = {each.cluster for each in places if not each.is_held_out}
    assert working == set(range(min(clusters, len(texts) - held_out)))
    assert {each.cluster for each in places} == working


def test_what_a_person_chose_is_held_out_only_where_nothing_else_is_left() -> None:
    chosen = choose_diverse(LIKENESS, ALL, 6, 1, [0, 1, 2])
    for seed in range(10):
        aside = {each.place for each in part_choice(LIKENESS, chosen, 3, 2, seed, [0, 1, 2]) if each.is_held_out}
        assert not aside & {0, 1, 2}
    assert sum(each.is_held_out for each in part_choice(LIKENESS, [0, 1, 2], 2, 2, 1, [0, 1, 2])) == 2
