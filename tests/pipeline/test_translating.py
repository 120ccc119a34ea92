"""The translation request, and the ways in which models answer it."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.translating import (
    LANGUAGES,
    build_translation_template,
    check_languages,
    parse_translations,
    sort_languages,
    source_fingerprint,
    translation_messages_of,
    translations_schema,
)
from app.pipeline.values import Pair

_SOURCE = Pair("What is it?", "A dog.")
_ZH, _FR = Pair("这是什么？", "一只狗。"), Pair("Qu'est-ce que c'est ?", "Un chien.")
_BOTH = {"zh": _ZH, "fr": _FR}


def _object(pair: Pair) -> dict[str, str]:
    return {"instruction": pair.instruction, "response": pair.response}


_JSON = orjson.dumps({"zh": _object(_ZH), "fr": _object(_FR)}).decode()


@given(
    st.builds(Pair, st.text(st.characters(codec=None)), st.text()),
    st.sets(st.sampled_from(sorted(LANGUAGES)), min_size=1),
)
def test_a_body_is_the_json_of_its_messages(pair: Pair, chosen: set[str]) -> None:
    languages = sort_languages(list(chosen))
    body = build_translation_template("tiny", {}, "json_schema").body(pair, languages)
    sent = orjson.loads(body)
    assert sent["messages"] == translation_messages_of(pair, languages)
    assert sent["response_format"]["json_schema"] == translations_schema(languages)
    assert orjson.loads(sent["messages"][-1]["content"])["languages"] == {code: LANGUAGES[code] for code in languages}


def test_without_a_schema_nothing_but_the_schema_is_missing() -> None:
    plain = orjson.loads(build_translation_template("tiny", {"seed": 3}, "text").body(_SOURCE, ["zh"]))
    strict = orjson.loads(build_translation_template("tiny", {"seed": 3}, "json_schema").body(_SOURCE, ["zh"]))
    del strict["response_format"]
    assert plain == strict
    assert (plain["temperature"], plain["seed"]) == (0.2, 3)


def test_the_size_bound_holds() -> None:
    template = build_translation_template("tiny", {}, "json_schema")
    assert len(template.body(_SOURCE, ["zh", "fr"])) <= template.body_size_bound(_SOURCE, ["zh", "fr"])


_SPELLINGS = {
    "as asked": _JSON,
    "fenced": f"Here you are:\n```json\n{_JSON}\n```\nAnything else?",
    "with trailing commas": _JSON.replace("}}", "},}"),
    "in single quotes": "{'zh': {'instruction': '这是什么？', 'response': '一只狗。'}, "
    "'fr': {'instruction': \"Qu'est-ce que c'est ?\", 'response': 'Un chien.'}}",
    "by name": _JSON.replace('"zh"', '"Chinese"').replace('"fr"', '"Français"'),
    "by region": _JSON.replace('"zh"', '"zh-CN"').replace('"fr"', '"fr_FR"'),
    "wrapped": f'{{"translations": {_JSON}}}',
    "as a list": orjson.dumps(
        [{"language": "zh", **_object(_ZH)}, {"lang": "French", "q": _FR.instruction, "a": _FR.response}]
    ).decode(),
    "with other keys": _JSON.replace("instruction", "Question").replace("response", "Answer"),
    "as text": "## Chinese (zh)\nQ: 这是什么？\nA: 一只狗。\n\n## French\nQ: Qu'est-ce que c'est ?\nA: Un chien.",
    "under codes": "zh:\n问题：这是什么？\n回答：一只狗。\n\nfr:\nQ : Qu'est-ce que c'est ?\nR : Un chien.",
    "under bold names": "**中文**\nQ: 这是什么？\nA: 一只狗。\n\n**Français:**\nQ: Qu'est-ce que c'est ?\nA: Un chien.",
}  # fmt: skip


@pytest.mark.parametrize("spelling", _SPELLINGS)
def test_a_spelling_in_use_is_read(spelling: str) -> None:
    assert parse_translations(_SPELLINGS[spelling], ["zh", "fr"]) == _BOTH


def test_the_order_asked_is_the_order_given_and_nothing_else_comes_along() -> None:
    assert list(parse_translations(_JSON, ["fr", "zh"])) == ["fr", "zh"]
    assert parse_translations(_JSON, ["fr", "ko"]) == {"fr": _FR}


def test_one_language_may_come_without_its_code() -> None:
    assert parse_translations(orjson.dumps(_object(_ZH)).decode(), ["zh"]) == {"zh": _ZH}


def test_an_empty_half_is_kept_for_the_check_to_refuse() -> None:
    assert parse_translations('{"zh": {"instruction": "这是什么？", "response": ""}}', ["zh"]) == {
        "zh": Pair("这是什么？", "")
    }


@pytest.mark.parametrize("cut", range(_JSON.index('"fr"') + 6, len(_JSON) - 2))
def test_a_language_torn_by_the_token_limit_is_not_there(cut: int) -> None:
    assert parse_translations(_JSON[:cut], ["zh", "fr"], truncated=True) == {"zh": _ZH}


_HALVES = st.fixed_dictionaries({"instruction": st.text() | st.none(), "response": st.text()})
_KEYS = st.sampled_from(["zh", "zh-CN", "fr", "French", "note"])


@given(st.dictionaries(_KEYS, _HALVES | st.just({"instruction": "x"}), max_size=4))
def test_a_reply_as_it_was_asked_for_is_read_like_one_with_words_around_it(reply: dict[str, object]) -> None:
    text = orjson.dumps(reply).decode()
    assert parse_translations(text, ["zh", "fr"]) == parse_translations(f"```json\n{text}\n```\nDone.", ["zh", "fr"])


@given(st.text() | st.integers(0, len(_JSON)).map(lambda cut: _JSON[:cut]), st.booleans())
def test_no_text_makes_the_reader_fail(text: str, truncated: bool) -> None:
    found = parse_translations(text, ["zh", "fr"], truncated=truncated)
    assert found.keys() <= {"zh", "fr"}


@pytest.mark.parametrize(
    ("languages", "codes"),
    [
        ([], []),
        (["zh", "ja", "es", "de", "fr", "ko", "ar"], []),
        (["en"], ["source_language"]),
        (["zh", "zh"], ["duplicate_language"]),
        (["xx", 5], ["unknown_language", "unknown_language"]),
        (["ZH"], ["unknown_language"]),
    ],
)
def test_languages_are_checked_one_by_one(languages: list[object], codes: list[str]) -> None:
    assert [fault.code for fault in check_languages(languages)] == codes


@given(st.builds(Pair, st.text(st.characters(codec=None)), st.text()))
def test_a_fingerprint_fits_a_bigint_and_knows_its_halves_apart(pair: Pair) -> None:
    assert 0 <= source_fingerprint(pair) < 2**63
    if pair.instruction != pair.response:
        assert source_fingerprint(pair) != source_fingerprint(Pair(pair.response, pair.instruction))
