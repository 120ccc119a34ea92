"""Root verbs in an inner ring, the nouns that go with each in an outer one; what is too thin to be read is left out.

Angles compare the verbs that are drawn, and the nouns of one verb. How much of all texts the drawn verbs stand for is
the gauge around the middle, so that the tail is seen without taking the room of what can be read.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.pipeline.charts.canvas import (
    HUES,
    MARGIN,
    NEUTRAL,
    PAPER,
    QUIET,
    STRONG,
    Picture,
    draw_empty,
    draw_note,
    draw_text,
    list_words,
    number,
)
from app.pipeline.charts.texts import fit_text, show_number, show_share

WIDTH, HEIGHT = 760.0, 818.0
HOLE, MIDDLE, RIM = 92.0, 212.0, 350.0
"""Radii in pixels: the hole, the verbs around it, the nouns around them."""

VERB_SIZE, NOUN_SIZE = 14.0, 12.5

_CENTRE_X, _CENTRE_Y = WIDTH / 2, HEIGHT - RIM - MARGIN
_GAUGE = (76.0, 83.0)
_LINE = 1.22  # a label needs so much of its size across
_FLAT_FROM = math.radians(50)  # a slice at least so wide has its label level
_PADDING = 9.0


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a ring, between two angles in radians, clockwise from the top."""

    label: str
    n: int
    start: float
    end: float
    hue: int
    note: str

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def draw_sunburst(roots: Mapping[str, Any] | None, what: str, missing: str) -> Picture:
    """Verbs and nouns of `what` ("instructions", "responses"); a note where nothing was parsed (`missing` says why)."""
    title = f"Verbs and nouns of {what}"
    if roots is None or not roots["with_verb"]:
        return draw_empty(title, missing, WIDTH)
    drawn = _choose_verbs(roots["verbs"])
    total, shown = roots["with_verb"], sum(verb["n"] for verb in drawn)
    sampled = f", estimated from {show_number(roots['parsed'])} of them" if roots["sampled"] else ""
    subtitle = f"root verb and noun of the first sentence; these verbs stand for {show_share(shown, total)}{sampled}"
    most = list_words([f"{verb['verb']} ({show_share(verb['n'], total)})" for verb in drawn[:3]])
    picture = Picture(WIDTH, HEIGHT, title, subtitle, f"The most frequent root verbs of {what}: {most}.")
    verbs = list(_cut_verbs(drawn, total))
    nouns = [noun for part, verb in zip(verbs, drawn, strict=True) for noun in _cut_nouns(part, verb)]
    picture.add(*(_draw_slice(verb, HOLE, MIDDLE) for verb in verbs))
    picture.add(*(_draw_slice(noun, MIDDLE, RIM) for noun in nouns))
    for verb in verbs:
        picture.add(*_draw_label(verb, HOLE, MIDDLE, VERB_SIZE, 600, is_centred=True))
    for noun in nouns:
        picture.add(*_draw_label(noun, MIDDLE, RIM, NOUN_SIZE, 400, is_centred=False))
    picture.add(*_draw_middle(shown, total, what))
    return picture


def _choose_verbs(verbs: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """As many of the most frequent verbs as leave each of them room for its name."""
    least = VERB_SIZE * _LINE / ((HOLE + MIDDLE) / 2)
    return verbs[: _count_readable([verb["n"] for verb in verbs], math.tau, least)]


def _count_readable(counts: Sequence[int], angle: float, least: float) -> int:
    """How many of the counts, the greatest first, can share an angle so that each has at least `least` of it."""
    for kept in range(len(counts), 0, -1):
        if angle * counts[kept - 1] / sum(counts[:kept]) >= least:
            return kept
    return 0


def _cut_verbs(verbs: Sequence[Mapping[str, Any]], total: int) -> Iterator[Slice]:
    start, shown = 0.0, sum(verb["n"] for verb in verbs)
    for place, verb in enumerate(verbs):
        end = start + math.tau * verb["n"] / shown
        note = f"{verb['verb']}: {show_number(verb['n'])} ({show_share(verb['n'], total)})"
        is_beside_the_first = place > 0 and place == len(verbs) - 1 and place % len(HUES) == 0
        hue = len(HUES) // 2 if is_beside_the_first else place % len(HUES)
        yield Slice(verb["verb"], verb["n"], start, end, hue, note)
        start = end


def _cut_nouns(verb: Slice, found: Mapping[str, Any]) -> Iterator[Slice]:
    """As many of the verb's most frequent nouns as leave each of them room for its name."""
    counts = [noun["n"] for noun in found["nouns"]]
    angle, least = verb.end - verb.start, NOUN_SIZE * _LINE / (MIDDLE + _PADDING)
    kept = _count_readable(counts, angle, least)
    start = verb.start
    for noun in found["nouns"][:kept]:
        end = start + angle * noun["n"] / sum(counts[:kept])
        share = show_share(noun["n"], verb.n)
        yield Slice(
            noun["noun"],
            noun["n"],
            start,
            end,
            verb.hue,
            f"{verb.label} + {noun['noun']}: {show_number(noun['n'])} ({share} of {verb.label})",
        )
        start = end


def _draw_middle(shown: int, total: int, what: str) -> list[str]:
    """How many texts there are, and around it how much of them the drawn verbs stand for."""
    note = f"the drawn verbs: {show_number(shown)} of {show_number(total)}"
    end = math.tau * shown / total
    return [
        _draw_ring(*_GAUGE, end, math.tau, NEUTRAL, f"other verbs: {show_number(total - shown)}")
        if shown < total
        else "",
        _draw_ring(*_GAUGE, 0.0, end, STRONG, note),
        draw_text(_CENTRE_X, _CENTRE_Y + 2, show_number(total), 22, anchor="middle", weight=600),
        draw_text(_CENTRE_X, _CENTRE_Y + 22, what, 13, anchor="middle", color=QUIET),
    ]


def _draw_slice(part: Slice, inner: float, outer: float) -> str:
    return _draw_ring(inner, outer, part.start, part.end, HUES[part.hue][int(inner == MIDDLE)], part.note)


def _draw_ring(inner: float, outer: float, start: float, end: float, fill: str, note: str) -> str:
    """A part of a ring between two angles, or all of it."""
    if end - start >= math.tau - 1e-9:
        circle = (
            f'<circle cx="{number(_CENTRE_X)}" cy="{number(_CENTRE_Y)}" r="{number((inner + outer) / 2)}" fill="none"'
        )
        return f'{circle} stroke="{fill}" stroke-width="{number(outer - inner)}">{draw_note(note)}</circle>'
    is_large = int(end - start > math.pi)
    points = [_place(outer, start), _place(outer, end), _place(inner, end), _place(inner, start)]
    first, second, third, fourth = (f"{number(x)} {number(y)}" for x, y in points)
    path = (
        f"M{first}A{number(outer)} {number(outer)} 0 {is_large} 1 {second}"
        f"L{third}A{number(inner)} {number(inner)} 0 {is_large} 0 {fourth}Z"
    )
    return f'<path d="{path}" fill="{fill}" stroke="{PAPER}" stroke-width="1.5">{draw_note(note)}</path>'


def _draw_label(
    part: Slice, inner: float, outer: float, size: float, weight: int, *, is_centred: bool
) -> Iterator[str]:
    """Along the radius, read from the left; level in the middle of a slice that is wide enough."""
    text = fit_text(part.label, size * (1.06 if weight > 400 else 1), outer - inner - 2 * _PADDING)
    if not text:
        return
    middle = part.middle % math.tau
    if part.end - part.start >= _FLAT_FROM:
        x, y = _place((inner + outer) / 2, middle)
        yield draw_text(x, y + size * 0.35, text, size, anchor="middle", weight=weight)
        return
    is_right = middle <= math.pi
    radius = (inner + outer) / 2 if is_centred else inner + _PADDING
    # A baseline lies below the middle of its letters; across the radius that is along the angle.
    shift = (size * 0.34 / radius) * (1 if is_right else -1)
    x, y = _place(radius, middle + shift)
    turn = math.degrees(middle) + (-90 if is_right else 90)
    anchor = "middle" if is_centred else "start" if is_right else "end"
    yield draw_text(x, y, text, size, anchor=anchor, weight=weight, turn=turn)


def _place(radius: float, angle: float) -> tuple[float, float]:
    return _CENTRE_X + radius * math.sin(angle), _CENTRE_Y - radius * math.cos(angle)
