"""Pairs as the text of a reply, in the form the parser reads back."""

from collections.abc import Sequence
from typing import Literal

import orjson

from app.pipeline.formats.labels import escape_lines
from app.pipeline.formats.normalise import normalise_text
from app.pipeline.values import Pair

ReplyFormat = Literal["text", "json"]


def render_pairs(pairs: Sequence[Pair], reply_format: ReplyFormat) -> str:
    r"""The pairs as one reply; texts must hold more than white space.

    text: `Question: …` and `Answer: …` with an empty line between pairs; a line inside a text that would be read
    as structure gets a backslash before it. json: `{"pairs": [{"instruction": …, "response": …}]}`.
    """
    if reply_format == "json":
        rows = [{"instruction": normalise_text(p.instruction), "response": normalise_text(p.response)} for p in pairs]
        return orjson.dumps({"pairs": rows}).decode()
    return "\n\n".join(
        f"Question: {escape_lines(normalise_text(pair.instruction))}\n"
        f"Answer: {escape_lines(normalise_text(pair.response))}"
        for pair in pairs
    )
