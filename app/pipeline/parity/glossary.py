"""A glossary: how the names and terms of a dataset are written in each language."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from app.errors import Fault
from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.pipeline.language_tags import is_known, spell_tag, split_tag

MOST_TERMS = 5_000
LONGEST_TERM = 200
_KEPT_TEXTS = 64
_WORD = re.compile(r"\w+")
_OWN_FIELDS = frozenset({"source", "keep"})


@dataclass(frozen=True, slots=True)
class Term:
    """source: as English writes it; wordings: by language; keep: as in English where no wording is given."""

    source: str
    wordings: Mapping[str, str] = field(default_factory=dict)
    keep: bool = False

    def wording(self, language: str) -> str | None:
        """How a language writes it: its own wording, that of its base (`pt` for `pt-BR`), or the source itself."""
        found = self.wordings.get(language) or self.wordings.get(split_tag(language)[0])
        return found or (self.source if self.keep else None)

    def wordings_in(self, languages: Sequence[str]) -> dict[str, str]:
        """Its wordings by language, where there are some."""
        return {language: found for language in languages if (found := self.wording(language)) is not None}


class Glossary:
    """Terms, found in a text by their first words: the work depends on the text, not on how many terms there are.

    Seven translations ask about the same English one after another, so what was found last is remembered.
    """

    def __init__(self, terms: Sequence[Term] = ()) -> None:
        self.terms = tuple(terms)
        self._by_word: dict[str, list[Term]] = {}
        self._find = lru_cache(maxsize=_KEPT_TEXTS)(self._search)
        for term in self.terms:
            first = _WORD.search(term.source)
            if first is not None:
                self._by_word.setdefault(first[0].casefold(), []).append(term)

    def find(self, text: str) -> tuple[Term, ...]:
        """The terms that an English text names; one with capitals is found only as it is written."""
        return self._find(text) if self._by_word else ()

    def _search(self, text: str) -> tuple[Term, ...]:
        found: dict[str, Term] = {}
        for match in _WORD.finditer(text):
            for term in self._by_word.get(match[0].casefold(), ()):
                if term.source not in found and _stands_at(term.source, text, match.start()):
                    found[term.source] = term
        return tuple(found.values())


NO_GLOSSARY = Glossary()


def read_terms(value: Sequence[Any]) -> tuple[list[Term], list[Fault]]:
    """Terms as JSON has them, and what is wrong with them, by pointer from the body on."""
    if len(value) > MOST_TERMS:
        return [], [Fault("/terms", "too_many", f"{len(value)} terms are given; {MOST_TERMS} are the most.")]
    terms: list[Term] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    for index, entry in enumerate(value):
        wrong = _check_entry(entry, f"/terms/{index}")
        source = entry["source"].strip() if not wrong else ""
        if not wrong and source in seen:
            wrong = [Fault(f"/terms/{index}/source", "repeated", f"{source!r} stands twice; give a term once.")]
        if wrong:
            faults += wrong
            continue
        seen.add(source)
        wordings = {code: text.strip() for code, text in entry.items() if code not in _OWN_FIELDS}
        terms.append(Term(source, wordings, entry.get("keep", False)))
    return terms, faults


def show_term(term: Term) -> dict[str, Any]:
    """A term as JSON has it."""
    return {"source": term.source, **term.wordings, **({"keep": True} if term.keep else {})}


def _check_entry(entry: Any, pointer: str) -> list[Fault]:
    if not isinstance(entry, Mapping):
        return [Fault(pointer, "wrong_type", 'A term is an object, e.g. {"source": "Beckett", "zh": "贝克特"}.')]
    faults = []
    source = entry.get("source")
    if not _is_text(source) or _WORD.search(str(source)) is None:
        faults.append(
            Fault(f"{pointer}/source", "wrong_type", f"Give the English term, 1 to {LONGEST_TERM} characters.")
        )
    if not isinstance(entry.get("keep", False), bool):
        faults.append(Fault(f"{pointer}/keep", "wrong_type", "Give true or false."))
    wordings = {code: text for code, text in entry.items() if code not in _OWN_FIELDS}
    for code, text in wordings.items():
        if not is_target(code):
            message = f"{code!r:.40} is neither a field of a term nor a language code such as 'zh' or 'pt-BR'."
            faults.append(Fault(f"{pointer}/{code}", "unknown_language", message))
        elif not _is_text(text):
            message = f"Give the term in this language, 1 to {LONGEST_TERM} characters."
            faults.append(Fault(f"{pointer}/{code}", "wrong_type", message))
    if not faults and not wordings and not entry.get("keep"):
        message = 'Say how it is written in some language, or "keep": true.'
        faults.append(Fault(pointer, "no_wording", message))
    return faults


def is_target(code: str) -> bool:
    """Whether a code names a language to translate into."""
    return spell_tag(code) == code and is_known(code) and split_tag(code)[0] != SOURCE_LANGUAGE


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_TERM


def _stands_at(source: str, text: str, start: int) -> bool:
    lead = _WORD.search(source)
    begin = start - (lead.start() if lead else 0)
    end = begin + len(source)
    part = text[begin:end] if begin >= 0 else ""
    alike = part == source if any(map(str.isupper, source)) else part.casefold() == source.casefold()
    return alike and not (source[-1].isalnum() and text[end : end + 1].isalnum())
