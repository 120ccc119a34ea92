"""Conversations in text: headings with titles, and below each a reason and rounds with labels."""

from dataclasses import dataclass, replace
from itertools import pairwise

from app.pipeline.formats.headings import Heading, find_headings, split_opening, unescape_headings
from app.pipeline.formats.labelled import find_first_label, is_chatter, parse_labelled
from app.pipeline.formats.labels import FENCE
from app.pipeline.formats.reading import ParsedReply
from app.pipeline.values import Rejection

MAX_CONVERSATIONS = 1_000  # of one reply; a number of them fits 15 bits


@dataclass(frozen=True, slots=True)
class ReadConversation:
    """A conversation as it was found, with what was refused in it."""

    title: str
    reason: str
    rounds: ParsedReply


def read_text(text: str, *, truncated: bool) -> tuple[list[ReadConversation], list[Rejection]]:
    """The conversations of a reply in text, and what stands around them; without headings it is one."""
    headings = find_headings(text)
    label = find_first_label(text)
    if not headings or (label is not None and label[0] < headings[0].start):
        end = headings[0].start if headings else len(text)
        first = ReadConversation("", "", parse_labelled(text[:end], truncated=truncated and not headings))
        found, refused = _read_headed(text, headings, truncated=truncated) if headings else ([], [])
        return [first, *found], refused
    preamble = text[: headings[0].start]
    if FENCE.search(preamble) is not None:
        text = _drop_last_fence(text)
    found, refused = _read_headed(text, headings, truncated=truncated)
    if not is_chatter(preamble):
        refused.append(Rejection("unparseable", "text before the first conversation", preamble.strip()))
    return found, refused


def _read_headed(
    text: str, headings: list[Heading], *, truncated: bool
) -> tuple[list[ReadConversation], list[Rejection]]:
    refused = []
    if len(headings) > MAX_CONVERSATIONS:
        surplus = headings[MAX_CONVERSATIONS].start
        refused.append(Rejection("unparseable", f"text after {MAX_CONVERSATIONS} conversations", text[surplus:]))
        text, truncated = text[:surplus], False
        headings = headings[:MAX_CONVERSATIONS]
    ends = [*(heading.start for heading in headings), len(text)]
    found = [
        _read_section(heading, text[heading.end : end], truncated=truncated and end == len(text))
        for heading, (_, end) in zip(headings, pairwise(ends), strict=True)
    ]
    return found, refused


def _read_section(heading: Heading, section: str, *, truncated: bool) -> ReadConversation:
    label = find_first_label(section)
    opening = section if label is None else section[: label[0]]
    told, reason = split_opening(opening)
    title = heading.title or told
    if label is None:
        return ReadConversation(title, "", _read_unlabelled(title, section, truncated=truncated))
    fence = FENCE.search(opening)  # it wraps the rounds: its other end is theirs to take off
    rounds = parse_labelled(section[label[0] if fence is None else fence.start() :], truncated=truncated)
    pairs = tuple(
        replace(pair, instruction=unescape_headings(pair.instruction), response=unescape_headings(pair.response))
        for pair in rounds.pairs
    )
    return ReadConversation(title, reason, replace(rounds, pairs=pairs))


def _read_unlabelled(title: str, section: str, *, truncated: bool) -> ParsedReply:
    """Rounds may be numbered; else there are none."""
    numbered = parse_labelled(section, truncated=truncated)
    if numbered.pairs:
        return numbered
    reason = "truncated" if truncated else "unparseable"
    detail = "the reply ended before a round of this conversation" if truncated else "a conversation without rounds"
    return ParsedReply((), (Rejection(reason, detail, f"{title}\n{section.strip()}".strip() or "a heading"),))


def _drop_last_fence(text: str) -> str:
    """The reply was fenced as a whole."""
    head, newline, last = text.rstrip().rpartition("\n")
    return head if newline and FENCE.fullmatch(last) else text
