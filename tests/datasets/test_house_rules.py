"""House rules refuse what their kind forbids, and nothing that merely looks like it."""

import pytest

from datasets.house_rules import (
    ASKS_FOR_DIFFERENCES,
    MENTIONS_ANNOTATION,
    MENTIONS_BOXES,
    MENTIONS_SIMILARITIES,
    MENTIONS_TIMESTAMPS,
    NAMES_CHARACTERS,
    HouseRule,
)

REFUSED = [
    (MENTIONS_ANNOTATION, "What is described in the captions?", "A bus."),
    (MENTIONS_ANNOTATION, "What is there?", "Based on the descriptions, a bus is there."),
    (MENTIONS_ANNOTATION, "What is there?", "According to the provided information, a bus."),
    (MENTIONS_ANNOTATION, "What is there?", "The image description says that there is a bus."),
    (MENTIONS_ANNOTATION, "What is there?", "As described, there is a bus."),
    (MENTIONS_BOXES, "Where is the bus?", "Its bounding box is on the left."),
    (MENTIONS_BOXES, "Where is the bus?", "At [12, 40, 30, 20]."),
    (MENTIONS_TIMESTAMPS, "What happens at the timestamp 12?", "A man waves."),
    (MENTIONS_TIMESTAMPS, "What happens?", "During [0, 19] a man waves."),
    (NAMES_CHARACTERS, "Why does Sheldon knock?", "He wants to come in."),
    (NAMES_CHARACTERS, "Who looks at the patient?", "The doctor, House, does."),
    (NAMES_CHARACTERS, "Who comes in?", "Castle walks in with a cup."),
    (NAMES_CHARACTERS, "What is in Penny's hand?", "A cup."),
    (ASKS_FOR_DIFFERENCES, "What colour is the bus?", "It is red."),
    (MENTIONS_SIMILARITIES, "What do both images have in common?", "Each shows a bus."),
]

ALLOWED = [
    (MENTIONS_ANNOTATION, "Can you provide a description of the image?", "A bus stands at a stop."),
    (MENTIONS_ANNOTATION, "Write a caption for this picture.", "Morning on the quay."),
    (MENTIONS_ANNOTATION, "What does the man describe with his hands?", "A large fish."),
    (MENTIONS_BOXES, "What is in the boxes?", "Fruit is in the boxes on the left."),
    (MENTIONS_TIMESTAMPS, "How long does it take?", "About half of the video."),
    (NAMES_CHARACTERS, "Where is the female character?", "She is in a house beside a castle."),
    (NAMES_CHARACTERS, "How many people sit there?", "Thirteen people sit around the table."),
    (ASKS_FOR_DIFFERENCES, "How does the weather change from one picture to the other?", "It clears up."),
    (ASKS_FOR_DIFFERENCES, "Which of the two photographs shows more people?", "The second one does."),
    (MENTIONS_SIMILARITIES, "What is different about the two buses?", "Only their colour."),
]


@pytest.mark.parametrize(("rule", "instruction", "response"), REFUSED)
def test_a_pair_that_breaks_the_rule_is_found(rule: HouseRule, instruction: str, response: str) -> None:
    assert rule.violates(instruction, response)


@pytest.mark.parametrize(("rule", "instruction", "response"), ALLOWED)
def test_a_pair_that_keeps_the_rule_is_left_alone(rule: HouseRule, instruction: str, response: str) -> None:
    assert not rule.violates(instruction, response)
