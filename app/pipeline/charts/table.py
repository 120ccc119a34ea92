"""Rows and columns: names to the left, numbers to the right, a sum below."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.pipeline.charts.canvas import HEADING, INK, MARGIN, QUIET, SHADE, Picture, draw_box, draw_line, draw_text
from app.pipeline.charts.texts import fit_text

WIDTH = 760.0
MOST_ROWS = 24

_ROW = 30.0
_SIZE = 13.5


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, the share of the width it takes, and whether it holds numbers."""

    heading: str
    share: float
    is_number: bool = False


def draw_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str, subtitle: str, total: Sequence[str] | None
) -> Picture:
    """The rows as texts, in the order given; `total` is the last line, under a rule."""
    height = HEADING + _ROW * (1 + len(rows) + (total is not None)) + MARGIN
    told = "; ".join(", ".join(filter(None, row)) for row in rows[:MOST_ROWS])
    picture = Picture(WIDTH, height, title, subtitle, f"{title}: {told}.")
    headings = [column.heading for column in columns]
    picture.add(*_draw_row(columns, headings, HEADING, color=QUIET, weight=600))
    for place, row in enumerate(rows):
        top = HEADING + _ROW * (place + 1)
        if place % 2 == 0:
            picture.add(draw_box(MARGIN - 8, top, WIDTH - 2 * MARGIN + 16, _ROW, SHADE, radius=4))
        picture.add(*_draw_row(columns, row, top))
    picture.add(draw_line(MARGIN - 8, HEADING + _ROW - 1, WIDTH - MARGIN + 8, HEADING + _ROW - 1, QUIET))
    if total is not None:
        top = HEADING + _ROW * (len(rows) + 1)
        picture.add(draw_line(MARGIN - 8, top, WIDTH - MARGIN + 8, top, QUIET))
        picture.add(*_draw_row(columns, total, top, weight=600))
    return picture


def _draw_row(
    columns: Sequence[Column], texts: Sequence[str], top: float, *, color: str = INK, weight: int = 400
) -> list[str]:
    drawn, left = [], MARGIN
    whole = sum(column.share for column in columns)
    for column, text in zip(columns, texts, strict=True):
        width = (WIDTH - 2 * MARGIN) * column.share / whole
        fitted = fit_text(text, _SIZE * (1.06 if weight > 400 else 1), width - 10)
        x, anchor = (left + width, "end") if column.is_number else (left, "start")
        if fitted:
            drawn.append(draw_text(x, top + 20, fitted, _SIZE, anchor=anchor, color=color, weight=weight))
        left += width
    return drawn
