"""Tags of languages: their spelling, names and scripts, and how replies may call them."""

import pytest
from lingua import IsoCode639_1

from app.pipeline.language_codes import check_languages, find_asked, name_language, sort_languages
from app.pipeline.language_table import LETTER_NAMES, NAMES, SCRIPTS
from app.pipeline.language_tags import LINGUA_LANGUAGES, spell_tag, split_tag
from app.pipeline.languages import describe_language, list_languages


def test_the_languages_of_the_detector_are_those_of_its_package() -> None:
    known = {name.lower() for name in dir(IsoCode639_1) if len(name) == 2 and name.isupper()}
    assert known == LINGUA_LANGUAGES
    assert known <= set(NAMES)


def test_every_script_of_a_language_has_letters() -> None:
    assert set(SCRIPTS.values()) | {"Latn"} <= set(LETTER_NAMES)
    assert set(SCRIPTS) <= set(NAMES)


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        ("pt-br", "pt-BR"),
        ("ZH_hant_tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("fil", "fil"),
        ("portuguese", None),
        ("pt-", None),
        ("x-private", None),
        ("pt-BR-u-ca-gregory", None),
        ("", None),
    ],
)
def test_a_tag_has_one_spelling(given: str, spelled: str | None) -> None:
    assert spell_tag(given) == spelled


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("pt-BR", ("pt", "Latn", "BR")),
        ("hi", ("hi", "Deva", "")),
        ("zh", ("zh", "Hans", "")),
        ("zh-TW", ("zh", "Hant", "TW")),
        ("sr-Latn", ("sr", "Latn", "")),
    ],
)
def test_a_tag_says_its_script_or_has_the_usual_one(tag: str, parts: tuple[str, str, str]) -> None:
    assert split_tag(tag) == parts


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("pt-BR", None),
        ("hi", None),
        ("zh-Hant", None),
        ("pt_BR", "unknown_language"),
        ("pt-br", "unknown_language"),
        ("qq", "unknown_language"),
        ("de-Blah", "unknown_language"),
        ("portuguese", "malformed_language"),
        ("", "malformed_language"),
        ("en-GB", "source_language"),
    ],
)
def test_an_order_names_languages_by_their_codes(code: str, fault: str | None) -> None:
    assert [found.code for found in check_languages(["fr", code])] == ([fault] if fault else [])
    assert all(found.pointer == "/languages/1" for found in check_languages(["fr", code]))


def test_a_wrong_spelling_is_told_the_right_one() -> None:
    assert "'pt-BR'" in check_languages(["pt-br"])[0].message


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("pt", ("pt-BR",), "pt-BR"),
        ("pt-PT", ("pt-PT", "pt-BR"), "pt-PT"),
        ("pt_br", ("pt-PT", "pt-BR"), "pt-BR"),
        ("Portuguese (Brazil)", ("pt-PT", "pt-BR"), "pt-BR"),
        ("Portuguese", ("pt-BR",), "pt-BR"),
        ("Hindi", ("hi",), "hi"),
        ("zh-Hant", ("zh", "zh-TW"), "zh-TW"),
        ("zh-CN", ("zh", "zh-TW"), "zh"),
        ("zh", ("zh-TW",), "zh-TW"),
        ("Chinese", ("zh", "zh-TW"), "zh"),
        ("id", ("zh",), None),
        ("note", ("pt-BR", "hi"), None),
    ],
)
def test_a_reply_may_call_a_language_by_any_of_its_names(name: str, asked: tuple[str, ...], found: str | None) -> None:
    assert find_asked(name, asked) == found


def test_further_languages_come_behind_the_eight() -> None:
    assert sort_languages(["hi", "ar", "af", "zh"]) == ("zh", "ar", "af", "hi")
    assert list_languages(all_=True)[:8] == list_languages(all_=False)
    assert name_language("pt-BR") == "Portuguese (Brazil)"


@pytest.mark.parametrize(
    ("code", "identified_by"), [("zh", "experience"), ("es-MX", "experience"), ("hi", "detector"), ("am", "script")]
)
def test_the_catalogue_says_how_a_language_is_known(code: str, identified_by: str) -> None:
    assert describe_language(code)["identified_by"] == identified_by
