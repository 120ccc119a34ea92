"""Ways in which a correct translation goes wrong, each with its own tables: none is read from what checks it."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from app.pipeline.translation_examples import EXAMPLES
from app.pipeline.translation_prompt import TRANSLATION_SYSTEM_MESSAGE
from app.pipeline.values import Pair
from tests.support.translations import TARGETS, Translated

Corrupt = Callable[["Case"], Pair | None]

_BOX = re.compile(r"\[[\d, ]+\]")
_TIME = re.compile(r"\d{1,2}:\d{2}")
_DIGITS = re.compile(r"(?<![\d:.,\[])\d+(?:[.,  ]\d+)*(?![\d:\]])")
_PLACEHOLDER = re.compile(r"\{\w+\}|<\w+>|https?://[\w./]+|`[^`]+`|%s")
_MARKER = re.compile(r"^\d\. ", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[。！？])|(?<=[.!?؟]) ")
_COUNTED = {
    "zh": ("两三四五六七八九", r"(?=辆|个|只|片|根|条|支|人|瓶|份)"),
    "ja": ("二三四五六七八九", r"(?=台|人|頭|枚|本|つ)"),
    "ko": ("두 세 네 다섯 여섯 일곱 여덟 아홉", r"(?=\s?(?:대|명|마리|개|조각|장|사람|병))"),
    "es": ("dos tres cuatro cinco seis siete ocho nueve", ""),
    "de": ("zwei drei vier fünf sechs sieben acht neun", ""),
    "fr": ("deux trois quatre cinq six sept huit neuf", ""),
    "ar": ("اثنان ثلاث أربع خمس ست سبع ثماني تسع", ""),
}
_COUNTED_TOO = {"ar": "اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة"}
_ENGLISH_COUNTS = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
_NOTES = {
    "zh": "以下是翻译结果。",
    "ja": "以下は翻訳です。",
    "es": "Aquí tienes la traducción.",
    "de": "Hier ist die Übersetzung.",
    "fr": "Voici la traduction.",
    "ko": "다음은 번역입니다.",
    "ar": "فيما يلي الترجمة.",
}
_LABELS = {
    "zh": "回答：",
    "ja": "回答：",
    "es": "Respuesta: ",
    "de": "Antwort: ",
    "fr": "Réponse : ",
    "ko": "답변: ",
    "ar": "الإجابة: ",
}
_OTHER_NAMES = {
    "zh": "王小明",
    "ja": "タナカ",
    "es": "Rodríguez",
    "de": "Schulze",
    "fr": "Dupont",
    "ko": "김민수",
    "ar": "خالد",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A correct translation that is about to go wrong."""

    entry: Translated
    language: str
    draw: random.Random

    @property
    def source(self) -> Pair:
        return self.entry.source

    @property
    def right(self) -> Pair:
        return self.entry.right[self.language]

    def other(self) -> Pair:
        """The same pair in another language."""
        return self.entry.right[self.draw.choice([code for code in TARGETS if code != self.language])]

    def answer(self, response: str) -> Pair | None:
        """The right instruction with another response; nothing where it is the right one."""
        response = response.strip()
        return Pair(self.right.instruction, response) if response != self.right.response else None


def _replace_one(case: Case, pattern: re.Pattern[str], change: Callable[[str], str]) -> Pair | None:
    """Change one of the places in the response where a pattern stands."""
    text = case.right.response
    found = list(pattern.finditer(text))
    if not found:
        return None
    match = case.draw.choice(found)
    return case.answer(text[: match.start()] + change(match[0]) + text[match.end() :])


def _change_digit(case: Case, written: str) -> str:
    places = [place for place, character in enumerate(written) if character.isdigit()]
    place = case.draw.choice(places)
    digit = case.draw.choice([other for other in "123456789" if other != written[place]])
    return written[:place] + digit + written[place + 1 :]


def _another_language(case: Case) -> Pair | None:
    return case.other()


def _response_in_another_language(case: Case) -> Pair | None:
    return case.answer(case.other().response)


def _instruction_in_another_language(case: Case) -> Pair | None:
    return Pair(case.other().instruction, case.right.response)


def _english_left(case: Case) -> Pair | None:
    return case.source


def _response_left(case: Case) -> Pair | None:
    return case.answer(case.source.response)


def _instruction_left(case: Case) -> Pair | None:
    return Pair(case.source.instruction, case.right.response)


def _tail_left(case: Case) -> Pair | None:
    """The second half of the response is English."""
    words, text = case.source.response.split(" "), case.right.response
    if len(words) < 8:
        return None
    return case.answer(text[: len(text) // 2] + " " + " ".join(words[len(words) // 2 :]))


def _sentence_left(case: Case) -> Pair | None:
    """The last sentence of several is English."""
    english, right = _split(case.source.response), _split(case.right.response)
    return case.answer(" ".join([*right[:-1], english[-1]])) if len(english) > 1 and len(right) > 1 else None


def _digit_changed(case: Case) -> Pair | None:
    text = _BOX.sub("", _PLACEHOLDER.sub("", _MARKER.sub("", _TIME.sub("", case.right.response))))
    places = [match[0] for match in _DIGITS.finditer(text)]
    if not places:
        return None
    written = case.draw.choice(places)
    return case.answer(_put(case.right.response, written, _change_digit(case, written)))


def _digit_added(case: Case) -> Pair | None:
    text = _BOX.sub("", _PLACEHOLDER.sub("", _MARKER.sub("", _TIME.sub("", case.right.response))))
    places = [match[0] for match in _DIGITS.finditer(text)]
    if not places:
        return None
    written = case.draw.choice(places)
    return case.answer(_put(case.right.response, written, written + case.draw.choice("123456789")))


def _put(text: str, written: str, other: str) -> str:
    return re.sub(rf"(?<![\d:.,]){re.escape(written)}(?![\d:])", other, text, count=1)


def _separator_lost(case: Case) -> Pair | None:
    return _replace_one(case, re.compile(r"(?<=\d)[.,](?=\d{1,2}(?!\d))"), lambda _: "")


def _number_dropped(case: Case) -> Pair | None:
    text = _BOX.sub("", _PLACEHOLDER.sub("", _MARKER.sub("", _TIME.sub("", case.right.response))))
    places = [match[0] for match in _DIGITS.finditer(text) if len(match[0]) > 1]
    return case.answer(_put(case.right.response, case.draw.choice(places), "")) if places else None


def _number_word_changed(case: Case) -> Pair | None:
    words, behind = _COUNTED[case.language]
    forms = [form.split(" ") if " " in form else list(form) for form in (words, _COUNTED_TOO.get(case.language, words))]
    start, end = ("", behind) if behind else (r"(?<!\w)", r"(?!\w)")
    english = set(re.findall(r"[a-z]+", case.source.response.casefold()))
    said = [place for place, word in enumerate(_ENGLISH_COUNTS) if word in english]
    unsaid = [place for place in range(2, len(_ENGLISH_COUNTS)) if place not in said]
    for listed in forms:
        patterns = [re.compile(f"{start}{listed[place]}{end}") for place in said]
        here = [pattern for pattern in patterns if pattern.search(case.right.response)]
        if here:
            return _replace_one(case, case.draw.choice(here), lambda _, listed=listed: listed[case.draw.choice(unsaid)])  # type: ignore[misc]  # a default keeps the forms
    return None


def _box_changed(case: Case) -> Pair | None:
    return _replace_one(case, _BOX, lambda box: _change_digit(case, box))


def _box_turned(case: Case) -> Pair | None:
    """Its numbers in another order."""
    return _replace_one(case, _BOX, lambda box: "[" + ", ".join(reversed(re.findall(r"\d+", box))) + "]")


def _box_dropped(case: Case) -> Pair | None:
    return _replace_one(case, _BOX, lambda _: "")


def _time_changed(case: Case) -> Pair | None:
    return _replace_one(
        case, _TIME, lambda time: time[:-1] + case.draw.choice([d for d in "0123456789" if d != time[-1]])
    )


def _time_dropped(case: Case) -> Pair | None:
    return _replace_one(case, _TIME, lambda _: "")


def _placeholder_dropped(case: Case) -> Pair | None:
    return _replace_one(case, _PLACEHOLDER, lambda _: "")


def _placeholder_translated(case: Case) -> Pair | None:
    return _replace_one(case, _PLACEHOLDER, lambda found: found[0] + "otro" + found[-1])


def _halves_swapped(case: Case) -> Pair | None:
    return Pair(case.right.response, case.right.instruction)


def _halves_alike(case: Case) -> Pair | None:
    return Pair(case.right.instruction, case.right.instruction)


def _response_empty(case: Case) -> Pair | None:
    return case.answer(case.draw.choice(["", "—", "…", "。"]))


def _cut_off(case: Case) -> Pair | None:
    """As a limit of tokens cuts: anywhere between a third and four fifths."""
    text = case.right.response
    if len(case.source.response) < 30:
        return None
    return case.answer(text[: int(len(text) * case.draw.uniform(0.33, 0.8))])


def _last_sentence_lost(case: Case) -> Pair | None:
    right = _split(case.right.response)
    return case.answer(" ".join(right[:-1])) if len(right) > 1 and len(_split(case.source.response)) > 1 else None


def _doubled(case: Case) -> Pair | None:
    return case.answer(f"{case.right.response}{case.draw.choice(['', ' ', chr(10)])}{case.right.response}")


def _sentence_doubled(case: Case) -> Pair | None:
    right = _split(case.right.response)
    return case.answer(" ".join([right[0], *right])) if len(right) > 1 else None


def _loop(case: Case) -> Pair | None:
    return case.answer(case.right.response + f" {case.right.response[:10]}" * 12)


def _note_added(case: Case) -> Pair | None:
    return case.answer(f"{_NOTES[case.language]} {case.right.response}")


def _label_added(case: Case) -> Pair | None:
    return case.answer(_LABELS[case.language] + case.right.response)


def _prompt_leaked(case: Case) -> Pair | None:
    rules = [line for line in TRANSLATION_SYSTEM_MESSAGE.split("\n") if len(line) > 70]
    return case.answer(f"{case.right.response} {case.draw.choice(rules)}")


def _json_leaked(case: Case) -> Pair | None:
    return case.answer(f'{case.right.response}", "response": "{case.right.response[:8]}')


def _example_copied(case: Case) -> Pair | None:
    _, translations = next(pair for pair in EXAMPLES if case.language in pair[1])
    return case.answer(translations[case.language].response)


def _name_changed(case: Case) -> Pair | None:
    wordings = [term.wording(case.language) for term in case.entry.glossary.terms]
    here = [wording for wording in wordings if wording and wording in case.right.response]
    if not here:
        return None
    return case.answer(case.right.response.replace(case.draw.choice(here), _OTHER_NAMES[case.language]))


def _item_dropped(case: Case) -> Pair | None:
    lines = case.right.response.split("\n")
    if len(lines) < 3:
        return None
    del lines[case.draw.randrange(1, len(lines))]
    return case.answer("\n".join(lines))


def _direction_marked(case: Case) -> Pair | None:
    """Marks that do not belong: any of them outside Arabic; unbalanced or overriding ones in it."""
    text = case.right.response
    marks = ["\u202e", "\u2067", "\u2069", "\u202b", "\u202c"] + ([] if case.language == "ar" else ["\u200f", "\u200e"])
    place = case.draw.randrange(1, max(2, len(text) - 1))
    return case.answer(text[:place] + case.draw.choice(marks) + text[place:])


def _split(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


CORRUPTIONS: dict[str, Corrupt] = {
    "another language": _another_language,
    "another language, response only": _response_in_another_language,
    "another language, instruction only": _instruction_in_another_language,
    "English left": _english_left,
    "English left, response only": _response_left,
    "English left, instruction only": _instruction_left,
    "English left, second half": _tail_left,
    "English left, last sentence": _sentence_left,
    "digit changed": _digit_changed,
    "digit added": _digit_added,
    "decimal or group mark lost": _separator_lost,
    "number dropped": _number_dropped,
    "number word changed": _number_word_changed,
    "box changed": _box_changed,
    "box turned": _box_turned,
    "box dropped": _box_dropped,
    "time changed": _time_changed,
    "time dropped": _time_dropped,
    "placeholder dropped": _placeholder_dropped,
    "placeholder translated": _placeholder_translated,
    "halves swapped": _halves_swapped,
    "instruction twice": _halves_alike,
    "response empty": _response_empty,
    "cut off": _cut_off,
    "last sentence lost": _last_sentence_lost,
    "response doubled": _doubled,
    "sentence doubled": _sentence_doubled,
    "loop": _loop,
    "note on the translation": _note_added,
    "label added": _label_added,
    "prompt leaked": _prompt_leaked,
    "JSON leaked": _json_leaked,
    "example copied": _example_copied,
    "name changed": _name_changed,
    "list item dropped": _item_dropped,
    "direction marks": _direction_marked,
}
"""What goes wrong -> how; None where it cannot go wrong in this pair."""
