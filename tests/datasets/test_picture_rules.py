"""House rules of single pictures refuse what they forbid, and nothing that merely looks like it."""

import pytest

from datasets.house_rules import HouseRule
from datasets.picture_rules import (
    ASKS_WHAT_IS_VISIBLE,
    LEAVES_IT_OPEN,
    LONG_ENOUGH_WORDS,
    MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE,
    TOO_BRIEF,
)

LONG = " ".join(["A bus stands at the stop and people wait."] * 10)

REFUSED = [
    (MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE, "Describe the picture from the captions.", LONG),
    (MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE, "Expand the given description of this photo.", LONG),
    (MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE, "Describe the picture.", f"{LONG} According to the description, it rains."),
    (TOO_BRIEF, "Describe the picture.", " ".join(["bus"] * (LONG_ENOUGH_WORDS - 1))),
    (ASKS_WHAT_IS_VISIBLE, "How many people wait at the stop?", "Two people wait there."),
    (ASKS_WHAT_IS_VISIBLE, "What colour is the bus?", "It is red."),
    (ASKS_WHAT_IS_VISIBLE, "I look at the street. What are the two people doing?", "They wait."),
    (ASKS_WHAT_IS_VISIBLE, "Where is the dog?", "It lies on the sofa."),
    (LEAVES_IT_OPEN, "Where does the bus go?", "It is not possible to determine where it goes."),
    (LEAVES_IT_OPEN, "Who is she?", "We cannot tell who she is."),
    (LEAVES_IT_OPEN, "Where is this?", "The exact place cannot be determined."),
    (LEAVES_IT_OPEN, "Is he tired?", "It's late, but it is unclear whether he is tired."),
    (LEAVES_IT_OPEN, "Is he tired?", "Without more context, he may be."),
]

ALLOWED = [
    (
        MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE,
        "Could you write the most detailed description of this image you can?",
        LONG,
    ),
    (MENTIONS_ANNOTATION_BUT_ASKS_FOR_ONE, "I need a full description of the photograph for an archive.", LONG),
    (TOO_BRIEF, "Describe the picture.", LONG),
    (ASKS_WHAT_IS_VISIBLE, "How many people could sit at this table if it were set for a feast?", "About ten."),
    (ASKS_WHAT_IS_VISIBLE, "What are the people probably waiting for?", "A bus."),
    (ASKS_WHAT_IS_VISIBLE, "Why is the man on the ladder?", "To clean the gutter."),
    (ASKS_WHAT_IS_VISIBLE, "What does the shadow tell us about the time of day?", "It is late."),
    (LEAVES_IT_OPEN, "Why two umbrellas?", "It is hard to tell the two umbrellas apart, so each has a ribbon."),
    (LEAVES_IT_OPEN, "Is this possible?", "It is difficult to ride in the rain, since brakes grip less."),
    (LEAVES_IT_OPEN, "Is it unclear who drives?", "No, the man in the front seat drives."),
]


@pytest.mark.parametrize(("rule", "instruction", "response"), REFUSED)
def test_a_pair_that_breaks_the_rule_is_found(rule: HouseRule, instruction: str, response: str) -> None:
    assert rule.violates(instruction, response)


@pytest.mark.parametrize(("rule", "instruction", "response"), ALLOWED)
def test_a_pair_that_keeps_the_rule_is_left_alone(rule: HouseRule, instruction: str, response: str) -> None:
    assert not rule.violates(instruction, response)
