"""Pairs related by similarity: never to their own item or images, never twice to one text, nearest first."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.corpus import (
    MOST_SIMILAR,
    Corpus,
    CorpusBuilder,
    CorpusPair,
    Relator,
    embedded_text,
    identify_image,
    identify_text,
)
from app.pipeline.similarity import ExactNeighbours, Floats

_TEXTS = [f"What about thing number {number}?" for number in range(30)]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[CorpusPair], Corpus, Floats]:
    """Pairs of a few items, some of which share images, and a vector for most texts."""
    pairs: list[CorpusPair] = []
    for item_id in range(draw(st.integers(1, 12))):
        image_ids = draw(st.lists(st.sampled_from("abcdef"), max_size=2, unique=True))
        image_set = identify_image("+".join(image_ids)) if image_ids else None
        for ordinal in range(draw(st.integers(1, 4))):
            text = draw(st.sampled_from(_TEXTS))
            pairs.append(CorpusPair(len(pairs) + 100, item_id, ordinal, text, image_ids, image_set))
    builder = CorpusBuilder()
    builder.add(pairs)
    corpus = builder.build()
    numbers = {text: number for number, text in enumerate(dict.fromkeys(pair.instruction for pair in pairs))}
    missing = draw(st.sampled_from([None, *numbers.values()])) if len(numbers) > 1 else None
    units = np.array([numbers[pair.instruction] for pair in pairs], dtype=np.int64)
    if missing is not None:
        units = np.where(units == missing, -1, units - (units > missing))
    count = int(units.max()) + 1
    vectors = np.random.default_rng(draw(st.integers(0, 5))).normal(size=(count, 6)).astype(np.float32)
    return pairs, replace(corpus, units=units), vectors


@given(corpora())
def test_similar_texts_leave_out_own_item_own_images_and_texts_already_named(
    made: tuple[list[CorpusPair], Corpus, Floats],
) -> None:
    pairs, corpus, vectors = made
    by_id = {pair.pair_id: pair for pair in pairs}
    neighbours = ExactNeighbours(vectors)
    related = Relator(corpus, neighbours, "similar_texts").relate(np.arange(len(vectors)))
    assert set(related) == {pair.pair_id for pair, unit in zip(pairs, corpus.units, strict=True) if unit >= 0}
    unit_of = {pair.pair_id: int(unit) for pair, unit in zip(pairs, corpus.units, strict=True)}
    for pair_id, others in related.items():
        own = by_id[pair_id]
        texts = [by_id[other].instruction for other in others]
        assert len({own.instruction, *texts}) == len(texts) + 1
        assert all(by_id[other].item_id != own.item_id for other in others)
        assert all(not set(by_id[other].image_ids) & set(own.image_ids) for other in others)
        ranked = neighbours.find(np.array([unit_of[pair_id]]), len(vectors))[0].tolist()
        wanted = [
            unit
            for unit in ranked
            if unit >= 0
            and any(
                unit_of[pair.pair_id] == unit
                and pair.item_id != own.item_id
                and not set(pair.image_ids) & set(own.image_ids)
                for pair in pairs
            )
        ]
        assert [unit_of[other] for other in others] == wanted[:MOST_SIMILAR]


def relate_images(pairs: list[CorpusPair], vectors: list[list[float]]) -> dict[int, list[int]]:
    """By pair id, with one vector for each set of images in the order in which they come."""
    builder = CorpusBuilder()
    builder.add(pairs)
    numbers = {image_set: number for number, image_set in enumerate(dict.fromkeys(pair.image_set for pair in pairs))}
    corpus = replace(builder.build(), units=np.array([numbers[pair.image_set] for pair in pairs], dtype=np.int64))
    neighbours = ExactNeighbours(np.array(vectors, dtype=np.float32))
    return Relator(corpus, neighbours, "similar_images").relate(np.arange(len(vectors)))


def test_similar_images_give_one_pair_each_nearest_first() -> None:
    pairs = [CorpusPair(10 * item + ordinal, item, ordinal, f"Text {item} {ordinal}?", [f"i{item}"], item)
             for item in range(3) for ordinal in range(2)]  # fmt: skip
    related = relate_images(pairs, [[1, 0], [0, 1], [1, 0.2]])
    assert related == {0: [20, 10], 1: [21, 11], 10: [20, 0], 11: [21, 1], 20: [0, 10], 21: [1, 11]}


def test_a_similar_image_gives_another_pair_where_the_first_would_repeat_a_text() -> None:
    pairs = [
        CorpusPair(1, 0, 0, "What is it?", ["a"], 1),
        CorpusPair(2, 1, 0, "what  is it?", ["b"], 2),
        CorpusPair(3, 1, 1, "Why so?", ["b"], 2),
    ]
    assert relate_images(pairs, [[1, 0], [1, 0.1]])[1] == [3]


def test_sets_that_share_an_image_are_no_other_images() -> None:
    pairs = [
        CorpusPair(1, 0, 0, "One?", ["a", "b"], 1),
        CorpusPair(2, 1, 0, "Two?", ["b", "c"], 2),
        CorpusPair(3, 2, 0, "Three?", ["d"], 3),
    ]
    assert relate_images(pairs, [[1, 0], [1, 0], [0, 1]]) == {1: [3], 2: [3], 3: [1, 2]}


def test_a_pair_whose_nearest_are_all_its_own_is_related_to_those_farther_out() -> None:
    builder = CorpusBuilder()
    own = [CorpusPair(number, 1, number, f"Own {number}?", ["a"], 1) for number in range(50)]
    builder.add([*own, *(CorpusPair(100 + number, 2 + number, 0, f"Other {number}?", [], None) for number in range(3))])
    corpus = replace(builder.build(), units=np.arange(53, dtype=np.int64))
    vectors = np.array([[1, 0.001 * n] for n in range(50)] + [[0, 1], [-1, 0], [0.5, 1]], dtype=np.float32)
    related = Relator(corpus, ExactNeighbours(vectors), "similar_texts").relate(np.arange(53))
    assert related[0] == [102, 100, 101]


@pytest.mark.parametrize("other", ["What is it? ", "what is  it?", "WHAT\nIS IT?"])
def test_case_and_white_space_make_no_other_text(other: str) -> None:
    assert identify_text(other) == identify_text("What is it?")


def test_an_embedded_text_is_one_line_of_bounded_length() -> None:
    assert embedded_text("  a\n\tb  ") == "a b"
    assert len(embedded_text("long " * 5000)) == 4000
