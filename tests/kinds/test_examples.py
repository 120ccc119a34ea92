"""The in-context examples of a kind are what its model is to write: as a reply they would be accepted whole."""

import pytest

from app.pipeline.filtering import filter_pairs
from app.pipeline.formats import parse_reply, read_content, render_pairs
from app.pipeline.grounding import Standing, ground_pairs
from app.pipeline.values import Pair, Prompt
from app.services.kinds import load_kind_prompt
from datasets.registry import find_kind, list_kinds

KINDS = [kind.name for kind in list_kinds() if kind.reply_grammar == "pairs"]


@pytest.mark.parametrize("name", KINDS)
def test_no_example_would_be_refused_as_a_reply(name: str) -> None:
    kind, prompt = find_kind(name), load_kind_prompt(name)
    for user, assistant in zip(prompt.in_context[::2], prompt.in_context[1::2], strict=True):
        pairs = [pair for pair in assistant.content if isinstance(pair, Pair)]
        for reply_format in ("json", "text"):
            reply = parse_reply(render_pairs(pairs, reply_format))
            assert (list(reply.pairs), reply.rejections) == (pairs, ())
        result = filter_pairs(
            pairs,
            house_rules=kind.house_rules,
            prompt=Prompt(prompt.system_message),
            sentences=str(user.content),
            fewest=kind.fewest_pairs,
            most=kind.most_pairs,
        )
        assert (list(result.accepted), result.rejections) == (pairs, ())


@pytest.mark.parametrize("name", [kind.name for kind in list_kinds()])
def test_no_example_claims_what_its_annotation_speaks_against(name: str) -> None:
    prompt = load_kind_prompt(name)
    for user, assistant in zip(prompt.in_context[::2], prompt.in_context[1::2], strict=True):
        found = ground_pairs(str(user.content), read_content(assistant.content))
        assert not [v.describe() for verdicts in found for v in verdicts if v.standing is Standing.CONTRADICTED]
