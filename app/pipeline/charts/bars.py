"""Counts by name as level bars, the most first; long tails become one bar."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.pipeline.charts.canvas import (
    FAINT,
    HEADING,
    MARGIN,
    NEUTRAL,
    QUIET,
    STRONG,
    Picture,
    draw_box,
    draw_empty,
    draw_text,
)
from app.pipeline.charts.texts import clean_text, fit_text, measure_text, show_number

WIDTH = 760.0
MOST_BARS = 12

_ROW = 30.0
_WIDEST_NAME = 210.0
_SIZE = 13.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A name and its count; `inner` is the part of it that is drawn strong (None: all), `value` what is written."""

    name: str
    n: int
    value: str = ""
    inner: int | None = None
    is_rest: bool = False


def draw_bars(bars: Sequence[Bar], title: str, subtitle: str, missing: str) -> Picture:
    """Bars in the order given, at most twelve, the last one for all further; a note where there are none."""
    if not bars:
        return draw_empty(title, missing, WIDTH)
    shown = merge_tail(bars)
    height = HEADING + _ROW * len(shown) + MARGIN
    told = ", ".join(f"{clean_text(bar.name)} {bar.value or show_number(bar.n)}" for bar in shown)
    picture = Picture(WIDTH, height, title, subtitle, f"{title}: {told}.")
    names = [fit_text(bar.name, _SIZE, _WIDEST_NAME) for bar in shown]
    values = [bar.value or show_number(bar.n) for bar in shown]
    left = MARGIN + max(measure_text(name, _SIZE) for name in names) + 12
    room = WIDTH - MARGIN - left - max(measure_text(value, _SIZE) for value in values) - 10
    most = max(bar.n for bar in shown) or 1
    for place, (bar, name, value) in enumerate(zip(shown, names, values, strict=True)):
        top = HEADING + place * _ROW
        length = max(room * bar.n / most, 2.0)
        note = f"{clean_text(bar.name)}: {value}"
        picture.add(draw_text(left - 12, top + 19, name, _SIZE, anchor="end"))
        outer = NEUTRAL if bar.is_rest else STRONG if bar.inner is None else FAINT
        picture.add(draw_box(left, top + 5, length, _ROW - 10, outer, radius=3, note=note))
        if bar.inner is not None and bar.n:
            picture.add(draw_box(left, top + 5, length * bar.inner / bar.n, _ROW - 10, STRONG, radius=3, note=note))
        picture.add(draw_text(left + length + 8, top + 19, value, _SIZE, color=QUIET))
    return picture


def merge_tail(bars: Sequence[Bar], most: int = MOST_BARS) -> list[Bar]:
    """At most `most` bars: what is beyond becomes one."""
    if len(bars) <= most:
        return list(bars)
    rest = bars[most - 1 :]
    merged = sum(bar.n for bar in rest)
    return [*bars[: most - 1], Bar(f"{len(rest)} others", merged, show_number(merged), is_rest=True)]
