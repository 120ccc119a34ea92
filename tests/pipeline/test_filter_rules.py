"""Each general rule on texts as models write them: what it finds, and how quiet it is about good pairs."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.filtering import RULES_BY_CODE, filter_pairs, plan_filters
from app.pipeline.filtering.answers import _OPEN
from app.pipeline.filtering.markup import _MARKUP, _URL
from app.pipeline.filtering.people import _AS_ITSELF, _OF_A_USER
from app.pipeline.filtering.private import _CARD, _EMAIL, _PHONE, has_check_digit
from app.pipeline.filtering.registry import GENERAL
from app.pipeline.filtering.rules import Candidate, ReplyContext, ReplyText
from app.pipeline.filtering.shapes import _BLANKS, _LABEL
from app.pipeline.filtering.times import _TIMES
from app.pipeline.filtering.toxic import _THREATS, _TOXIC, TOXIC_WORDS
from app.pipeline.prompt_leaks import key_of
from app.pipeline.values import Pair, Prompt
from tests.pipeline.good_pairs import GOOD_PAIRS

_PROMPT = Prompt("You look at pictures.")
_Q, _A = "What is going on at the pier?", "A ferry is about to leave."
_FOUND: dict[str, list[tuple[str, str]]] = {
    "placeholder": [
        ("What is the [object] doing?", _A),
        ("Where does {name} stand?", _A),
        (_Q, "The sign says <insert text here>."),
        (_Q, "Lorem ipsum dolor sit amet."),
        (_Q, "He holds a ______ in his hand."),
        (_Q, "TODO: describe the man."),
        (_Q, "It is [your answer]."),
    ],
    "nested_pair": [
        (_Q, "A ferry leaves.\nQuestion: Who is on it?\nAnswer: Tourists."),
        (_Q, "A ferry leaves.\n\nQ: Who is on it?\nA: Tourists."),
        (_Q, "A ferry leaves.\n**Question 2:** Who is on it?"),
        ("What is it?\nAnswer: a ferry", _A),
    ],
    "question_without_answer": [
        (_Q, "It is not possible to tell from the image."),
        (_Q, "It is unclear what the people are waiting for."),
        (_Q, "The colour of the boat cannot be determined."),
        (_Q, "We don't know where the ferry goes."),
        (_Q, "I can’t say."),
        (_Q, "The name of the ship is not specified."),
        (_Q, "The age of the man is not mentioned in the scene."),
        (_Q, "There is not enough information to answer."),
        (_Q, "There is no information about the weather."),
        (_Q, "Unknown."),
        (_Q, "N/A"),
        (_Q, "Maybe."),
        (_Q, "It could be anything."),
        (_Q, "There is no way to know who painted it."),
        (_Q, "I am not sure, but it may be a ferry."),
    ],
    "question_for_answer": [(_Q, "What do you think is going on?"), (_Q, "Is it a ferry?")],
    "unfinished": [
        (_Q, "The ferry is about to leave the pier, and the people on deck wave and"),
        (_Q, "There are several people on the deck, some of whom are waving to the"),
        (_Q, "On the pier there are a man, a woman, two children,"),
    ],
    "answers_as_itself": [
        (_Q, "I can see a ferry that is about to leave."),
        (_Q, "In this image, I see a ferry."),
        (_Q, "A ferry leaves. I think it goes to the island."),
        (_Q, "As far as I can tell, a ferry leaves."),
        (_Q, "To me, it looks as if a ferry leaves."),
    ],
    "speaks_of_user": [
        ("What does the user see at the pier?", _A),
        (_Q, "The user's bag stands beside the bench."),
        (_Q, "The questioner would find a ferry there."),
        (_Q, "Dear user, a ferry is about to leave."),
    ],
    "email": [(_Q, "Write to harbour.office@pier-seven.example.org for tickets."), ("Who is j_doe@mail.com?", _A)],
    "phone": [
        (_Q, "The poster says to call +49 30 1234 5678."),
        (_Q, "Call (212) 555-0134 for tickets."),
        (_Q, "The number on the van is 212-555-0134."),
        (_Q, "Phone +1 212 555 0134."),
    ],
    "card_number": [
        (_Q, "The card reads 4111 1111 1111 1111."),
        (_Q, "Number: 5500-0000-0000-0004"),
        (_Q, "340000000000009"),
    ],
    "toxic": [
        (_Q, "Somebody wrote 'fuck off' on the wall."),
        (_Q, "What a shitty boat."),
        (_Q, "I’ll kill you, he says."),
    ],
    "url": [
        (_Q, "See https://example.org/pier?x=1 for more."),
        (_Q, "More on www.pier-seven.org."),
        ("What is on http://example.org?", _A),
    ],
    "markup": [
        (_Q, "```\nferry\n```"),
        (_Q, "See [the pier](pier.html)."),
        (_Q, "<ul><li>A ferry</li></ul>"),
        (_Q, "| a | b |\n|---|---|\n| 1 | 2 |"),
        (_Q, "The area is $$x^2$$."),
        (_Q, "It is \\frac{1}{2} of the deck."),
        (_Q, "<think>a ferry</think> A ferry leaves."),
    ],
}  # fmt: skip
_ORDERED: dict[str, list[tuple[str, str]]] = {
    "exact_time": [
        ("What happens at 12 seconds?", _A),
        (_Q, "At the 3rd second a ferry leaves."),
        (_Q, "The ferry leaves 4 seconds into the video."),
        (_Q, "In frame 120 the ferry leaves."),
        (_Q, "During [3.5, 9.1] the ferry leaves."),
        (_Q, "At the timestamp of the second event, a ferry leaves."),
        ("What happens between 0:12 and 0:20?", _A),
        (_Q, "It leaves at 00:01:12."),
    ],
    "banned_name": [("What does Sheldon do?", _A), (_Q, "Amy  Fowler waves."), (_Q, "It is Amy\nFowler's bag.")],
    "banned_word": [(_Q, "The Ferry Company owns it."), (_Q, "A drunk sailor sings.")],
    "wrong_length": [("Why?", _A), (_Q, "Yes."), (_Q, "A ferry leaves, " * 10)],
}
_POLICY: dict[str, object] = {
    "rules": {"exact_time": "on"},
    "banned_names": ["Sheldon", "Amy Fowler"],
    "banned_words": ["ferry company", "drunk"],
    "instruction_words": [2, 20],
    "response_words": [2, 20],
}


def _flags(instruction: str, response: str, policy: dict[str, object] | None = None) -> set[str]:
    """The codes that are found, whatever becomes of the pair; without repairs, which might mend what is looked for."""
    off = dict.fromkeys((rule.code for rule in RULES_BY_CODE.values() if rule.mend), "off")
    rules = {**off, **dict((policy or {}).get("rules", {}))}  # type: ignore[call-overload]  # a mapping
    plan = plan_filters({**(policy or {}), "rules": rules})
    result = filter_pairs([Pair(instruction, response)], plan=plan, prompt=_PROMPT, sentences="")
    return {finding.code for found in result.findings.values() for finding in found} | {
        rejection.reason for rejection in result.rejections
    }


@pytest.mark.parametrize(("code", "pair"), [(code, pair) for code, pairs in _FOUND.items() for pair in pairs])
def test_a_rule_finds_what_it_is_for(code: str, pair: tuple[str, str]) -> None:
    assert code in _flags(*pair)


@pytest.mark.parametrize(("code", "pair"), [(code, pair) for code, pairs in _ORDERED.items() for pair in pairs])
def test_a_rule_that_is_ordered_finds_what_it_is_for(code: str, pair: tuple[str, str]) -> None:
    assert code not in _flags(*pair)
    assert code in _flags(*pair, _POLICY)


@pytest.mark.parametrize("pair", GOOD_PAIRS, ids=lambda pair: pair.instruction[:40])
def test_good_pairs_are_kept_unmarked_and_unchanged(pair: Pair) -> None:
    result = filter_pairs([pair], prompt=_PROMPT, sentences="")
    assert (result.accepted, result.rejections) == ((pair,), ())
    assert (result.findings, result.repairs) == ({}, {})


def test_good_pairs_are_no_repetitions_of_one_another() -> None:
    result = filter_pairs(GOOD_PAIRS, prompt=_PROMPT, sentences="")
    assert (result.accepted, result.rejections) == (GOOD_PAIRS, ())
    assert (result.findings, result.repairs) == ({}, {})


def test_good_pairs_pass_every_rule_but_those_about_times_of_a_video() -> None:
    for pair in GOOD_PAIRS:
        assert _flags(pair.instruction, pair.response, {"rules": {"exact_time": "flag"}}) <= {"exact_time"}


def test_every_general_rule_of_a_pair_has_texts_that_it_finds() -> None:
    tested = {*_FOUND, *_ORDERED, "similar_question"}
    assert {rule.code for rule in GENERAL if rule.scope == "pair"} == tested


@pytest.mark.parametrize(
    ("number", "is_right"),
    [("4111111111111111", True), ("4111111111111112", False), ("378282246310005", True), ("6011000990139424", True)],
)
def test_the_check_digit_of_a_card_is_computed(number: str, is_right: bool) -> None:
    assert has_check_digit([int(digit) for digit in number]) is is_right


@pytest.mark.parametrize(
    "text",
    [
        "The container has the number 4111111111111112.",
        "It weighs 1234567890123 grams.",
        "Its serial number is 1111-1111-1111-1111.",
        "The digits 0000 0000 0000 0000 are on the display.",
    ],
)
def test_a_long_number_is_no_card_without_the_right_check_digit(text: str) -> None:
    assert _flags(_Q, text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "The plate reads 12-345-67.",
        "They met in 2014-2015 and 2019.",
        "It costs 1,250.00 or 1.250,00.",
        "ISBN 978-0-13-468599-1",
    ],
)
def test_other_numbers_are_no_phones(text: str) -> None:
    assert "phone" not in _flags(_Q, text)


@pytest.mark.parametrize(
    ("one", "other", "is_found"),
    [
        ("What is the colour of the car?", "What color is the car?", True),
        ("What is the man holding in the picture?", "What is the man holding?", True),
        ("Where is the dog sleeping in this image?", "Can you see where the dog is sleeping?", True),
        ("What is on the left of the table?", "What is on the right of the table?", False),
        ("Does the dog chase the cat?", "Does the cat chase the dog?", False),
        ("What does the first boy carry?", "What does the second boy carry?", False),
        ("Why is she there?", "Who is there?", False),
    ],
)
def test_a_question_that_comes_again_in_other_words_is_flagged(one: str, other: str, is_found: bool) -> None:
    pairs = [Pair(one, "The first answer."), Pair(other, "A second, other answer.")]
    result = filter_pairs(pairs, prompt=_PROMPT, sentences="")
    assert len(result.accepted) == 2
    assert [finding.code for found in result.findings.values() for finding in found] == ["similar_question"] * is_found
    assert list(result.findings) == [1] * is_found


def test_how_alike_questions_may_be_is_said_by_the_order() -> None:
    pairs = [
        Pair("What does the tall man in the blue coat carry across the street?", "A box."),
        Pair("What does the tall man in the blue coat carry over the street?", "A box of tools."),
    ]
    strict = plan_filters({"similarity": 0.5, "rules": {"similar_question": "reject"}})
    assert len(filter_pairs(pairs, plan=strict, prompt=_PROMPT, sentences="").accepted) == 1
    loose = plan_filters({"similarity": 1.0})
    assert not filter_pairs(pairs, plan=loose, prompt=_PROMPT, sentences="").findings


_PATTERNS = (
    _OPEN,
    _URL,
    _MARKUP,
    _AS_ITSELF,
    _OF_A_USER,
    _EMAIL,
    _PHONE,
    _CARD,
    _BLANKS,
    _LABEL,
    _TIMES,
    _THREATS,
    _TOXIC,
)


@st.composite
def _suspicious(draw: st.DrawFn) -> str:
    pattern = draw(st.sampled_from(_PATTERNS))
    text = draw(st.from_regex(re.compile(pattern.pattern, (pattern.flags & ~re.UNICODE) | re.ASCII)))
    text = text.replace("'", draw(st.sampled_from("'’")))
    return draw(st.sampled_from(["", "Yes. ", "— ", "\n"])) + text + draw(st.text(max_size=4))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.builds(Pair, _suspicious() | st.text(max_size=20), _suspicious()), min_size=1, max_size=3))
def test_the_cheap_look_spares_no_reply_a_rule_that_one_of_its_pairs_breaks(pairs: list[Pair]) -> None:
    reply = ReplyText.of(pairs, [key_of(pair) for pair in pairs])
    for rule in (*GENERAL, *(rule for rule in RULES_BY_CODE.values() if rule.mend)):
        for pair in pairs:
            if rule.find(Candidate(pair, key_of(pair)), ReplyContext(_PROMPT, "")):
                assert rule.may_concern(reply, _PROMPT), (rule.code, pair)


@pytest.mark.parametrize("word", TOXIC_WORDS)
def test_every_word_of_the_list_is_found_in_any_case_and_only_as_a_word(word: str) -> None:
    assert "toxic" in _flags(_Q, f"He says {word.upper()} to them.")
    assert "toxic" not in _flags(_Q, f"He says x{word}x to them.")
