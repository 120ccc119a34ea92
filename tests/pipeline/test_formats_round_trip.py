"""What the renderer writes, the parser reads back, whatever the texts are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.formats import ReplyFormat, normalise_text, parse_reply, render_pairs
from app.pipeline.values import Pair

_FRAGMENTS = st.sampled_from(
    [
        "Question:", "Answer:", "Question: what", "Answer:no", "Q1.", "A1. x", "**Q:**", "**Answer**", "# Question 2",
        "### Answer 3", "User: hi", "Assistant:", "Instruction:", "Response: z", "问题：", "答：", "質問:", "سؤال:",
        "Réponse :", "Frage:", "질문:", "Question 1", "A4", "---", "***", "===", "- - -", "Pair 2", "**Pair 3:**",
        "Conversation 1", "1.", "2)", "**3.**", "1. item", "2) **Question:** x", "- Answer: y", "> Q: z", "```",
        "```json", "~~~", "\\", "\\\\", "\\Question:", "\\\\Answer: a", "\\---", "\\frac{1}{2}", "{", "}", "[", "]",
        '{"pairs": [{"instruction": "a", "response": "b"}]}', '[{"Question": "x"', '"', "'", ":", "：", "**", "*", "_",
        "\n", "\n\n", "\n\n\n", " ", "\t", "\u3000", "\u00a0", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\ufeff",
        "Sure, here are the pairs:", "1", "word", "?", "#", "##", ">", "Q", "A", "Q&A 1", "http://x", "\x1c",
        "\n\nLet me know if you need more!", "\nI hope it helps!", "Feel free to ask.", "**Is there anything else?",
        "\\I hope it helps",
    ]
)  # fmt: skip
_TEXTS = (
    (st.lists(_FRAGMENTS | st.text(max_size=6), min_size=1, max_size=9).map("".join) | st.text(min_size=1))
    .map(normalise_text)
    .filter(bool)
)
_PAIRS = st.lists(st.builds(Pair, _TEXTS, _TEXTS), min_size=1, max_size=4)


@settings(max_examples=1500, deadline=None)
@given(_PAIRS, st.sampled_from(["text", "json"]))
def test_rendered_pairs_are_read_back_unchanged(pairs: list[Pair], reply_format: ReplyFormat) -> None:
    parsed = parse_reply(render_pairs(pairs, reply_format))
    assert parsed.pairs == tuple(pairs)
    assert parsed.rejections == ()


@settings(max_examples=300, deadline=None)
@given(_PAIRS, st.integers(min_value=1), st.sampled_from(["text", "json"]))
def test_a_cut_reply_keeps_a_prefix_of_the_pairs_and_refuses_the_torn_rest(
    pairs: list[Pair], cut: int, reply_format: ReplyFormat
) -> None:
    text = render_pairs(pairs, reply_format)
    parsed = parse_reply(text[: cut % len(text)], truncated=True)
    assert parsed.pairs == tuple(pairs[: len(parsed.pairs)])
    assert len(parsed.pairs) < len(pairs) or reply_format == "json"


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(codec=None), max_size=400) | st.lists(_FRAGMENTS, max_size=30).map("".join), st.booleans())
def test_no_text_makes_the_parser_fail_and_nothing_vanishes(text: str, truncated: bool) -> None:
    parsed = parse_reply(text, truncated=truncated)
    assert parsed.pairs or parsed.rejections
    assert all(pair.instruction and pair.response for pair in parsed.pairs)
    for pair in parsed.pairs:
        assert pair == Pair(normalise_text(pair.instruction), normalise_text(pair.response))


@given(st.text(st.characters(codec=None)))
def test_normal_texts_fit_postgresql_and_stay_as_they_are(text: str) -> None:
    once = normalise_text(text)
    assert normalise_text(once) == once
    assert "\0" not in once
    once.encode("utf-8")


def test_escaping_touches_only_lines_that_look_like_structure() -> None:
    text = "The formula is\n\\frac{1}{2}\nAnswer: 3\nand so on"
    rendered = render_pairs([Pair("What?", text)], "text")
    assert rendered == "Question: What?\nAnswer: The formula is\n\\frac{1}{2}\n\\Answer: 3\nand so on"


@pytest.mark.parametrize("reply_format", ["text", "json"])
def test_ten_thousand_pairs_come_back_and_no_more(reply_format: ReplyFormat) -> None:
    pairs = [Pair(f"q{number}", "a") for number in range(10_001)]
    parsed = parse_reply(render_pairs(pairs, reply_format))
    assert parsed.pairs == tuple(pairs[:10_000])
    assert [rejection.reason for rejection in parsed.rejections] == ["unparseable"]
