"""Single figures, large, with their names."""

from collections.abc import Sequence

from app.pipeline.charts.canvas import HEADING, MARGIN, QUIET, SHADE, Picture, draw_box, draw_text
from app.pipeline.charts.texts import fit_text

WIDTH = 760.0

_COLUMNS = 4
_GAP, _HEIGHT = 12.0, 74.0


def draw_tiles(
    figures: Sequence[tuple[str, str]], title: str, subtitle: str, width: float = WIDTH, columns: int = _COLUMNS
) -> Picture:
    """Pairs of a figure and what it counts, side by side."""
    rows = -(-len(figures) // columns)
    height = HEADING + rows * (_HEIGHT + _GAP) - _GAP + MARGIN
    told = ", ".join(f"{value} {name}" for value, name in figures)
    picture = Picture(width, height, title, subtitle, f"{title}: {told}.")
    side = (width - 2 * MARGIN - (columns - 1) * _GAP) / columns
    for place, (value, name) in enumerate(figures):
        row, column = divmod(place, columns)
        left, top = MARGIN + column * (side + _GAP), HEADING + row * (_HEIGHT + _GAP)
        picture.add(
            draw_box(left, top, side, _HEIGHT, SHADE, radius=8),
            draw_text(left + 16, top + 34, fit_text(value, 22, side - 28), 21, weight=600),
            draw_text(left + 16, top + 57, fit_text(name, 12.5, side - 28), 12.5, color=QUIET),
        )
    return picture
