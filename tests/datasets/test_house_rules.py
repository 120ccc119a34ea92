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
from datasets.story_rules import (
    ANSWERS_TO_YOU,
    ASKS_AS_MYSELF,
    NAMES_THE_WEARER,
    NEEDS_PIXELS,
    QUOTES_TIMES,
    UNANSWERED_CHOICE,
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
    (QUOTES_TIMES, "What happens at 12 seconds?", "A man waves."),
    (QUOTES_TIMES, "What happens?", "At the 3rd second a man waves."),
    (QUOTES_TIMES, "What happens?", "He waves 4 seconds into the video."),
    (QUOTES_TIMES, "What happens?", "Between 3 and 5 seconds he waves."),
    (QUOTES_TIMES, "What happens at 0:42?", "He waves."),
    (QUOTES_TIMES, "What happens in frame 120?", "He waves."),
    (ASKS_AS_MYSELF, "Where is the spoon?", "You left it in the drawer."),
    (ASKS_AS_MYSELF, "What is he doing?", "You see him walk."),
    (ANSWERS_TO_YOU, "Where did I leave the spoon?", "It is in the drawer."),
    (ANSWERS_TO_YOU, "Where did I leave the spoon?", "I left it in the drawer."),
    (NAMES_THE_WEARER, "What am I doing?", "C picks up the spoon."),
    (NAMES_THE_WEARER, "What is C doing?", "You pick up the spoon."),
    (NAMES_THE_WEARER, "What am I doing?", "#C C picks up your spoon."),
    (NAMES_THE_WEARER, "Who came in?", "Person X came in while you cooked."),
    (NAMES_THE_WEARER, "Who came in?", "The man B looks at you."),
    (NAMES_THE_WEARER, "What does the camera wearer do?", "You pick up the spoon."),
    (NAMES_THE_WEARER, "What do I hold?", "You hold C's spoon."),
    (NEEDS_PIXELS, "What color is the kite?", "It is red."),
    (NEEDS_PIXELS, "How many people are standing on the porch?", "Five."),
    (NEEDS_PIXELS, "What is the grandmother wearing?", "A dress."),
    (NEEDS_PIXELS, "Who stands in the background?", "An uncle."),
    (NEEDS_PIXELS, "What can you see?", "A porch."),
    (NEEDS_PIXELS, "Can you describe the second photo?", "It shows a porch."),
    (UNANSWERED_CHOICE, "What falls? (A) a hat (B) a cat (C) a cup (D) a man", "A cup falls."),
    (UNANSWERED_CHOICE, "What falls? (A) a hat (B) a cat (C) a cup", "(D) a man."),
    (UNANSWERED_CHOICE, "What falls? (A) a hat (B) a cat (C) a cup", "(A) a hat or (B) a cat."),
    (UNANSWERED_CHOICE, "What falls? (A) a hat (B) a cat", "(A) a hat."),
    (UNANSWERED_CHOICE, "What falls? (A) a hat (A) a cat (B) a cup", "(A) a hat."),
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
    (QUOTES_TIMES, "What happens in the first seconds?", "A man waves at 12 people for two seconds."),
    (QUOTES_TIMES, "When does the shop open?", "The sign says that it opens at 9:30 am."),
    (ASKS_AS_MYSELF, "Where did I leave the spoon?", "You left it in the drawer."),
    (ASKS_AS_MYSELF, "Is this cup mine?", "Yes, you took it from your shelf."),
    (ANSWERS_TO_YOU, "Whose cup is this?", "Yours."),
    (NAMES_THE_WEARER, "Who is the person I met?", "A person you know; he drinks vitamin C drops."),
    (NAMES_THE_WEARER, "Where is my camera?", "A man put it on the table for you."),
    (NAMES_THE_WEARER, "Should I take plan B?", "A cable with USB C plugs fits your phone."),
    (NEEDS_PIXELS, "How many years had they not met?", "Nobody says, but it must have been long."),
    (NEEDS_PIXELS, "How did they feel when the castle fell?", "They laughed; the colours of the day stayed."),
    (NEEDS_PIXELS, "What led to the tears on the porch?", "The old stories."),
    (UNANSWERED_CHOICE, "What falls? (A) a hat (B) a cat (C) a cup (D) a man", "(C) a cup. It was full."),
    (UNANSWERED_CHOICE, "What falls?", "A cup (C) does."),
]


@pytest.mark.parametrize(("rule", "instruction", "response"), REFUSED)
def test_a_pair_that_breaks_the_rule_is_found(rule: HouseRule, instruction: str, response: str) -> None:
    assert rule.violates(instruction, response)


@pytest.mark.parametrize(("rule", "instruction", "response"), ALLOWED)
def test_a_pair_that_keeps_the_rule_is_left_alone(rule: HouseRule, instruction: str, response: str) -> None:
    assert not rule.violates(instruction, response)
