"""Claims against annotations: what is supported, contradicted or left open, and what a verdict points to."""

import pytest

from app.pipeline.grounding import Standing, Verdict, check_grounding, ground_pairs, read_grounding, write_note
from app.pipeline.values import Pair

KITCHEN = """\
A grey cat sleeps on a wooden table beside two cups.
A cat lies next to an open laptop.
cat: [0.1, 0.5, 0.2, 0.2]
laptop: [0.5, 0.4, 0.4, 0.4]
cup: [0.3, 0.6, 0.05, 0.08]
cup: [0.4, 0.6, 0.05, 0.08]
dining table: [0, 0.5, 1, 0.5]"""
CAR_PARK = "the blue truck in the upper left corner is gone\nthere are now two people near the red car"
SALAD = (
    "timestamps: [[0, 10], [12, 30], [31, 60]]\n"
    'sentences: ["A woman washes tomatoes in a sink.", "She slices the tomatoes on a board.", '
    '"She pours olive oil over the salad."]'
)


def judge(annotation: str, response: str, question: str = "What is to be seen?") -> dict[str, Standing]:
    """The last verdict of each class."""
    return {v.claim_class: v.standing for v in verdicts_of(annotation, response, question)}


def verdicts_of(annotation: str, response: str, question: str = "What is to be seen?") -> tuple[Verdict, ...]:
    return ground_pairs(annotation, [Pair(question, response)])[0]


TRUE = [
    (KITCHEN, "There is a cat in the picture.", "object"),
    (KITCHEN, "A feline rests beside a laptop computer.", "object"),
    (KITCHEN, "There are two cups on the table.", "count"),
    (KITCHEN, "The cat is grey.", "colour"),
    (KITCHEN, "The cat lies to the left of the laptop.", "position"),
    (KITCHEN, "To the right of the cat is a laptop.", "position"),
    (KITCHEN, "The laptop appears larger than the cat.", "position"),
    (CAR_PARK, "The blue truck is no longer there in the second picture.", "difference"),
    (CAR_PARK, "The truck in the top left corner has vanished.", "position"),
    (CAR_PARK, "Two people have appeared near the red car.", "count"),
    (SALAD, "She slices the tomatoes before she pours olive oil over the salad.", "order"),
    (SALAD, "At the end of the video, she pours olive oil over the salad.", "time"),
    (SALAD, "She slices the tomatoes on a board at around 20 seconds.", "time"),
]
FALSE = [
    (KITCHEN, "There is a dog in the picture.", "object"),
    (KITCHEN, "There is no cat in the image.", "object"),
    (KITCHEN, "There are four cups on the table.", "count"),
    (KITCHEN, "The cat is orange.", "colour"),
    (KITCHEN, "The cat lies to the right of the laptop.", "position"),
    (KITCHEN, "To the left of the cat is a laptop.", "position"),
    (KITCHEN, "The laptop appears smaller than the cat.", "position"),
    (KITCHEN, "The cat is inside the laptop.", "position"),
    (CAR_PARK, "The blue truck has appeared in the second picture.", "difference"),
    (CAR_PARK, "The two pictures are identical.", "difference"),
    (CAR_PARK, "A bicycle has vanished.", "object"),
    (CAR_PARK, "The truck in the top right corner has vanished.", "position"),
    (CAR_PARK, "Five people have appeared near the red car.", "count"),
    (CAR_PARK, "The yellow truck is gone.", "colour"),
    (SALAD, "She pours olive oil over the salad before she slices the tomatoes on a board.", "order"),
    (SALAD, "At the beginning of the video, she pours olive oil over the salad.", "time"),
    (SALAD, "She slices the tomatoes on a board at around 55 seconds.", "time"),
]
OPEN = [
    (KITCHEN, "A dog might disturb the cat.", "object"),
    (KITCHEN, "The cat does not look like a dog.", "object"),
    (KITCHEN, "She waits for a train.", "object"),
    (KITCHEN, "There is a vase.", "object"),
    (KITCHEN, "One cup stands closer to the laptop.", "count"),
    (KITCHEN, "An elephant is larger than a cat.", "position"),
    (CAR_PARK, "The red car has moved.", "difference"),
    (SALAD, "There is a dog in the kitchen.", "object"),
    (SALAD, "She sings before she leaves.", "order"),
]


@pytest.mark.parametrize(("annotation", "response", "claim_class"), TRUE)
def test_what_the_annotation_says_is_supported(annotation: str, response: str, claim_class: str) -> None:
    found = judge(annotation, response)
    assert found.get(claim_class) is Standing.SUPPORTED
    assert Standing.CONTRADICTED not in found.values()


@pytest.mark.parametrize(("annotation", "response", "claim_class"), FALSE)
def test_what_the_annotation_denies_is_contradicted(annotation: str, response: str, claim_class: str) -> None:
    assert judge(annotation, response).get(claim_class) is Standing.CONTRADICTED


@pytest.mark.parametrize(("annotation", "response", "claim_class"), OPEN)
def test_what_the_annotation_leaves_open_is_not_contradicted(annotation: str, response: str, claim_class: str) -> None:
    assert judge(annotation, response).get(claim_class) in (None, Standing.UNKNOWN)


def test_a_verdict_points_to_the_words_and_to_the_line() -> None:
    response = "It is quiet. There are four cups on the table."
    (wrong,) = [v for v in verdicts_of(KITCHEN, response) if v.standing is Standing.CONTRADICTED]
    assert response[wrong.start : wrong.end] == wrong.claim == "four cups"
    assert (wrong.line, wrong.code) == (5, "ungrounded_count")
    assert "cup: [0.3, 0.6, 0.05, 0.08]" in wrong.fact


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("How many cups are there?", "Two.", "Three."),
        ("What colour is the cat?", "Grey.", "Orange."),
        ("Is there a laptop in the image?", "Yes.", "No."),
        ("Is there a horse in the image?", "No.", "Yes."),
        ("Where is the cat?", "To the left of the laptop.", "To the right of the laptop."),
    ],
)
def test_a_short_answer_is_read_with_its_question(question: str, right: str, wrong: str) -> None:
    assert Standing.CONTRADICTED not in judge(KITCHEN, right, question).values()
    assert Standing.CONTRADICTED in judge(KITCHEN, wrong, question).values()


def test_what_happens_after_something_is_read_with_its_question() -> None:
    response = "She pours olive oil over the salad."
    after = "What happens after she slices the tomatoes on the board?"
    assert judge(SALAD, response, after)["order"] is Standing.SUPPORTED
    assert judge(SALAD, response, after.replace("after", "before"))["order"] is Standing.CONTRADICTED


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Is there a lamp in the picture?", "Yes, on the left."), ("Can you see a lamp?", "No, there is none.")),
        (("How many boats are there?", "There are two boats."), ("How many boats can you see?", "Three.")),
        (("What color is the car?", "It is red."), ("What colour is the car?", "It is green.")),
    ],
)
def test_two_pairs_that_contradict_each_other_are_told_apart_without_an_annotation(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    first, second = ground_pairs("a quiet place", [Pair(*one), Pair(*other)])
    assert not [v for v in first if v.standing is Standing.CONTRADICTED]
    (wrong,) = [v for v in second if v.standing is Standing.CONTRADICTED]
    assert (wrong.code, wrong.line) == ("inconsistent_pairs", None)
    assert one[1] in wrong.fact


def test_boxes_beyond_cocos_categories_do_not_say_what_is_absent() -> None:
    annotation = "A street.\nlamppost: [0, 0, 1, 1]\ngargoyle: [0, 0, 0.1, 0.1]"
    assert "object" not in judge(annotation, "There is a dog in the picture.")


def test_a_crowd_is_not_counted() -> None:
    annotation = "People at a race.\nperson (crowd): [0, 0, 1, 1]\nperson: [0, 0, 0.1, 0.1]"
    assert judge(annotation, "There are nine people in the picture.")["count"] is Standing.UNKNOWN


def test_the_two_images_of_an_item_are_read_apart() -> None:
    annotation = "image a:\nA dog.\ndog: [0, 0, 9, 9]\nimage b:\nDogs.\ndog: [0, 0, 9, 9]\ndog: [20, 0, 9, 9]"
    assert judge(annotation, "There are two dogs in the second image.")["count"] is Standing.SUPPORTED
    assert judge(annotation, "There are six dogs in the second image.")["count"] is Standing.CONTRADICTED


@pytest.mark.parametrize(
    "text", ["", "\n", "timestamps: [\nsentences: [", "timestamps: [[0, 1]]\nsentences: [3]", "a: [1, 2, 3, 4", "図"]
)
def test_any_annotation_and_any_text_are_taken(text: str) -> None:
    assert (
        len(ground_pairs(text, [Pair(text, text), Pair("Was it İstanbul, with 2 dogs?", "Yes, ２ dogs; İ and more.")]))
        == 2
    )


def test_only_the_classes_that_are_asked_for_are_checked() -> None:
    response = "There are four cups and a dog in the picture."
    (found,) = ground_pairs(KITCHEN, [Pair("What?", response)], {"count"})
    assert {verdict.claim_class for verdict in found} == {"count"}


def test_the_note_for_a_repair_quotes_the_pair_the_claim_and_what_speaks_against_it() -> None:
    pairs = [Pair("Where?", "On a table."), Pair("What?", "There is a dog in the picture.")]
    wrong = [[v for v in found if v.standing is Standing.CONTRADICTED] for found in ground_pairs(KITCHEN, pairs)]
    note = write_note(pairs, wrong)
    assert "Answer: There is a dog in the picture." in note
    assert '- wrong: "a dog" against: no box' in note
    assert "one pair" in note
    assert "On a table." not in note
    assert "whole reply" in write_note(pairs, wrong, is_whole=True)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ("flag", "/grounding"),
        ({}, "/grounding/policy"),
        ({"policy": "punish"}, "/grounding/policy"),
        ({"policy": "repair", "then": "repair"}, "/grounding/then"),
        ({"policy": "flag", "classes": "count"}, "/grounding/classes"),
        ({"policy": "flag", "classes": ["count", "taste"]}, "/grounding/classes/1"),
        ({"policy": "flag", "judges": 2}, "/grounding/judges"),
    ],
)
def test_a_policy_with_a_fault_is_refused_where_the_fault_is(value: object, pointer: str) -> None:
    assert [fault.pointer for fault in check_grounding(value)] == [pointer]


def test_a_job_that_names_no_policy_checks_nothing() -> None:
    assert read_grounding(None).policy == "off"
    policy = read_grounding({"policy": "repair", "then": "reject", "classes": ["count"]})
    assert (policy.policy, policy.last_action, set(policy.classes)) == ("repair", "reject", {"count"})
