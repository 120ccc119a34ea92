"""One call translates a pair into every language asked for: the request, and the reading of its reply."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.pipeline.formats import normalise_text
from app.pipeline.formats.schemas import pair_schema
from app.pipeline.language_codes import LANGUAGES, SOURCE_LANGUAGE, check_languages, name_language, sort_languages
from app.pipeline.parameters import settle_parameters
from app.pipeline.parity import Term, check_translation
from app.pipeline.prompting import RequestTemplate, ResponseFormat
from app.pipeline.translation_examples import EXAMPLES
from app.pipeline.translation_prompt import READING_BACK_SYSTEM_MESSAGE, TRANSLATION_SYSTEM_MESSAGE
from app.pipeline.translation_replies import parse_translations
from app.pipeline.values import Pair

__all__ = [
    "LANGUAGES",
    "SOURCE_LANGUAGE",
    "TRANSLATION_SYSTEM_MESSAGE",
    "TranslationTemplate",
    "build_reading_back_template",
    "build_translation_template",
    "check_languages",
    "check_translation",
    "describe_refusal",
    "drafts_fingerprint",
    "parse_translations",
    "sort_languages",
    "source_fingerprint",
    "translation_messages_of",
    "translations_schema",
]

Drafts = tuple[tuple[str, Pair], ...]
"""Translations by language that passed every check and wait to be read back."""

Refused = Mapping[str, Mapping[str, Any]]
"""What a request says of earlier translations, by language."""

NONE_REFUSED: Refused = {}
_TRANSLATING_PARAMETERS: Mapping[str, Any] = {"temperature": 0.2}
_LONGEST_REASON = 600


@dataclass(frozen=True, slots=True)
class TranslationTemplate:
    """A request whose prompt is serialised once; the pair, the languages and their schema are put in per call."""

    request: RequestTemplate
    with_schema: bool

    def body(
        self, pair: Pair, languages: Sequence[str], terms: Sequence[Term] = (), refused: Refused = NONE_REFUSED
    ) -> bytes:
        """The request as JSON bytes for one pair into these languages (codes, without English).

        terms: what of the glossary the pair names; refused: what `describe_refusal` says of earlier translations
        """
        return self._fill(_write_task(pair, languages, terms, refused), languages)

    def reading_back_body(self, drafts: Drafts) -> bytes:
        """The request as JSON bytes for the English of these translations."""
        task = {language: _as_object(pair) for language, pair in drafts}
        return self._fill(orjson.dumps(task).decode(), [language for language, _ in drafts])

    def body_size_bound(self, pair: Pair, languages: Sequence[str]) -> int:
        """The exact size of `body` in bytes: a pair is short, so it is simply built."""
        return len(self.body(pair, languages))

    def _fill(self, task: str, languages: Sequence[str]) -> bytes:
        suffix = self.request.suffix
        if self.with_schema:
            schema = orjson.dumps({"type": "json_schema", "json_schema": translations_schema(languages)})
            suffix = b'%b,"response_format":%b}' % (suffix[:-1], schema)
        return b"%b%b%b" % (self.request.prefix, orjson.dumps(task), suffix)


def build_translation_template(
    model: str, parameters: Mapping[str, Any], response_format: ResponseFormat
) -> TranslationTemplate:
    """Serialise the translator's prompt and parameters; `parameters` override a temperature of 0.2 and the defaults."""
    return _build_template(_prompt_messages(), model, parameters, response_format)


def build_reading_back_template(
    model: str, parameters: Mapping[str, Any], response_format: ResponseFormat
) -> TranslationTemplate:
    """The same for reading translations back into English."""
    messages = [{"role": "system", "content": READING_BACK_SYSTEM_MESSAGE}]
    return _build_template(messages, model, parameters, response_format)


def _build_template(
    messages: Sequence[Mapping[str, str]], model: str, parameters: Mapping[str, Any], response_format: ResponseFormat
) -> TranslationTemplate:
    request = {
        "model": model,
        "messages": [*messages, {"role": "user", "content": None}],
        **settle_parameters({**_TRANSLATING_PARAMETERS, **parameters}),
    }
    prefix, gap, suffix = orjson.dumps(request).partition(b'"content":null')
    if not gap:
        raise ValueError("the request has no gap for the pair")
    return TranslationTemplate(RequestTemplate(prefix + b'"content":', suffix), response_format == "json_schema")


def translation_messages_of(pair: Pair, languages: Sequence[str]) -> list[dict[str, str]]:
    """The exact messages of a translation call."""
    return [*_prompt_messages(), {"role": "user", "content": _write_task(pair, languages)}]


def translations_schema(languages: Sequence[str]) -> dict[str, Any]:
    """The strict schema of a reply: exactly these languages, each with an instruction and a response."""
    return {
        "name": "translations",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {language: pair_schema() for language in languages},
            "required": list(languages),
            "additionalProperties": False,
        },
    }


def source_fingerprint(pair: Pair) -> int:
    """A hash of a pair's texts in 63 bits (a BIGINT, never negative): an edited source is another source."""
    return _hash_texts(f"{pair.instruction}\0{pair.response}")


def drafts_fingerprint(drafts: Drafts) -> int:
    """The same over translations: a call that reads them back is known by what it was about."""
    return _hash_texts("\0".join(f"{language}\0{pair.instruction}\0{pair.response}" for language, pair in drafts))


def _hash_texts(texts: str) -> int:
    digest = hashlib.blake2b(texts.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 1


def _prompt_messages() -> list[dict[str, str]]:
    messages = [{"role": "system", "content": TRANSLATION_SYSTEM_MESSAGE}]
    for pair, translations in EXAMPLES:
        reply = orjson.dumps({code: _as_object(translation) for code, translation in translations.items()}).decode()
        messages.append({"role": "user", "content": _write_task(pair, tuple(translations))})
        messages.append({"role": "assistant", "content": reply})
    return messages


def _write_task(
    pair: Pair, languages: Sequence[str], terms: Sequence[Term] = (), refused: Refused = NONE_REFUSED
) -> str:
    source = Pair(normalise_text(pair.instruction), normalise_text(pair.response))
    task: dict[str, Any] = {
        "languages": {language: name_language(language) for language in languages},
        "pair": _as_object(source),
    }
    wordings = {
        term.source: said
        for term in terms
        if (said := {code: text for code in languages if (text := term.wording(code))})
    }
    if wordings:
        task["glossary"] = wordings
    told = {language: refused[language] for language in languages if language in refused}
    if told:
        task["refused"] = told
    return orjson.dumps(task).decode()


def describe_refusal(pair: Pair | None, reason: str, tries: int) -> dict[str, Any]:
    """What a request says of an earlier translation: its text where there is some, what was wrong, how often it failed.

    The count makes each request another one, so that an endpoint that answers alike does not give the same again.
    """
    text = {} if pair is None else _as_object(pair)
    return {**text, "because": reason[:_LONGEST_REASON], "tries": tries}


def _as_object(pair: Pair) -> dict[str, str]:
    return {"instruction": pair.instruction, "response": pair.response}
