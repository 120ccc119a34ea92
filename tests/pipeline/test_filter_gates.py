"""The cheap look before the rules never spares a reply a rule that one of its pairs breaks."""

import re
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.filtering import RULES, Candidate, FilterPlan, ReplyContext, Rule, filter_pairs, plan_filters
from app.pipeline.filtering.rules import ReplyText
from app.pipeline.prompt_leaks import key_of
from app.pipeline.telltales import CANARY, ERROR_TEXT, FRAME_MARK, LEAKED_ANNOTATION, LITERALS, REFUSAL, find_suspicions
from app.pipeline.values import Pair, Prompt, Turn
from datasets.house_rules import (
    MENTIONS_ANNOTATION,
    MENTIONS_BOXES,
    MENTIONS_SIMILARITIES,
    MENTIONS_TIMESTAMPS,
    NAMES_CHARACTERS,
    HouseRule,
    find_any_text,
)

_SYSTEM = (
    "You look at two photographs taken a moment apart. Write questions and answers about what changed between them; "
    "straße, İstanbul, ılık and ﬁgs are words here too,\n\tand never guess at what nobody could see."
)
_PROMPT = Prompt(_SYSTEM)
_ODD_CASES = {"i": "İıI", "s": "ſS", "k": "\u212aK", "'": "’"}
_GATED_RULES = [MENTIONS_ANNOTATION, MENTIONS_BOXES, MENTIONS_TIMESTAMPS, MENTIONS_SIMILARITIES, NAMES_CHARACTERS]


@st.composite
def _texts_like(draw: st.DrawFn, pattern: re.Pattern[str]) -> str:
    """A text that the pattern matches, often with letters in their odder cases and more text around."""
    text = draw(st.from_regex(pattern))
    letter = draw(st.sampled_from(sorted(_ODD_CASES)))
    text = text.replace(letter, draw(st.sampled_from(_ODD_CASES[letter])), draw(st.integers(0, 3)))
    return draw(st.sampled_from(["", "Yes. ", "\n"])) + text + draw(st.text(max_size=5))


@st.composite
def _system_passages(draw: st.DrawFn) -> str:
    start = draw(st.integers(0, len(_SYSTEM) - 60))
    passage = _SYSTEM[start : start + draw(st.integers(55, 120))]
    return draw(st.text(max_size=40)) + passage.replace(" ", draw(st.sampled_from([" ", "\n", "  "])))


_SUSPICIOUS = st.one_of(
    *(_texts_like(pattern) for pattern in (CANARY, ERROR_TEXT, FRAME_MARK, LEAKED_ANNOTATION, REFUSAL)),
    _system_passages(),
    st.text(max_size=30),
)


def _choose(pairs: list[Pair]) -> set[str]:
    """Those that look at the pairs after the look at the whole reply."""
    return {
        rule.code
        for rule in plan_filters().choose(ReplyText.of(pairs, [key_of(pair) for pair in pairs]), _PROMPT).refusing
    }


def _broken_rules(pairs: list[Pair]) -> set[str]:
    """By every rule of the baseline on every pair, without a look before."""
    broken, context = set(), ReplyContext(_PROMPT, "")
    for pair in pairs:
        candidate = Candidate(pair, key_of(pair))
        broken |= {reason for reason, find in RULES.items() if find(candidate, context)}
        context.keep(candidate)
    return broken


@settings(max_examples=600, deadline=None)
@given(st.lists(st.builds(Pair, _SUSPICIOUS, _SUSPICIOUS), max_size=3))
def test_a_rule_that_any_pair_breaks_is_chosen(pairs: list[Pair]) -> None:
    assert _broken_rules(pairs) <= _choose(pairs)


_EXAMPLE = Pair(
    "What has changed in the yard since the first picture?", "The blue bicycle that leaned on the wall is gone."
)
_SHOWN = Prompt(
    _SYSTEM,
    (Turn("user", "a yard"), Turn("assistant", f"Instruction: {_EXAMPLE.instruction}\nResponse: {_EXAMPLE.response}")),
)
_REPLIES = st.lists(
    st.sampled_from(
        [
            _EXAMPLE,
            Pair("What is different?", "The white van is gone."),
            Pair("**What is different?**", "The white van is gone,"),
            Pair("Question 2: What is different?", "What is different?"),
            Pair("What has changed in this yard, please?", "The white van left the yard and its driver went to the"),
            Pair("What has changed in that yard?", "Is it the van?"),
            Pair("", "Nothing."),
            Pair("Why?", "…"),
            Pair("\u0345", "\u0345"),
            Pair("What is it? " + "Tell me. " * 300, "A van."),
            Pair("I", "**I** cannot say, I’m unable to view it."),
            Pair("What does the user (you) carry?", "A bag , and  a box\u200b."),
            Pair("Who is <b>here</b>?", "Call +49 30 1234 5678, or 4111 1111 1111 1111."),
        ]
    )
    | st.builds(Pair, _SUSPICIOUS, _SUSPICIOUS),
    max_size=4,
)
_PLANS = [
    plan_filters(),
    plan_filters({"similarity": 0.5, "rules": {"duplicate": "flag", "exact_time": "on", "empty": "off"}}),
    plan_filters({"rules": {rule.code: "off" for rule in plan_filters().mending}}),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_PLANS), _REPLIES, _REPLIES)
def test_what_is_kept_and_why_is_the_same_without_any_cheap_look(
    plan: FilterPlan, pairs: list[Pair], earlier: list[Pair]
) -> None:
    def look(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(replace(rule, literals=(), words=frozenset(), gate=None) for rule in rules)

    slow = replace(plan, mending=look(plan.mending), refusing=look(plan.refusing), flagging=look(plan.flagging))
    quick, every = (
        filter_pairs(pairs, plan=each, prompt=_SHOWN, sentences="a yard", earlier=earlier) for each in (plan, slow)
    )
    assert quick == every


_TELLING = {
    "error_text": [
        "Internal server error", "Rate limit reached", "rate_limit_exceeded", "429 Too many requests", "Bad gateway",
        "Service unavailable", "insufficient_quota", "The model is overloaded", "context_length_exceeded",
        "Traceback (most recent call last)", "<html>", "Request timed out.", "Request failed with status code 503",
    ],
    "refusal": [
        "I cannot help with it.", "I'm unable to view it.", "I’m unable to view it.", "Sorry, I can't.",
        "My apologies, I can't.", "Unfortunately, I can't.", "It is so. As an AI, my eyes are none.",
        "So. As a AI my eyes are none.", "As an artificial intelligence, my eyes are none.",
        "As a language model, my eyes are none.", "As a virtual assistant, my eyes are none.",
        "As a text-based AI, my eyes are none.", "As a multimodal AI, my eyes are none.",
        "As a chatbot, my eyes are none.", "抱歉，我无法回答", "对不起，我不能回答", "作为一个人工智能助手，不行",
        "Lo siento, no puedo.", "Es tut mir leid, ich kann das nicht.", "Je suis désolé, je ne peux pas.",
    ],
    "leaked_prompt": ["syx-0123456789abcdef", "<<<annotation>>>", "‹‹‹ end of annotation"],
    "leaked_annotation": [
        "The caption says so.", "The description says so.", "The annotation says so.", "The bounding boxes say so.",
        "The metadata says so.", "The narration says so.", "The subtitles say so.",
    ],
}  # fmt: skip


@pytest.mark.parametrize("reason", _TELLING)
def test_every_literal_is_needed_by_a_text_of_its_own(reason: str) -> None:
    needed = set()
    for text in _TELLING[reason]:
        assert reason in _broken_rules([Pair("What is it?", text)]), text
        held = [literal for literal in LITERALS[reason] if literal in f"\n{text.casefold()}"]
        assert held, text
        needed |= set(held) if len(held) == 1 else set()
    assert needed == set(LITERALS[reason])


def test_a_reply_without_telltales_is_spared_the_patterns() -> None:
    pairs = [Pair("What is different?", "The white van is gone, and two people walk where it stood.")]
    assert not _choose(pairs) & LITERALS.keys()


def test_every_case_that_patterns_ignore_is_folded() -> None:
    """Through all of Unicode: what matches a letter of a literal in a pattern is that letter for the gates."""
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    letters = {letter for literals in LITERALS.values() for literal in literals for letter in literal}
    variants = {letter: re.findall(re.escape(letter), everything, re.IGNORECASE) for letter in letters}
    for reason, literals in LITERALS.items():
        for literal in literals:
            for letter in literal:
                for variant in variants[letter]:
                    text = literal.replace(letter, variant)
                    assert reason in find_suspicions(text), text
                    assert find_any_text(literal)(text), text


@settings(max_examples=200, deadline=None)
@given(st.data())
@pytest.mark.parametrize("rule", _GATED_RULES, ids=lambda rule: rule.code)
def test_a_house_rule_finds_whatever_its_pattern_finds(rule: HouseRule, data: st.DataObject) -> None:
    assert rule.pattern is not None
    texts = st.one_of(_texts_like(rule.pattern), st.text(max_size=30))
    instruction, response = data.draw(texts), data.draw(texts)
    found = rule.pattern.search(instruction) is not None or rule.pattern.search(response) is not None
    assert rule.violates(instruction, response) == found
