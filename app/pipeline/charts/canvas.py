"""What every chart is drawn with: shapes, colours that dark text can be read on, and the picture around them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.pipeline.charts.texts import clean_text, escape_text, fit_text

INK, QUIET, GRID, PAPER, SHADE = "#1b2430", "#566170", "#e4e8ed", "#ffffff", "#f5f7f9"
STRONG, FAINT = "#2f6f9f", "#cfe0ec"
NEUTRAL = "#e6e9ee"
HUES = (
    ("#8fc7e8", "#d6ebf7"),
    ("#ffb59c", "#ffe2d8"),
    ("#a9dd95", "#ddf3d5"),
    ("#fbd36b", "#fdefc8"),
    ("#cbb5e6", "#eae0f6"),
    ("#8edbd0", "#d5f2ee"),
    ("#f6a9bd", "#fcdde5"),
    ("#b6bffa", "#e2e6fe"),
    ("#e3c18f", "#f5e7d0"),
    ("#c3d977", "#e9f2cd"),
)
"""Neighbours differ; the first of each is for what is strong, the second for what belongs to it."""

FONT = "'Inter','Helvetica Neue',Arial,'Noto Sans','Liberation Sans','DejaVu Sans',sans-serif"
STYLE = ":root{max-width:100%;height:auto}"
"""A window that is narrower than the picture shows it smaller, and nothing is wider for it."""

MARGIN = 28.0
HEADING = 78.0
"""Room for title and subtitle, in pixels from the top."""


@dataclass(slots=True)
class Picture:
    """A chart under way: its size in pixels, what it shows in words, and its elements."""

    width: float
    height: float
    title: str
    subtitle: str
    description: str
    elements: list[str] = field(default_factory=list)

    def add(self, *elements: str) -> None:
        """Draw over what is there."""
        self.elements.extend(elements)


def render(picture: Picture) -> str:
    """A document of its own, with title and description for who cannot see it."""
    size = f'width="{number(picture.width)}" height="{number(picture.height)}"'
    box = f'viewBox="0 0 {number(picture.width)} {number(picture.height)}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" aria-labelledby="title description" '
            f'font-family="{FONT}" fill="{INK}">',
            f'<title id="title">{escape_text(picture.title)}</title>',
            f'<desc id="description">{escape_text(picture.description)}</desc>',
            f"<style>{STYLE}</style>",
            draw_box(0, 0, picture.width, picture.height, PAPER),
            *_draw_heading(picture),
            *picture.elements,
            "</svg>\n",
        ]
    )


def embed(picture: Picture, left: float, top: float) -> list[str]:
    """The picture as a part of a larger one."""
    return [
        f'<g transform="translate({number(left)} {number(top)})" role="img" '
        f'aria-label="{escape_text(picture.title)}. {escape_text(picture.description)}">',
        *_draw_heading(picture),
        *picture.elements,
        "</g>",
    ]


def draw_text(
    x: float,
    y: float,
    text: str,
    size: float = 13,
    *,
    anchor: str = "start",
    color: str = INK,
    weight: int = 400,
    turn: float | None = None,
) -> str:
    """A line of text whose baseline ends or begins at a point, or is centred on it; `turn` in degrees about it."""
    rotated = "" if turn is None else f' transform="rotate({number(turn)} {number(x)} {number(y)})"'
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    bold = "" if weight == 400 else f' font-weight="{weight}"'
    colored = "" if color == INK else f' fill="{color}"'
    place = f'x="{number(x)}" y="{number(y)}" font-size="{number(size)}"'
    return f"<text {place}{anchored}{bold}{colored}{rotated}>{escape_text(text)}</text>"


def draw_box(
    x: float, y: float, width: float, height: float, fill: str, *, radius: float = 0, note: str | None = None
) -> str:
    """A filled rectangle; `note` is what it says when it is pointed at."""
    rounded = f' rx="{number(radius)}"' if radius else ""
    shape = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"{rounded} fill="{fill}"'
    return f"<rect {shape}/>" if note is None else f"<rect {shape}>{draw_note(note)}</rect>"


def draw_line(x1: float, y1: float, x2: float, y2: float, color: str = GRID, *, dashes: str | None = None) -> str:
    """A thin line."""
    dashed = "" if dashes is None else f' stroke-dasharray="{dashes}"'
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line {ends} stroke="{color}" stroke-width="1"{dashed}/>'


def draw_note(text: str) -> str:
    """What an element says when it is pointed at or read aloud."""
    return f"<title>{escape_text(text)}</title>"


def draw_empty(title: str, why: str, width: float = 760, height: float = 200) -> Picture:
    """A picture of nothing, which says why."""
    picture = Picture(width, height, title, "", why)
    picture.add(
        draw_box(MARGIN, HEADING - 12, width - 2 * MARGIN, height - HEADING - MARGIN + 12, SHADE, radius=8),
        draw_text(width / 2, (height + HEADING - 12 - MARGIN) / 2 + 5, why, 14, anchor="middle", color=QUIET),
    )
    return picture


def number(value: float) -> str:
    """A coordinate: at most two decimals, no `-0`, the same on every machine."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def list_words(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    cleaned = [clean_text(word) for word in words]
    return " and ".join([", ".join(cleaned[:-1]), cleaned[-1]] if len(cleaned) > 1 else cleaned)


def _draw_heading(picture: Picture) -> list[str]:
    room = picture.width - 2 * MARGIN
    return [
        draw_text(MARGIN, 38, fit_text(picture.title, 19, room), 19, weight=600),
        draw_text(MARGIN, 60, fit_text(picture.subtitle, 13, room), 13, color=QUIET),
    ]
