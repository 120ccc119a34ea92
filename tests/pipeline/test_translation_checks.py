"""A correct translation is kept; each way of failing at it is caught."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.language import LinguaDetector
from app.pipeline.scripts import decide_by_script
from app.pipeline.translating import LANGUAGES, check_translation
from app.pipeline.values import Pair
from tests.pipeline.translation_samples import SAMPLES

_TARGETS = [code for code in LANGUAGES if code != "en"]
_DETECTOR = LinguaDetector()
_LONG = [source for source in SAMPLES if len(source.response.split()) >= 8]


@pytest.mark.parametrize("language", _TARGETS)
@pytest.mark.parametrize("source", SAMPLES, ids=lambda pair: pair.instruction)
def test_a_correct_translation_is_kept(source: Pair, language: str) -> None:
    assert check_translation(source, SAMPLES[source][language], language, _DETECTOR) is None


def _leave_english(source: Pair, right: Pair, _: str) -> Pair:
    return source


def _leave_response(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(right.instruction, source.response)


def _leave_instruction(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(source.instruction, right.response)


def _paraphrase_in_english(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(
        right.instruction, "I believe that this is what the picture shows, and there is nothing else to say about it."
    )


def _take_another_language(source: Pair, right: Pair, language: str) -> Pair:
    choices = [code for code in _TARGETS if code != language]
    return SAMPLES[source][random.Random(language + source.instruction).choice(choices)]


def _swap(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(right.response, right.instruction)


def _repeat_instruction(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(right.instruction, right.instruction)


def _empty(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(right.instruction, " — ")


def _loop(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(right.instruction, right.response + (" " + right.response[:12]) * 12)


def _chatter(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(right.instruction, "\n".join(SAMPLES[other][_].response for other in SAMPLES) * 3)


def _leak(source: Pair, right: Pair, _: str) -> Pair:
    return Pair(right.instruction, f'{right.response} {{"instruction": "x"')


_CORRUPTIONS: dict[str, tuple[Callable[[Pair, Pair, str], Pair], set[str]]] = {
    "the English left as it is": (_leave_english, {"untranslated"}),
    "the response left in English": (_leave_response, {"untranslated"}),
    "the instruction left in English": (_leave_instruction, {"untranslated"}),
    "an English answer of its own": (_paraphrase_in_english, {"untranslated"}),
    "another language": (_take_another_language, {"wrong_language"}),
    "the halves swapped": (_swap, {"confused"}),
    "the instruction twice": (_repeat_instruction, {"confused"}),
    "an empty half": (_empty, {"empty"}),
    "a loop": (_loop, {"degenerate", "length"}),
    "chatter": (_chatter, {"length", "degenerate", "untranslated"}),
    "a piece of the request": (_leak, {"leaked_prompt"}),
}


@pytest.mark.parametrize("language", _TARGETS)
@pytest.mark.parametrize("corruption", _CORRUPTIONS)
def test_a_corrupted_translation_is_refused(corruption: str, language: str) -> None:
    corrupt, reasons = _CORRUPTIONS[corruption]
    for source in _LONG:
        wrong = corrupt(source, SAMPLES[source][language], language)
        refused = check_translation(source, wrong, language, _DETECTOR)
        assert refused is not None, (source, wrong)
        assert refused.reason in reasons, refused
        assert refused.language == language


@pytest.mark.parametrize("language", _TARGETS)
@pytest.mark.parametrize("answer", ["Red.", "Yes.", "A dog.", "Yes, it is."])
def test_a_short_answer_left_in_english_is_refused(answer: str, language: str) -> None:
    question = SAMPLES[_LONG[0]][language].instruction
    refused = check_translation(Pair("Is it red?", answer), Pair(question, answer), language, _DETECTOR)
    assert refused is not None
    assert refused.reason == "untranslated"


def test_a_missing_language_is_refused() -> None:
    refused = check_translation(_LONG[0], None, "zh", _DETECTOR)
    assert refused is not None
    assert (refused.reason, refused.language) == ("missing", "zh")


def test_half_a_sentence_left_in_english_is_refused() -> None:
    wrong = Pair("狗在草坪上做什么？", "狗正躺在草地上 next to the red ball of the boy。")
    refused = check_translation(_LONG[0], wrong, "zh", _DETECTOR)
    assert refused is not None
    assert refused.reason == "untranslated"


def test_an_answer_copied_from_the_examples_is_refused() -> None:
    wrong = Pair("Was macht der Hund auf dem Rasen?", "Es stehen 3 Tassen da, und eine davon ist leer.")
    refused = check_translation(_LONG[0], wrong, "de", _DETECTOR)
    assert refused is not None
    assert refused.reason == "copied_example"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("这只狗", "zh"),
        ("犬がいます", "ja"),
        ("二人", None),
        ("개", "ko"),
        ("كلب", "ar"),
        ("سگ‌ها می‌گویند که پدر چه گفت", "und"),
        ("собака", "und"),
        ("dog", "latin"),
        ("12, 40", None),
        ("", None),
    ],
)
def test_the_script_decides_where_it_can(text: str, language: str | None) -> None:
    assert decide_by_script(text) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_detector_knows_every_language(language: str) -> None:
    for source in _LONG:
        pair = source if language == "en" else SAMPLES[source][language]
        assert _DETECTOR.detect(f"{pair.instruction} {pair.response}") == language


@settings(deadline=None)
@given(st.builds(Pair, st.text(), st.text()), st.builds(Pair, st.text(), st.text()), st.sampled_from(_TARGETS))
def test_no_text_makes_the_check_fail(source: Pair, translated: Pair, language: str) -> None:
    refused = check_translation(source, translated, language, _DETECTOR)
    assert refused is None or refused.language == language


_UNITS = st.text("abcdeé .,犬", min_size=2, max_size=31).filter(lambda unit: not unit[0].isspace())


@given(st.text("fgh ", max_size=40), _UNITS, st.integers(8, 12), st.text("fgh ", max_size=40))
def test_any_two_to_thirty_one_characters_eight_times_are_a_loop(before: str, unit: str, count: int, end: str) -> None:
    wrong = Pair(SAMPLES[_LONG[0]]["de"].instruction, f"f{before}{unit * count}f{end}")
    refused = check_translation(_LONG[0], wrong, "de", _DETECTOR)
    assert refused is not None
    assert refused.reason == "degenerate"
