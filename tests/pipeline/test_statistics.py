"""Figures about pairs, as values."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.statistics.distributions import cut_bins, describe_distribution, find_quantile
from app.pipeline.statistics.figures import SIDES, TextCounts, add_parts, describe_figures, make_empty_parts, make_parts
from app.pipeline.statistics.lengths import measure_length, unit_of
from app.pipeline.statistics.roots import (
    RootCounts,
    Token,
    choose_root,
    cut_first_sentence,
    describe_roots,
    dump_roots,
    is_drawn,
)

COUNTS = st.dictionaries(st.integers(0, 5000), st.integers(1, 10_000), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("text", "language", "length"),
    [
        ("What is  the\nman doing?", "en", 5),
        ("", "en", 0),
        ("那个女人, 为什么 离开?", "zh", 9),
        ("車は3台です。", "ja", 6),
        ("빨간 차가 있습니다.", "ko", 3),
    ],
)
def test_lengths_are_words_or_characters_as_the_language_has_it(text: str, language: str, length: int) -> None:
    assert measure_length(text, language) == length
    assert unit_of(language) == ("characters" if language in {"zh", "ja"} else "words")


def test_a_distribution_is_described_by_its_numbers() -> None:
    described = describe_distribution({1: 1, 2: 2, 10: 1})
    assert described is not None
    assert (described["n"], described["mean"], described["min"], described["median"], described["max"]) == (
        4,
        3.75,
        1,
        2,
        10,
    )
    assert describe_distribution({}) is None


@given(COUNTS)
def test_bins_hold_every_number_once_and_are_few(counts: dict[int, int]) -> None:
    bins = cut_bins(counts)
    assert len(bins) <= 30
    assert sum(found["n"] or 0 for found in bins) == sum(counts.values())
    for found in bins:
        assert found["from"] is not None
        inside = range(found["from"], 10_000 if found["to"] is None else found["to"] + 1)
        assert found["n"] == sum(n for value, n in counts.items() if value in inside)


@given(COUNTS)
def test_quantiles_are_those_of_the_numbers_written_out(counts: dict[int, int]) -> None:
    counts = {value: n % 7 + 1 for value, n in counts.items()}
    written = sorted(Counter(counts).elements())
    for share in (0.05, 0.25, 0.5, 0.75, 0.95, 0.99):
        expected = next(value for place, value in enumerate(written, 1) if place >= share * len(written))
        assert find_quantile(counts, share) == expected


def test_a_long_tail_goes_into_one_open_bin() -> None:
    bins = cut_bins({**dict.fromkeys(range(5, 25), 100), 4000: 1})
    assert bins[-1]["to"] is None
    assert bins[-1]["n"] == 1
    assert len(bins) < 30


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Why did Mr. Hill leave? He was late.", "Why did Mr. Hill leave?"),
        ("No. 5 is red. It is old.", "No. 5 is red."),
        ("first line\nsecond line", "first line"),
        ('He says "stop." Then he goes.', 'He says "stop."'),
        ("   ", ""),
        ("word " * 200, ("word " * 80).strip() + " "),
    ],
)
def test_the_first_sentence_is_cut(text: str, sentence: str) -> None:
    assert cut_first_sentence(text) == sentence


def tokens(*words: tuple[str, str, str, int]) -> list[Token]:
    return [Token(*word) for word in words]


def test_the_root_goes_with_its_direct_object() -> None:
    sentence = tokens(("man", "NOUN", "nsubj", 1), ("hold", "VERB", "ROOT", 1), ("umbrella", "NOUN", "dobj", 1))
    assert choose_root(sentence) == ("hold", "umbrella")


def test_without_an_object_the_first_noun_goes_with_the_root() -> None:
    sentence = tokens(("what", "PRON", "attr", 1), ("be", "AUX", "ROOT", 1), ("Man", "NOUN", "nsubj", 1))
    assert choose_root(sentence) == ("be", "man")
    assert choose_root(tokens(("go", "VERB", "ROOT", 0))) == ("go", None)


def test_of_a_compound_the_noun_that_is_meant_is_taken() -> None:
    words = (("where", "SCONJ", "advmod", 1), ("be", "AUX", "ROOT", 1), ("kitchen", "NOUN", "compound", 3))
    assert choose_root(tokens(*words, ("table", "NOUN", "nsubj", 1))) == ("be", "table")


def test_a_sentence_without_a_verb_at_its_root_has_none() -> None:
    assert choose_root(tokens(("car", "NOUN", "ROOT", 0))) is None
    assert choose_root([]) is None


def test_a_sample_is_the_same_every_time_and_about_as_large_as_asked() -> None:
    units = [f"{item}:{ordinal}" for item in range(4000) for ordinal in range(5)]
    drawn = [unit for unit in units if is_drawn(unit, 5000, len(units))]
    assert drawn == [unit for unit in units if is_drawn(unit, 5000, len(units))]
    assert 4700 < len(drawn) < 5300
    assert all(is_drawn(unit, 20_000, 20_000) for unit in units[:100])
    assert set(drawn) <= {unit for unit in units if is_drawn(unit, 10_000, len(units))}


def test_counts_of_a_sample_are_scaled_to_all_texts() -> None:
    counts = RootCounts(population=400)
    for _ in range(30):
        counts.add(("describe", "car"))
    for root in [("describe", "dog")] * 5 + [None] * 5:
        counts.add(root)
    described = describe_roots(dump_roots(counts))
    assert described is not None
    assert (described["texts"], described["parsed"], described["sampled"], described["with_verb"]) == (
        400,
        40,
        True,
        350,
    )
    assert described["verbs"] == [
        {"verb": "describe", "n": 350, "nouns": [{"noun": "car", "n": 300}, {"noun": "dog", "n": 50}], "other": 0}
    ]


def test_rare_verbs_and_nouns_are_merged() -> None:
    counts = RootCounts(population=1000)
    for verb in range(30):
        for noun in range(8):
            for _ in range(1 + (noun == 0)):
                counts.add((f"verb{verb:02}", f"noun{noun}"))
    described = describe_roots(dump_roots(counts))
    assert described is not None
    assert len(described["verbs"]) == 20
    assert {len(verb["nouns"]) for verb in described["verbs"]} == {4}
    total = sum(verb["n"] for verb in described["verbs"]) + described["other_verbs"]
    assert total == described["with_verb"]


def parts_of(*texts: tuple[str, str]) -> dict[str, object]:
    counted = TextCounts(10, len(texts))
    for place, (instruction, response) in enumerate(texts):
        counted.add("en", f"{place}:0", instruction, response)
    roots = {side: RootCounts(len(texts)) for side in SIDES}
    for _ in texts:
        roots["instruction"].add(("be", "car"))
    return make_parts(
        stored={"en": len(texts)}, texts=counted, roots=roots, images_per_pair={1: 2}, related_per_pair={0: 1, 3: 1}
    )


def test_parts_of_two_jobs_give_the_figures_of_both_together() -> None:
    pairs = [("a b c", "d"), ("e f", "g h i"), ("j", "k l")]
    apart = add_parts(parts_of(*pairs[:1]), parts_of(*pairs[1:]))
    together = describe_figures(parts_of(*pairs), {"en": 3})
    added = describe_figures(apart, {"en": 3})
    assert added["languages"] == together["languages"]
    assert added["roots"] == together["roots"]
    assert added["stored"] == {"en": 3}
    assert describe_figures(make_empty_parts(), {})["languages"] == []
