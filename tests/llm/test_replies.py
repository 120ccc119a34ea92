"""The loopback endpoint answers so well that every check lets its answers pass, unless told otherwise."""

from collections import Counter

import msgspec
import orjson
import pytest

from app.pipeline.filtering import filter_reply
from app.pipeline.formats import find_grammar
from app.pipeline.language import LinguaDetector
from app.pipeline.language_codes import LANGUAGES
from app.pipeline.prompting import ResponseFormat, build_prefix
from app.pipeline.translating import build_translation_template, check_translation, parse_translations
from app.pipeline.values import Pair, Prompt
from datasets.registry import list_kinds
from tests.kinds.cases import CASES
from tests.support.replies import ChatRequest, english_pairs, reply_text

OWN_WORDS = {case.kind for case in CASES if case.says}  # those for which nothing that is invented will do
FORMATS: tuple[ResponseFormat, ...] = ("text", "json_schema")
TARGETS = [language for language in LANGUAGES if language != "en"]
KEYS = [number.to_bytes(16, "big") for number in range(60)]


def request_of(content: str, **more: object) -> ChatRequest:
    messages = [{"role": "system", "content": "Ask."}, {"role": "user", "content": content}]
    return _convert({"model": "loopback", "messages": messages, **more})


def _convert(body: object) -> ChatRequest:
    return msgspec.convert(body, ChatRequest)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_generated_pair_passes_the_filters_of_every_kind(format_: ResponseFormat) -> None:
    refused: Counter[str] = Counter()
    prompt = Prompt("Ask.")
    for kind in list_kinds():
        if kind.name in OWN_WORDS:
            continue
        grammar = find_grammar(kind.reply_grammar, kind.conversations, kind.rounds)
        template = build_prefix(prompt, "loopback", {}, format_, grammar)
        for number in range(200):
            request = _convert(orjson.loads(template.body(f"item {number}")))
            reply = grammar.parse(reply_text(request, request.key, pairs=5, spoiled=0))
            rules = kind.house_rules
            result = filter_reply(reply, house_rules=rules, prompt=prompt, sentences="a b c", grammar=grammar)
            refused.update(rejection.reason for rejection in result.rejections)
            assert len(result.accepted) == (kind.conversations * kind.rounds or 5)
    assert refused == {}


def test_no_two_items_get_the_same_pair() -> None:
    pairs = [pair["instruction"] for number in range(4000) for pair in english_pairs(number.to_bytes(16, "big"), 5)]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("format_", ["json_schema", "text"])
def test_every_translation_passes_the_checks(format_: str) -> None:
    template = build_translation_template("loopback", {}, format_)  # type: ignore[arg-type]  # the two it knows
    detector = LinguaDetector()
    refused: Counter[str] = Counter()
    for key in KEYS:
        for english in english_pairs(key, 5):
            source = Pair(english["instruction"], english["response"])
            request = _convert(orjson.loads(template.body(source, TARGETS)))
            found = parse_translations(reply_text(request, request.key, pairs=5, spoiled=0), TARGETS)
            for language in TARGETS:
                verdict = check_translation(source, found.get(language), language, detector)
                if verdict:
                    refused[f"{language} {verdict.reason} {verdict.detail}"] += 1
    assert refused == {}


def test_a_spoiled_reply_is_wrong_in_one_language() -> None:
    template = build_translation_template("loopback", {}, "json_schema")
    detector = LinguaDetector()
    for key in KEYS[:20]:
        (english,) = english_pairs(key, 1)
        source = Pair(english["instruction"], english["response"])
        request = _convert(orjson.loads(template.body(source, TARGETS)))
        found = parse_translations(reply_text(request, request.key, pairs=5, spoiled=1.0), TARGETS)
        verdicts = [check_translation(source, found.get(code), code, detector) for code in TARGETS]
        assert sum(verdict is not None for verdict in verdicts) == 1
