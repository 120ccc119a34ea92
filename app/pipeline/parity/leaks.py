"""Words of the request in a translation: its keys and rules, its examples, labels, and talk about translating."""

import re

from app.pipeline.parity.english import share_too_little
from app.pipeline.parity.verdicts import Verdict
from app.pipeline.prompt_leaks import find_overlap, may_overlap
from app.pipeline.translation_examples import EXAMPLES
from app.pipeline.translation_prompt import TRANSLATION_SYSTEM_MESSAGE
from app.pipeline.values import Pair, Prompt

_KEYS = re.compile(
    r"[\"'](?:instruction|response|languages|pair|glossary|refused|because)[\"']\s*:|Reply with one JSON object",
    re.IGNORECASE,
)
_LATIN_STRETCH = re.compile(r"[A-Za-z ,.:;'\"()-]{40}")
_TALK = re.compile(
    r"(?:^|\n)\W{0,3}(?:translation|translated text|traducción|übersetzung|traduction|翻译|译文|翻譯|翻訳|訳文|번역"
    r"|الترجمة)\s?[:：]"
    r"|以下[是为].{0,10}(?:翻译|译文)|以下[はが].{0,14}翻訳|다음은.{0,12}번역|[Hh]ere (?:is|are) the .{0,24}translat"
    r"|[Vv]oici (?:la|une) traduction"
    r"|[Aa]quí (?:está|tienes|tiene) la traducción|[Hh]ier ist die Übersetzung|فيما يلي.{0,12}ترجمة|إليك.{0,8}ترجمة"
)
_TALKING = ("ranslat", "raducci", "bersetzung", "raduction", "翻译", "译文", "翻譯", "翻訳", "訳文", "번역", "ترجمة")
"""One of these is in whatever `_TALK` finds."""
_LABEL = re.compile(
    r"(?:\*\*)?(?:question|answer|instruction|response|[qa]|问题|回答|答案|指令|問題|質問|[问問答]|frage|antwort|anweisung|pregunta|respuesta|"
    r"instrucción|réponse|질문|답변|대답|السؤال|سؤال|الجواب|جواب|الإجابة|zh|ja|es|de|fr|ko|ar)(?:\*\*)?\s?[:：]",
    re.IGNORECASE,
)
_ABOUT_TRANSLATING = re.compile(r"translat", re.IGNORECASE)
_PROMPT = Prompt(TRANSLATION_SYSTEM_MESSAGE)


def find_leak(source: Pair, translated: Pair) -> Verdict | None:
    """A part of the request, a label before a half, or words about the translation."""
    match = _find_key(translated.instruction) or _find_key(translated.response)
    if match is not None:
        return "leaked_prompt", f"it holds a part of the request: {match[0]!r}"
    for english, text in ((source.instruction, translated.instruction), (source.response, translated.response)):
        label = _LABEL.match(text)
        if label is not None and not _LABEL.match(english):
            return "leaked_prompt", f"it begins with a label: {label[0]!r}"
        talk = _TALK.search(text) if any(word in text for word in _TALKING) else None
        if talk is not None and not _ABOUT_TRANSLATING.search(english):
            return "leaked_prompt", f"it talks about the translation: {talk[0].strip()!r}"
        if _LATIN_STRETCH.search(text) and may_overlap(_PROMPT, text) and (passage := find_overlap(_PROMPT, text)):
            return "leaked_prompt", f"it holds a part of the request: {passage[:60]!r}"
    return None


def _find_key(text: str) -> re.Match[str] | None:
    may_hold = '"' in text or "':" in text or "' :" in text or "eply with one" in text
    return _KEYS.search(text) if may_hold else None


def find_copied_example(source: Pair, translated: Pair) -> Verdict | None:
    """A half of an in-context example where the source says something else."""
    for english, translations in EXAMPLES:
        for example in translations.values():
            if (
                translated.instruction == example.instruction
                and share_too_little(source.instruction, english.instruction)
            ) or (translated.response == example.response and share_too_little(source.response, english.response)):
                return "copied_example", "it repeats an in-context example"
    return None
