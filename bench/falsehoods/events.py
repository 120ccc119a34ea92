"""Falsehoods about the order and the times of a video's events."""

import random
import re
from collections.abc import Iterator, Sequence

from bench.falsehoods.sources import Case, Source, Split, capitalise, pick

_CLAUSE_WORDS = 12
_ORDERS: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (
        ("What happens?", "{A}. Then {b}."),
        ("What happens?", "{A} before {b}."),
        ("What happens?", "After {a}, {b}."),
        ("What happens before {b}?", "{A}."),
        ("Tell me the order of events.", "First, {a}. Afterwards, {b}."),
        ("Which of it comes first?", "{B} after {a}."),
        ("Tell me what goes on.", "Before {b}, {a}."),
        ("What takes place after {a}?", "{B}."),
    ),
    "reported": (
        ("Describe the sequence.", "{A}; only later {b}."),
        ("Can you sum it up?", "To start with, {a}. Next, {b}."),
        ("How does it go on?", "Once {a}, {b}."),
        ("What comes right before {b}?", "{A}."),
    ),
}
_EARLY_OR_LATE: dict[Split, Sequence[tuple[str, str]]] = {
    "development": (
        ("At the beginning of the video, {}.", "At the end of the video, {}."),
        ("Right at the start, {}.", "Towards the end of the clip, {}."),
    ),
    "reported": (
        ("Early in the video, {}.", "Late in the video, {}."),
        ("When the video begins, {}.", "When the video is about to end, {}."),
    ),
}
_SECONDS: dict[Split, Sequence[str]] = {
    "development": ("At {0} seconds, {1}.", "{2} at around the {0}-second mark."),
    "reported": ("Around second {0}, {1}.", "{0} seconds in, {1}."),
}


def swap_order(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """Two events that do not overlap, told in the order they have and in the other."""
    apart = [(one, other) for one in source.events for other in source.events if one[1] <= other[0] < other[1]]
    if not apart:
        return
    one, other = rng.choice(apart)
    a, b = make_clause(one[2]), make_clause(other[2])
    question, answer = pick(_ORDERS, split, rng)
    words = {"a": a, "b": b, "A": capitalise(a), "B": capitalise(b)}
    swapped = {"a": b, "b": a, "A": words["B"], "B": words["A"]}
    true = answer.format(**words)
    if "{" in question:
        asked = question.format(**words)
        opposite = {"before": "after", "after": "before"}
        wrong = re.sub(r"\b(before|after)\b", lambda match: opposite[match[1]], asked, count=1)
        yield Case("order", source.text, asked, true, true, false_question=wrong)
    else:
        yield Case("order", source.text, question, true, answer.format(**swapped))


def swap_time(source: Source, rng: random.Random, split: Split) -> Iterator[Case]:
    """An event of the first half told at the end, one of the second half at the start; and another second."""
    if len(source.events) < 2:
        return
    duration = max(end for _, end, _ in source.events)
    start, end, said = rng.choice(source.events)
    clause = make_clause(said)
    early, late = pick(_EARLY_OR_LATE, split, rng)
    if end < 0.45 * duration:
        yield Case("time", source.text, "When?", early.format(clause), late.format(clause))
    elif start > 0.55 * duration:
        yield Case("time", source.text, "When?", late.format(clause), early.format(clause))
    if end - start < duration / 3 and duration > 20:
        frame = pick(_SECONDS, split, rng)
        other = start - duration / 3 if start > duration / 2 else end + duration / 3
        times = (round((start + end) / 2), round(other))
        told = [frame.format(second, clause, capitalise(clause)) for second in times]
        yield Case("time", source.text, "When?", told[0], told[1])


def make_clause(sentence: str) -> str:
    """An event's sentence as a clause: its first dozen words, without its end."""
    words = sentence.strip().rstrip(".").split()
    text = " ".join(words[:_CLAUSE_WORDS])
    return text[:1].lower() + text[1:]
