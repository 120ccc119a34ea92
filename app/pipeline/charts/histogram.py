"""A distribution as upright bars, with its median and a scale."""

from collections.abc import Mapping
from typing import Any

from app.pipeline.charts.canvas import (
    FAINT,
    HEADING,
    INK,
    MARGIN,
    PAPER,
    QUIET,
    STRONG,
    Picture,
    draw_box,
    draw_empty,
    draw_line,
    draw_text,
)
from app.pipeline.charts.texts import measure_text, show_number, show_share, show_short

WIDTH, HEIGHT = 760.0, 360.0

_LEFT, _RIGHT, _TOP, _BOTTOM = MARGIN + 44, WIDTH - MARGIN, HEADING + 22, HEIGHT - 56
_WIDEST_BAR = 64.0
_TICKS = 4
_FEW_BARS = 8
_LABEL = 12.0


def draw_histogram(found: Mapping[str, Any] | None, title: str, unit: str, missing: str) -> Picture:
    """How many of the `n` things have so many of a unit ("words"); a note where nothing is known (`missing`)."""
    if found is None:
        return draw_empty(title, missing, WIDTH)
    bins = found["bins"]
    parts = [f"mean {show_number(round(found['mean'], 1))}", f"median {show_number(found['median'])}"]
    parts += [f"95 % have up to {show_number(found['p95'])} {unit}", f"at most {show_number(found['max'])}"]
    picture = Picture(WIDTH, HEIGHT, title, ", ".join(parts), f"{title}: {', '.join(parts)}.")
    bar_px = min((_RIGHT - _LEFT) / len(bins), _WIDEST_BAR)
    highest, step = _choose_scale(max(part["n"] for part in bins))
    for tick in range(0, highest + 1, step):
        y = _BOTTOM - (_BOTTOM - _TOP) * tick / highest
        picture.add(
            draw_line(_LEFT, y, _RIGHT, y),
            draw_text(_LEFT - 8, y + 4, show_short(tick), _LABEL, anchor="end", color=QUIET),
        )
    left = (_LEFT + _RIGHT - bar_px * len(bins)) / 2
    for place, part in enumerate(bins):
        height = (_BOTTOM - _TOP) * part["n"] / highest
        note = f"{_name(part)} {unit}: {show_number(part['n'])} ({show_share(part['n'], found['n'])})"
        fill = STRONG if part["to"] is not None else FAINT
        picture.add(draw_box(left + place * bar_px + 1, _BOTTOM - height, bar_px - 2, height, fill, note=note))
    picture.add(draw_line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, QUIET))
    picture.add(*_draw_names(bins, left, bar_px))
    picture.add(draw_text((_LEFT + _RIGHT) / 2, HEIGHT - 14, unit, 13, anchor="middle", color=QUIET))
    picture.add(*_draw_median(found, left, bar_px))
    return picture


def _draw_names(bins: list[Mapping[str, Any]], left: float, bar_px: float) -> list[str]:
    """As many names below the bars as fit side by side; where every number has a bar, below its middle."""
    room = max(measure_text(_name(part), _LABEL) for part in bins) + 12
    every = next(every for every in (1, 2, 5, 10, 20, 50) if every * bar_px >= room or every == 50)
    drawn = []
    for place, part in enumerate(bins):
        is_open = part["to"] is None
        if is_open or (place % every == 0 and not _crowds_the_last(bins, place, bar_px, room)):
            x = left + (place + 0.5) * bar_px
            name = _name(part)
            drawn.append(draw_text(x, _BOTTOM + 18, name, _LABEL, anchor="middle", color=QUIET))
    return drawn


def _crowds_the_last(bins: list[Mapping[str, Any]], place: int, bar_px: float, room: float) -> bool:
    return bins[-1]["to"] is None and (len(bins) - 1 - place) * bar_px < room


def _draw_median(found: Mapping[str, Any], left: float, bar_px: float) -> list[str]:
    """A dashed line at the median, where there are bars enough that it could not be told from them."""
    bins, median = found["bins"], found["median"]
    if len(bins) < _FEW_BARS:
        return []
    width = bins[0]["to"] - bins[0]["from"] + 1
    place = min((median + 0.5 - bins[0]["from"]) / width, len(bins) - 0.5)
    x = left + place * bar_px
    text = f"median {show_number(median)}"
    room = measure_text(text, _LABEL) + 8
    start = x + 6 if x + room + 6 < _RIGHT else x - room - 2
    return [
        draw_line(x, _TOP - 12, x, _BOTTOM, INK, dashes="4 3"),
        draw_box(start - 3, _TOP - 20, room, 17, PAPER),
        draw_text(start, _TOP - 7, text, _LABEL),
    ]


def _choose_scale(highest: int) -> tuple[int, int]:
    """The top of the scale and the step of its lines: about four steps of 1, 2 or 5 times a power of ten."""
    scale = 1
    while True:
        for unit in (1, 2, 5):
            step = unit * scale
            if step * _TICKS >= highest:
                return -(-highest // step) * step, step
        scale *= 10


def _name(part: Mapping[str, Any]) -> str:
    low, high = part["from"], part["to"]
    if high is None:
        return f"{show_number(low)}+"
    if low == high:
        return show_number(low)
    return f"{show_number(low)}–{show_number(high)}"
