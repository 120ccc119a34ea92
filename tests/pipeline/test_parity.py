"""The parity gate: correct translations pass, each way of going wrong is caught and named."""

import random
from itertools import permutations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.language import LinguaDetector
from app.pipeline.parity import (
    NO_TRANSLATION,
    PARITY_CODES,
    Glossary,
    Term,
    check_translation,
    find_disagreement,
    find_faults,
)
from app.pipeline.values import Pair
from tests.support.corruptions import CORRUPTIONS, Case
from tests.support.translations import FOLDER, SETS, TARGETS, Translated, load_translations

_DETECTOR = LinguaDetector()
_ENTRIES = [entry for name in SETS for entry in load_translations(name)]
_CODES = {
    "another language": {"wrong_language"},
    "English left": {"untranslated"},
    "digit added": {"number", "length"},
    "box changed": {"box"},
    "box turned": {"box"},
    "box dropped": {"box"},
    "time changed": {"time"},
    "time dropped": {"time"},
    "placeholder dropped": {"placeholder"},
    "placeholder translated": {"placeholder"},
    "halves swapped": {"confused", "placeholder", "wrong_language", "length", "number", "time", "box"},
    "instruction twice": {"confused"},
    "response empty": {"empty"},
    "response doubled": {"degenerate", "confused", "length"},
    "note on the translation": {"leaked_prompt"},
    "label added": {"leaked_prompt"},
    "JSON leaked": {"leaked_prompt"},
    "name changed": {"glossary"},
    "direction marks": {"bidi", "wrong_language"},
}

_WHY = {"de": "Warum denn?", "ko": "왜 그런가요?", "ar": "لماذا؟", "zh": "为什么？", "ja": "なぜですか。"}


def judge(source: Pair, translated: Pair, language: str, glossary: Glossary | None = None) -> set[str]:
    found = find_faults(source, translated, language, _DETECTOR, glossary or Glossary())
    return {finding.code for finding in found}


def test_what_was_read_back_in_other_words_agrees_and_what_says_something_else_does_not() -> None:
    sources = [entry.source for entry in load_translations("everyday")]
    said = [Pair(*pair) for pair in orjson.loads((FOLDER / "read_back.json").read_bytes())]
    assert [
        found for source, back in zip(sources, said, strict=True) if (found := find_disagreement(source, back, "de"))
    ] == []
    sources += [entry.source for entry in _ENTRIES]
    others = [(one, Pair(one.instruction, other.response)) for one, other in permutations(sources, 2)]
    assert sum(find_disagreement(one, other, "de") is not None for one, other in others) / len(others) > 0.97


@pytest.mark.parametrize("language", TARGETS)
@pytest.mark.parametrize("entry", load_translations("everyday"), ids=lambda entry: entry.source.response[:40])
def test_short_answers_prices_times_quotations_and_lists_are_kept(entry: Translated, language: str) -> None:
    assert judge(entry.source, entry.right[language], language) == set()


@pytest.mark.parametrize(
    ("language", "english", "wrong"),
    [
        ("de", "The home team won 21-14.", "Die Heimmannschaft gewann 21:41."),
        ("de", "The train leaves at 21:14, after 21 stops.", "Der Zug fährt um 21:41 ab, nach 21 Halten."),
        ("ko", "About two thirds are blue.", "약 5분의 2가 파란색이에요."),
        ("ar", "Sixty seats are taken.", "المقاعد الخمسون مشغولة."),
        ("zh", "More people came than in the 1990s.", "来的人比19世纪80年代多。"),
        ("ja", "It is a quarter to three.", "4時15分前です。"),
        ("ko", "She is about 30 years old.", "그녀는 마흔 살쯤이에요."),
    ],
)
def test_what_was_mended_for_those_still_catches_a_wrong_number(language: str, english: str, wrong: str) -> None:
    assert judge(Pair("Why so?", english), Pair(_WHY[language], wrong), language) & {"number", "time"}


@pytest.mark.parametrize("language", TARGETS)
def test_there_are_forty_correct_translations_and_they_are_kept(language: str) -> None:
    assert len(_ENTRIES) >= 40
    refused = [
        (entry.right[language], finding.detail)
        for entry in _ENTRIES
        for finding in find_faults(entry.source, entry.right[language], language, _DETECTOR, entry.glossary)
    ]
    assert len(refused) <= 0.02 * len(_ENTRIES), refused


def _corrupt(name: str, entry: Translated, language: str) -> Pair | None:
    return CORRUPTIONS[name](Case(entry, language, random.Random(f"{name} {language} {entry.source}")))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_goes_wrong_is_caught_and_called_by_its_name(name: str) -> None:
    seeded, missed = 0, []
    for entry in _ENTRIES:
        for language in TARGETS:
            wrong = _corrupt(name, entry, language)
            if wrong is None:
                continue
            seeded += 1
            codes = judge(entry.source, wrong, language, entry.glossary)
            assert codes <= NO_TRANSLATION | set(PARITY_CODES)
            if not codes:
                missed.append((language, wrong))
            elif name in _CODES:
                assert codes & _CODES[name], (codes, language, wrong)
    assert seeded
    assert len(missed) <= 0.1 * seeded, missed


@pytest.mark.parametrize(
    ("english", "translated", "language", "codes"),
    [
        ("It costs 1,250 euros in all.", "Es kostet insgesamt 1.250 Euro.", "de", set()),
        ("It costs 1,250 euros in all.", "Es kostet insgesamt 1250 Euro.", "de", set()),
        ("It costs 1,250 euros in all.", "Es kostet insgesamt 1,250 Euro.", "de", {"number"}),
        ("It costs 1,250 euros in all.", "Cela coûte 1 250 euros en tout.", "fr", set()),
        ("It is 2.5 metres wide there.", "Es ist dort 2,5 Meter breit.", "de", set()),
        ("It is 2.5 metres wide there.", "Es ist dort 25 Meter breit.", "de", {"number"}),
        ("It is 2.5 metres wide there.", "يبلغ عرضه هناك ٢٫٥ متر.", "ar", set()),
        ("It is 2.5 metres wide there.", "يبلغ عرضه هناك ٢٫٦ متر.", "ar", {"number"}),
        ("There are 20,000 people in it.", "里面有2万人。", "zh", set()),
        ("There are 20,000 people in it.", "里面有3万人。", "zh", {"number"}),
        ("There are twenty-five boats in it.", "里面有二十五艘船。", "zh", set()),
        ("There are twenty-five boats in it.", "里面有三十五艘船。", "zh", {"number"}),
        ("There are twenty-five boats in it.", "Il y a vingt-cinq bateaux dedans.", "fr", set()),
        ("There are seventy-six boats in it.", "Il y a soixante-seize bateaux dedans.", "fr", set()),
        ("There are ninety-seven boats in it.", "Il y a quatre-vingt-dix-sept bateaux dedans.", "fr", set()),
        ("There are ninety-seven boats in it.", "Il y a quatre-vingt-dix-huit bateaux dedans.", "fr", {"number"}),
        ("There are twenty-five boats in it.", "Darin sind fünfundzwanzig Boote.", "de", set()),
        ("There are twenty-five boats in it.", "Darin sind zweiundfünfzig Boote.", "de", {"number"}),
        ("There are twenty-five boats in it.", "Hay veinticinco barcos dentro.", "es", set()),
        ("There are thirty-five boats in it.", "Hay treinta y cinco barcos dentro.", "es", set()),
        ("There are thirty-five boats in it.", "فيه خمسة وثلاثون قارباً.", "ar", set()),
        ("There are two boats in the harbour.", "في الميناء قاربان.", "ar", set()),
        ("There are twelve boats in the harbour.", "항구에 배가 열두 척 있어요.", "ko", set()),
        ("There are twelve boats in the harbour.", "항구에 배가 열세 척 있어요.", "ko", {"number"}),
        ("The train leaves at 5:30 pm from here.", "列车下午5点30分从这里出发。", "zh", set()),
        ("The train leaves at 5:30 pm from here.", "Der Zug fährt hier um 17:30 Uhr ab.", "de", set()),
        ("The train leaves at 5:30 pm from here.", "Le train part d'ici à 17h30.", "fr", set()),
        ("The train leaves at 5:30 pm from here.", "Le train part d'ici à 17h20.", "fr", {"time"}),
        ("He was born in the 19th century there.", "Il est né là-bas au XIXe siècle.", "fr", set()),
        ("It was painted in the 1990s in Rome.", "Se pintó en Roma en los años 90.", "es", set()),
        ("It was built on March 5, 2021, they say.", "据说它建于2021年3月5日。", "zh", set()),
        ("It was built on March 5, 2021, they say.", "据说它建于2021年3月6日。", "zh", {"number"}),
        ("The box is [1, 2, 30, 40] in the picture.", "图片中的框是[1, 2, 30, 40]。", "zh", set()),
        ("The box is [1, 2, 30, 40] in the picture.", "图片中的框是[1、2、30、40]。", "zh", {"box"}),
    ],
)
def test_numbers_are_read_by_the_customs_of_the_language(
    english: str, translated: str, language: str, codes: set[str]
) -> None:
    questions = {
        "de": "Was ist auf diesem Bild zu sehen?",
        "fr": "Que voit-on sur cette image ?",
        "es": "¿Qué se ve en esta imagen?",
        "zh": "这张图片里能看到什么？",
        "ko": "이 사진에서 무엇을 볼 수 있나요?",
        "ar": "ماذا يظهر في هذه الصورة؟",
    }
    source = Pair("What can be seen in this picture?", english)
    assert judge(source, Pair(questions[language], translated), language) == codes


_FIGURES = (
    "12 1,250 2.5 5:30 10:45 million hundred twenty five to past half 万 三 百 二〇二一 两 십 다섯 خمسة وعشرون "
    "مليون vingt quatre- zwei und dos Ｘ \u202e \u2067 第 つ dog XIX %s https://a.b/c"
)
_PIECES = st.sampled_from([*_FIGURES.split(" "), *"0123456789٣３.,:[](){}<>%'$` -\n"])
_TEXTS = st.lists(_PIECES, max_size=40).map("".join)


@settings(deadline=None)
@given(
    st.builds(Pair, _TEXTS, _TEXTS),
    st.builds(Pair, _TEXTS, _TEXTS),
    st.sampled_from([*TARGETS, "pt-BR", "hi", "zh-Hant", "th", "de-CH", "el"]),
)
def test_no_figures_and_marks_make_the_gate_fail(source: Pair, translated: Pair, language: str) -> None:
    codes = judge(source, translated, language)
    assert codes <= NO_TRANSLATION | set(PARITY_CODES)
    disagreement = find_disagreement(source, translated, language)
    assert disagreement is None or disagreement.code == "back_translation"
    assert find_disagreement(source, source, language) is None


@pytest.mark.parametrize("endless", ["billion " * 2000, "一" * 6000, "9" * 6000, "九千" * 3000, "vingt " * 3000])
def test_a_number_without_end_is_no_number(endless: str) -> None:
    for language in ("zh", "fr", "ar", "hi"):
        assert judge(Pair("How many?", endless), Pair(endless, f"{endless}三"), language)


def test_all_that_differs_is_said_at_once() -> None:
    source = Pair("Where is the dog?", "The dog is at [1, 2, 3, 4] and leaves at 0:15 with 3 others.")
    wrong = Pair("Wo ist der Hund?", "Der Hund ist bei [1, 2, 3, 5] und geht bei 0:16 mit 4 anderen.")
    refused = check_translation(source, wrong, "de", _DETECTOR)
    assert refused is not None
    assert refused.reason == "box"
    assert "0:15" in refused.detail
    assert {finding.code for finding in find_faults(source, wrong, "de", _DETECTOR)} == {"box", "time"}


def test_a_term_of_the_glossary_must_be_written_as_it_says() -> None:
    glossary = Glossary([Term("sea otter", {"de": "Seeotter"}), Term("Kelp Bay", keep=True)])
    source = Pair("Where does the sea otter live?", "It lives in Kelp Bay.")
    right = Pair("Wo lebt der Seeotter?", "Er lebt in der Kelp Bay.")
    assert judge(source, right, "de", glossary) == set()
    assert judge(source, Pair("Wo lebt der Fischotter?", "Er lebt in der Kelp Bay."), "de", glossary) == {"glossary"}
    assert judge(source, Pair("Wo lebt der Seeotter?", "Er lebt in der Tangbucht."), "de", glossary) == {"glossary"}


def test_simplified_and_traditional_characters_are_told_apart() -> None:
    source = Pair("What is this?", "It is a red car that stands in front of the door.")
    simplified, traditional = (
        Pair("这是什么？", "这是停在门前的红色汽车。"),
        Pair("這是什麼？", "這是停在門前的紅色汽車。"),
    )
    assert judge(source, simplified, "zh") == set()
    assert judge(source, traditional, "zh") == {"wrong_language"}
    assert judge(source, traditional, "zh-Hant") == set()
    assert judge(source, simplified, "zh-TW") == {"wrong_language"}


_FURTHER = {
    "pt-BR": Pair("O que o cão está fazendo no gramado?", "O cão está deitado na grama ao lado de 3 bolas vermelhas."),
    "hi": Pair("कुत्ता लॉन पर क्या कर रहा है?", "कुत्ता घास पर 3 लाल गेंदों के पास लेटा हुआ है।"),
    "ru": Pair("Что собака делает на лужайке?", "Собака лежит на траве рядом с 3 красными мячами."),
    "th": Pair("สุนัขกำลังทำอะไรอยู่บนสนามหญ้า", "สุนัขกำลังนอนอยู่บนหญ้าข้างลูกบอลสีแดง 3 ลูก"),
    "he": Pair("מה הכלב עושה על הדשא?", "הכלב שוכב על הדשא ליד 3 כדורים אדומים."),
    "el": Pair("Τι κάνει ο σκύλος στο γρασίδι;", "Ο σκύλος είναι ξαπλωμένος στο γρασίδι δίπλα σε 3 κόκκινες μπάλες."),
    "vi": Pair("Con chó đang làm gì trên bãi cỏ?", "Con chó đang nằm trên cỏ bên cạnh 3 quả bóng màu đỏ."),
    "it": Pair("Cosa fa il cane sul prato?", "Il cane è sdraiato sull'erba accanto a 3 palline rosse."),
    "fa": Pair("سگ روی چمن چه می‌کند؟", "سگ روی چمن کنار ۳ توپ قرمز دراز کشیده است."),
}  # fmt: skip
_FURTHER_SOURCE = Pair("What is the dog doing on the lawn?", "The dog is lying on the grass next to 3 red balls.")


@pytest.fixture(scope="module")
def learned() -> LinguaDetector:
    detector = LinguaDetector()
    detector.learn(sorted(_FURTHER))
    return detector


@pytest.mark.parametrize("language", _FURTHER)
def test_a_language_without_a_table_is_checked_by_its_script_and_its_numbers(
    language: str, learned: LinguaDetector
) -> None:
    right = _FURTHER[language]
    assert find_faults(_FURTHER_SOURCE, right, language, learned) == []
    wrong_number = Pair(right.instruction, right.response.replace("3", "4").replace("۳", "۴"))
    assert [found.code for found in find_faults(_FURTHER_SOURCE, wrong_number, language, learned)] == ["number"]
    left = Pair(right.instruction, _FURTHER_SOURCE.response)
    assert [found.code for found in find_faults(_FURTHER_SOURCE, left, language, learned)] == ["untranslated"]
    other = _FURTHER["hi" if language != "hi" else "th"]
    assert [found.code for found in find_faults(_FURTHER_SOURCE, other, language, learned)] == ["wrong_language"]


def test_a_neighbour_in_the_same_letters_is_told_apart(learned: LinguaDetector) -> None:
    spanish = Pair(
        "¿Qué está haciendo el perro en el césped?", "El perro está tumbado en la hierba junto a 3 pelotas rojas."
    )
    assert [found.code for found in find_faults(_FURTHER_SOURCE, spanish, "pt-BR", learned)] == ["wrong_language"]
