"""The grammar of pairs: what the renderer writes, the parser reads back; the parser also reads what models write.

`parse_reply(render_pairs(pairs, f)).pairs == pairs` for texts that are their own `normalise_text`, in both formats.
"""

from app.pipeline.formats.json_reply import has_json_before, parse_json
from app.pipeline.formats.labelled import find_first_label, parse_labelled
from app.pipeline.formats.normalise import normalise_text
from app.pipeline.formats.reading import ParsedReply, Role
from app.pipeline.values import Rejection


def parse_reply(text: str, *, truncated: bool = False) -> ParsedReply:
    """The pairs in a model's reply, in order, and every piece that is no pair as a Rejection.

    truncated: the reply was cut off at max_tokens, so its last piece is torn and refused.
    Reasons: unparseable, missing_answer, missing_question, empty, truncated, chatter (a last paragraph in text that
    speaks to the reader only). Never raises; linear in the text; at most MAX_PAIRS pairs, what follows them is
    refused in one piece.
    """
    text = normalise_text(text).removeprefix("\ufeff")
    if not text.strip():
        return ParsedReply((), (Rejection("empty", "the reply is empty"),))
    is_json_first = text[0] in "[{"
    label = None if is_json_first else find_first_label(text)
    if is_json_first or has_json_before(text, len(text) if label is None else label[0]):
        parsed = parse_json(text, truncated=truncated)
        if parsed is not None:
            return parsed
    since = 0 if is_json_first else len(text) if label is None else label[0]
    labelled = parse_labelled(text, truncated=truncated, since=since)
    if not labelled.pairs and label is not None and label[1] is Role.ANSWER and has_json_before(text, len(text)):
        parsed = parse_json(text, truncated=truncated)  # "Answer:" stood before the JSON of all pairs
        if parsed is not None and parsed.pairs:
            return parsed
    return labelled
