"""Replies in text: questions and answers announced by labels, or numbered where the labels are missing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from app.pipeline.formats.labels import (
    CLOSING,
    DIVIDER,
    FAMILIES_OF,
    FENCE,
    INLINE_ANSWER,
    LABEL,
    LONGEST_CLOSING,
    NUMBERED,
    unescape_lines,
)
from app.pipeline.formats.reading import MAX_PAIRS, ParsedReply, Role, Spoken, assemble_pairs
from app.pipeline.values import Rejection

_MOST_LABELS = 4 * MAX_PAIRS
_LONGEST_CHATTER = 400
_CHATTER = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|ok|great|here|below|based on|the following|these|i have|i've|"
    r"claro|por supuesto|aquí|a continuación|natürlich|gerne|hier|voici|bien sûr|ci-dessous|当然|好的|以下|下面|这里|"
    r"もちろん|はい|承知|こちら|물론|다음|아래|네|여기|بالتأكيد|بالطبع|إليك|فيما|هذه|json|text|markdown)(?!\w)",
    re.IGNORECASE,
)
_QUESTION_MARKS = ("?", "？", "؟")


@dataclass(frozen=True, slots=True)
class _Label:
    role: Role
    families: frozenset[str]
    start: int
    end: int
    mark: str


def find_first_label(text: str) -> tuple[int, Role] | None:
    """Where the first line with a label begins and what it announces, if there is one."""
    match = LABEL.search(text)
    return None if match is None else (match.start(), Role.QUESTION if match["question"] else Role.ANSWER)


def parse_labelled(text: str, *, truncated: bool, since: int = 0) -> ParsedReply:
    """The pairs of a reply in text; see `formats.parse_reply`. since: no label stands before this position."""
    found = [_read_label(match) for match in islice(LABEL.finditer(text, since), _MOST_LABELS + 1)]
    labels = _choose_labels(found[:_MOST_LABELS])
    if not labels:
        return _parse_numbered(text, truncated=truncated)
    surplus = found[_MOST_LABELS].start if len(found) > _MOST_LABELS else len(text)
    if len(labels) > 2 * MAX_PAIRS:
        surplus = labels[2 * MAX_PAIRS].start
        del labels[2 * MAX_PAIRS :]
    preamble = text[: labels[0].start]
    refused = []
    if labels[0].role is Role.QUESTION and not is_chatter(preamble):
        refused.append(Rejection("unparseable", "text before the first question", preamble.strip()))
    if surplus < len(text):
        refused.append(Rejection("unparseable", f"text after {MAX_PAIRS} pairs", text[surplus:]))
    torn = truncated and surplus == len(text)
    closing = len(text) if truncated else _find_closing(text)
    if text[labels[-1].end : closing].strip() and closing < surplus:
        refused.append(_refuse_closing(text, closing))
        surplus = closing
    return assemble_pairs(_read_pieces(text[:surplus], labels, torn=torn), refused)


def is_chatter(text: str) -> bool:
    """Whether a text before the pairs only announces them, or holds nothing but fences and dividers."""
    text = DIVIDER.sub("", FENCE.sub("", text)).strip().lstrip("#*_ ")
    if not text or len(text) > _LONGEST_CHATTER:
        return not text
    return _CHATTER.match(text) is not None or text.rstrip("*_ ").endswith((":", "："))


def _find_closing(text: str) -> int:
    """Where the words to the reader begin that end a reply ("Let me know if you need more"), else the text's end."""
    match = CLOSING.search(text, max(0, len(text) - LONGEST_CLOSING))
    return len(text) if match is None else match.start("closing")


def _refuse_closing(text: str, closing: int) -> Rejection:
    return Rejection("chatter", "words to the reader after the last pair", text[closing:].strip())


def _read_label(match: re.Match[str]) -> _Label:
    role = Role.QUESTION if match["question"] else Role.ANSWER
    families = FAMILIES_OF[role][match[role.value].casefold()]
    mark = "" if match["closed"] else match["bold"] or ""
    return _Label(role, families, match.start(), match.end(), mark)


def _choose_labels(labels: list[_Label]) -> list[_Label]:
    """The labels of the family this reply uses; labels of other families are text inside it."""
    first = next((label for label in labels if label.role is Role.QUESTION), None)
    if first is None:
        return labels
    kin = [label for label in labels if label.families & first.families]
    if any(label.role is Role.ANSWER for label in kin):
        return kin
    return [label for label in labels if label.role is Role.ANSWER or label.families & first.families]


def _read_pieces(text: str, labels: Sequence[_Label], *, torn: bool) -> Iterator[Spoken]:
    """Every labelled text, with the questions that stand unlabelled before an answer."""
    fenced = FENCE.search(text, 0, labels[0].start) is not None
    infers = all(label.role is Role.ANSWER for label in labels)
    if labels[0].role is Role.ANSWER:
        yield from _infer_question(text[: labels[0].start])
    for index, label in enumerate(labels):
        last = index + 1 == len(labels)
        end = len(text) if last else labels[index + 1].start
        piece = _trim_tail(text, label.end, end)
        if label.mark:
            piece = _drop_closing_mark(piece, label.mark)
        piece = _drop_fences(piece) if fenced else piece
        if infers and not last:
            answer, question = _split_before_question(piece)
            yield Spoken(label.role, unescape_lines(answer))
            yield from _infer_question(question)
        else:
            yield from _split_inline(label, unescape_lines(piece), labels, index, torn=torn and last)


def _split_inline(label: _Label, piece: str, labels: Sequence[_Label], index: int, *, torn: bool) -> Iterator[Spoken]:
    """A question no answer follows may hold its answer on its own line: "Q: … Answer: …"."""
    last = index + 1 == len(labels)
    lonely = label.role is Role.QUESTION and (last or labels[index + 1].role is Role.QUESTION)
    match = INLINE_ANSWER.search(piece) if lonely else None
    if match is None:
        yield Spoken(label.role, piece, torn)
        return
    yield Spoken(Role.QUESTION, piece[: match.start()])
    yield Spoken(Role.ANSWER, piece[match.end() :], torn)


def _infer_question(text: str) -> Iterator[Spoken]:
    start = _find_last_block(text)
    question = NUMBERED.sub("", text[start:].strip(), count=1).strip().strip("*").strip()
    if question:
        yield Spoken(Role.QUESTION, question)


def _split_before_question(piece: str) -> tuple[str, str]:
    start = _find_last_block(piece)
    return piece[:start], piece[start:]


def _find_last_block(text: str) -> int:
    """Where the last numbered line begins, else the last paragraph, else the last line."""
    start = -1
    for match in NUMBERED.finditer(text):
        start = match.start()
    if start >= 0:
        return start
    end = len(text.rstrip())
    paragraph = text.rfind("\n\n", 0, end)
    return paragraph + 2 if paragraph >= 0 else text.rfind("\n", 0, end) + 1


def _trim_tail(text: str, start: int, end: int) -> str:
    """The text between two positions without white space and dividers at its end; never a divider alone."""
    while start < end and text[start].isspace():
        start += 1
    while True:
        while end > start and text[end - 1].isspace():
            end -= 1
        line = text.rfind("\n", start, end) + 1
        if line <= start or not DIVIDER.match(text, line, end):
            return text[start:end]
        end = line


def _drop_closing_mark(piece: str, mark: str) -> str:
    """`**Question: What is it?**`: the label opened the bold type, so its end is no text."""
    line, newline, rest = piece.partition("\n")
    if line.endswith(mark) and line.count(mark) % 2 == 1:
        line = line.removesuffix(mark)
    return line + newline + rest


def _drop_fences(piece: str) -> str:
    """The text without the fence that wraps the reply or each pair, keeping whole code blocks inside it."""
    fences = list(FENCE.finditer(piece))
    if not fences or fences[-1].end() != len(piece):
        return piece
    if len(fences) % 2 == 1:
        return piece[: fences[-1].start()].rstrip()
    if not piece[fences[-2].end() : fences[-1].start()].strip():
        return piece[: fences[-2].start()].rstrip()
    return piece


def _parse_numbered(text: str, *, truncated: bool) -> ParsedReply:
    """A list whose entries open with a question's line and go on with its answer."""
    starts = [match.start() for match in islice(NUMBERED.finditer(text), MAX_PAIRS)]
    closing = len(text) if truncated else _find_closing(text)
    if starts and starts[-1] > closing:
        closing = len(text)
    blocks = [text[start:end] for start, end in pairwise([*starts, closing])]
    spoken: list[Spoken] = []
    refused: list[Rejection] = []
    for block in blocks:
        question, _, answer = NUMBERED.sub("", block, count=1).strip().partition("\n")
        question = question.strip().strip("*").strip()
        if question.endswith(_QUESTION_MARKS) and answer.strip():
            torn = truncated and block is blocks[-1]
            spoken += [Spoken(Role.QUESTION, question), Spoken(Role.ANSWER, answer.strip().removeprefix("- "), torn)]
        else:
            refused.append(
                Rejection("unparseable", "a numbered entry that is no question with an answer", block.strip())
            )
    if not spoken:
        reason = "truncated" if truncated else "unparseable"
        return ParsedReply((), (Rejection(reason, "no question and answer can be told apart", text.strip()),))
    if not is_chatter(text[: starts[0]]):
        refused.append(Rejection("unparseable", "text before the first question", text[: starts[0]].strip()))
    if closing < len(text):
        refused.append(_refuse_closing(text, closing))
    return assemble_pairs(spoken, refused)
