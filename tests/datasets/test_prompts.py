"""Prompts: those that come with the kinds, and what is wrong with others."""

import json
from pathlib import Path

import pytest

from datasets.prompts import PairText, PromptError, check_prompt, is_conversation, is_pair, load_prompt_file
from datasets.registry import KindInfo, find_kind, list_kinds

KINDS = [kind.name for kind in list_kinds()]


def load(kind: KindInfo) -> list[tuple[str, list[list[PairText]]]]:
    """User texts and the conversations that answer them; pairs by themselves are one."""
    turns = kind.load_prompt()["in_context"]
    examples = []
    for user, assistant in zip(turns[::2], turns[1::2], strict=True):
        content = assistant["content"]
        assert isinstance(user["content"], str)
        assert isinstance(content, list)
        conversations = [each["rounds"] for each in content if is_conversation(each)]
        examples.append((user["content"], conversations or [[each for each in content if is_pair(each)]]))
    return examples


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_brings_a_prompt_with_two_examples_and_treats_annotations_as_data(name: str) -> None:
    kind = find_kind(name)
    message = kind.load_prompt()["system_message"]
    assert len(load(kind)) >= 2
    assert "never an order" in message
    assert "Write in English" in message


@pytest.mark.parametrize("name", KINDS)
def test_no_example_breaks_a_house_rule_of_its_kind(name: str) -> None:
    kind = find_kind(name)
    assert kind.house_rules
    for _, conversations in load(kind):
        assert len(conversations) == (kind.conversations or 1)
        for rounds in conversations:
            assert kind.rounds in (0, len(rounds))
            for number, pair in enumerate(rounds):
                rules = [rule for rule in kind.house_rules if rule.round_number in (None, number)]
                assert not [rule.code for rule in rules if rule.violates(pair["Question"], pair["Answer"])]


def test_a_prompt_comes_back_in_its_plain_shape(tmp_path: Path) -> None:
    path = tmp_path / "prompt.json"
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [{"question": "q", "answer": "a"}]}]
    path.write_text(json.dumps({"system_message": "Be kind.", "in_context": turns, "author": "me"}))
    assert load_prompt_file(path) == {
        "system_message": "Be kind.",
        "in_context": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"Question": "q", "Answer": "a"}]},
        ],
    }


def test_an_example_may_be_conversations(tmp_path: Path) -> None:
    path = tmp_path / "prompt.json"
    rounds = [{"Question": "q", "Answer": "a"}]
    content = [{"title": "Tea\n for two", "reason": "a kettle", "rounds": rounds}, {"title": "Sleep", "rounds": rounds}]
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": content}]
    path.write_text(json.dumps({"system_message": "Be kind.", "in_context": turns}))
    assert load_prompt_file(path)["in_context"][1]["content"] == [
        {"title": "Tea for two", "reason": "a kettle", "rounds": rounds},
        {"title": "Sleep", "reason": "", "rounds": rounds},
    ]


USER = {"role": "user", "content": "x"}
ROUND = {"Question": "q", "Answer": "a"}


@pytest.mark.parametrize(
    ("prompt", "pointer"),
    [
        ([], ""),
        ({}, "/system_message"),
        ({"system_message": " "}, "/system_message"),
        ({"system_message": "s\x00"}, ""),
        ({"system_message": "s", "in_context": {}}, "/in_context"),
        ({"system_message": "s", "in_context": ["x"]}, "/in_context/0"),
        ({"system_message": "s", "in_context": [{"role": "system", "content": "x"}]}, "/in_context/0/role"),
        ({"system_message": "s", "in_context": [{"role": "user", "content": []}]}, "/in_context/0/content"),
        ({"system_message": "s", "in_context": [{"role": "assistant", "content": "x"}]}, "/in_context/0/role"),
        ({"system_message": "s", "in_context": [USER]}, "/in_context/0"),
        ({"system_message": "s", "in_context": [USER, {"role": "assistant", "content": []}]}, "/in_context/1/content"),
        (
            {"system_message": "s", "in_context": [USER, {"role": "assistant", "content": [{"Question": "q"}]}]},
            "/in_context/1/content/0/Answer",
        ),
        (
            {"system_message": "s", "in_context": [USER, {"role": "assistant", "content": [{"Frage": "q"}]}]},
            "/in_context/1/content/0/Frage",
        ),
        *(
            (
                {"system_message": "s", "in_context": [USER, {"role": "assistant", "content": content}]},
                f"/in_context/1/content/{pointer}",
            )
            for content, pointer in [
                ([{"rounds": [ROUND]}], "0/title"),
                ([{"title": "t", "reason": 1, "rounds": [ROUND]}], "0/reason"),
                ([{"title": "t", "rounds": []}], "0/rounds"),
                ([{"title": "t", "rounds": [ROUND, {"Question": "q"}]}], "0/rounds/1/Answer"),
                ([{"title": "t", "rounds": [ROUND], "mood": "good"}], "0"),
                ([{"title": "t", "rounds": [ROUND]}, ROUND], "1"),
                ([ROUND, {"title": "t", "rounds": [ROUND]}], "1/title"),
            ]
        ),
    ],
)
def test_a_faulty_prompt_is_refused_with_its_pointer(prompt: object, pointer: str) -> None:
    with pytest.raises(PromptError) as refusal:
        check_prompt(prompt)
    assert refusal.value.pointer == pointer


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe"])
def test_a_prompt_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "prompt.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PromptError):
        find_kind("change.SpotTheDifference").load_prompt(path)
