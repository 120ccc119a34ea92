"""What is refused, with which reason, and what only looks like it and is kept."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.filtering import RULES, filter_pairs, find_overlap
from app.pipeline.prompting import add_canary, canary_of
from app.pipeline.values import Pair, Prompt, Rejection, Turn

_SYSTEM = (
    "You look at two photographs taken a moment apart. Write questions and answers about what changed between them, "
    "in a friendly tone, and never guess at what nobody could see."
)
_EXAMPLE = Pair(
    "What would someone who comes back to the car park notice first?",
    "The white van that stood near the entrance has gone, and two people now walk where it was.",
)
_PROMPT = Prompt(_SYSTEM, (Turn("user", "a van left"), Turn("assistant", (_EXAMPLE,))))
_GOOD = Pair("What has changed near the gate?", "A cyclist has stopped beside it.")


def _reasons(*pairs: Pair) -> list[str]:
    result = filter_pairs(pairs, prompt=_PROMPT, sentences="a cyclist is by the gate")
    assert len(result.accepted) + len(result.rejections) == len(pairs)
    return [rejection.reason for rejection in result.rejections]


@pytest.mark.parametrize(
    "response",
    [
        "As an AI language model, I cannot see pictures.",
        "There may be two cars. As an AI, I have no way to tell.",
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with this request.",
        "I am sorry, but I am unable to view the picture.",
        "Sorry, I cannot answer that.",
        "Unfortunately, I don't have access to the video.",
        "I cannot provide that information.",
        "I'm unable to analyze the footage.",
        "I cannot determine this from the provided information.",
        "I'm just an AI and have no eyes.",
        "I can't see images, but I can help with text.",
        "I cannot view the image directly, but it may be a bus.",
        "I am unable to see the picture.",
        "As a text-based AI model, I have no eyes.",
        "I don't have the capability to view images.",
        "抱歉，我无法回答这个问题。",
        "Lo siento, pero no puedo ayudar con eso.",
    ],
)
def test_a_refusal_is_refused_on_either_side(response: str) -> None:
    assert _reasons(Pair("What is on the left?", response)) == ["refusal"]
    assert _reasons(Pair(response, "Two cars.")) == ["refusal"]


@pytest.mark.parametrize(
    "response",
    [
        "The man lifts his hands as if to say: I'm sorry, but I can't come.",
        "I can't see the bottle any more because the box stands in front of it.",
        "You cannot reach the shelf without the ladder.",
        "She works as an AI engineer, and the poster says so.",
        "He looks sorry, but he can't stop laughing.",
        "I could not open the jar, so you helped me.",
        "Unfortunately, the ball rolled under the car.",
        "The robot serves as an AI guide in the museum.",
        "It is sorry weather: I cannot remember so much rain.",
    ],
)
def test_a_person_who_is_sorry_is_no_refusal(response: str) -> None:
    assert _reasons(Pair("What is going on?", response)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Rate limit reached for requests",
        "Error: 429 Too Many Requests",
        "Internal Server Error",
        "502 Bad Gateway",
        "Error code: 500 - {'error': 1}",
        "<html><head><title>x</title>",
        "<!DOCTYPE html>",
        '{"error": {"message": "x"}}',
        "The server had an error while processing your request.",
        "openai.RateLimitError: x",
    ],
)
def test_the_text_of_an_error_never_becomes_a_pair(text: str) -> None:
    assert _reasons(Pair("What is it?", text), Pair(text, "A dog.")) == ["error_text", "error_text"]


@pytest.mark.parametrize(
    "text",
    ["The screen reads: Internal Server Error.", "There is a sign about a rate limit.", "He made an error: 3 is 4."],
)
def test_an_error_seen_in_a_picture_is_kept(text: str) -> None:
    assert _reasons(Pair("What does the screen show?", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "According to the captions, a dog is there.",
        "Based on the provided description, it is late.",
        "The captions mention two dogs.",
        "The description does not say.",
        "The given bounding boxes indicate a crowd.",
        "As described in the annotations, he waits.",
        "In the provided captions there is one.",
        "It is mentioned in the description.",
        "What do the captions say about the dog?",
    ],
)
def test_talk_of_the_annotation_is_refused(text: str) -> None:
    assert _reasons(Pair("Who waits?", text)) == ["leaked_annotation"]


@pytest.mark.parametrize(
    "text",
    [
        "The caption under the photograph on the wall says 1901.",
        "He answers to the description on the poster.",
        "According to the caption on the poster, the show begins at nine.",
        "Could you give a description of the dog?",
        "The subtitles are white.",
        "According to the sign, the shop is closed.",
    ],
)
def test_captions_that_stand_in_the_picture_are_kept(text: str) -> None:
    assert _reasons(Pair("What is written there?", text)) == []


def test_the_system_message_and_its_marks_do_not_leak() -> None:
    leak = "Sure. " + _SYSTEM[10:110].upper().replace(" ", "\n")
    assert _reasons(Pair("What are your rules?", leak)) == ["leaked_prompt"]
    assert _reasons(Pair("What next?", "It says <<<end of annotation>>> here")) == ["leaked_prompt"]
    assert _reasons(Pair("What has changed between them?", "In a friendly tone, nobody could say.")) == []


def test_the_canary_is_caught() -> None:
    prompt = add_canary(_PROMPT, 5)
    leak = Pair("What is your reference?", f"It is {canary_of(5)}.")
    assert filter_pairs([leak], prompt=prompt, sentences="").rejections[0].reason == "leaked_prompt"


def test_a_passage_that_the_annotation_holds_itself_is_no_leak() -> None:
    passage = _SYSTEM[:90]
    result = filter_pairs([Pair("What is written?", passage)], prompt=_PROMPT, sentences=f"a sign says: {passage}")
    assert result.rejections == ()


@given(st.integers(0, len(_SYSTEM) - 60), st.text(max_size=50), st.text(max_size=50))
def test_any_sixty_characters_of_the_system_message_are_found(start: int, before: str, after: str) -> None:
    passage = _SYSTEM[start : start + 60].strip()
    folded = " ".join(passage.split())
    found = find_overlap(_PROMPT, f"{before}{passage}{after}")
    assert len(folded) < 60 or len(found) >= 60


def test_a_copied_example_is_refused_and_a_short_common_one_is_not() -> None:
    assert _reasons(_EXAMPLE) == ["copied_example"]


def test_the_second_of_two_equal_pairs_is_refused() -> None:
    again = Pair(_GOOD.instruction.upper(), f" {_GOOD.response} ")
    assert _reasons(_GOOD, again) == ["duplicate"]
    assert _reasons(_GOOD, Pair(_GOOD.instruction, "Nothing at all.")) == ["duplicate"]
    assert _reasons(Pair("What next?", "He waits."), Pair("What next?", "He leaves.")) == []


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (Pair("…", "A dog."), "empty"),
        (Pair("What?", "\u200b — ."), "empty"),
        (Pair("What is it?", "What is it"), "echo"),
        (Pair("What is it?", "x " * 5000), "overlong"),
        (Pair("x " * 1100, "A dog."), "overlong"),
    ],
)
def test_a_pair_that_says_nothing_or_too_much_is_refused(pair: Pair, reason: str) -> None:
    assert _reasons(pair) == [reason]


@dataclass(frozen=True)
class _Rule:
    code: str
    message: str
    violates: Callable[[str, str], bool]
    round_number: int | None = None


def test_house_rules_follow_the_baseline_and_give_their_own_reason() -> None:
    rule = _Rule(
        "names", "no names", lambda instruction, response: re.search("Penny", instruction + response) is not None
    )
    earlier = Rejection("missing_answer", "", "Who?")
    result = filter_pairs(
        [_GOOD, Pair("Who is it?", "Penny.")], [earlier], house_rules=[rule], prompt=_PROMPT, sentences=""
    )
    assert result.accepted == (_GOOD,)
    assert result.rejections[0] is earlier
    assert (result.rejections[1].reason, result.rejections[1].detail, result.rejections[1].ordinal) == (
        "names",
        "no names",
        1,
    )
    assert result.rejections[1].pair == Pair("Who is it?", "Penny.")


@given(st.lists(st.builds(Pair, st.text(), st.text()), max_size=5))
def test_every_pair_is_accepted_or_refused(pairs: list[Pair]) -> None:
    result = filter_pairs(pairs, prompt=_PROMPT, sentences="")
    assert len(result.accepted) + len(result.rejections) == len(pairs)
    assert {rejection.reason for rejection in result.rejections} <= RULES.keys()


@pytest.mark.parametrize(("fewest", "noted"), [(0, []), (1, []), (2, ["too_few_pairs"])])
def test_a_reply_with_too_few_pairs_keeps_them_and_is_noted(fewest: int, noted: list[str]) -> None:
    result = filter_pairs([_GOOD], prompt=_PROMPT, sentences="a cyclist", fewest=fewest)
    assert result.accepted == (_GOOD,)
    assert [(rejection.reason, rejection.pair) for rejection in result.rejections] == [(code, None) for code in noted]


def test_good_pairs_beyond_the_most_are_refused_and_bad_ones_do_not_count() -> None:
    more = [Pair(f"What does the cyclist pass at corner {place}?", f"House {place}, on the left.") for place in "xyz"]
    bad = Pair("What is that?", "")
    result = filter_pairs([bad, *more], prompt=_PROMPT, sentences="a cyclist", most=1)
    assert result.accepted == (more[0],)
    assert [rejection.reason for rejection in result.rejections] == ["empty", "surplus_pair", "surplus_pair"]
