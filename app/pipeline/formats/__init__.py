"""How replies are written and read: for each grammar what the renderer writes, the parser reads back.

The parsers also read what models write instead.
"""

from app.pipeline.formats.conversations import (
    EARLIER_ROUND_REFUSED,
    ParsedConversations,
    parse_conversations,
    render_conversations,
)
from app.pipeline.formats.grammars import PAIRS, ReplyGrammar, find_grammar, read_content
from app.pipeline.formats.normalise import normalise_text
from app.pipeline.formats.pairs import parse_reply
from app.pipeline.formats.reading import MAX_PAIRS, ParsedReply
from app.pipeline.formats.rendering import ReplyFormat, render_pairs

__all__ = [
    "EARLIER_ROUND_REFUSED",
    "MAX_PAIRS",
    "PAIRS",
    "ParsedConversations",
    "ParsedReply",
    "ReplyFormat",
    "ReplyGrammar",
    "find_grammar",
    "normalise_text",
    "parse_conversations",
    "parse_reply",
    "read_content",
    "render_conversations",
    "render_pairs",
]
