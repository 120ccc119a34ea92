"""Charts as values: whole XML, the same bytes, hostile texts harmless, dark enough to read, no label over another."""

import math
import re
from datetime import UTC, datetime
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from app.pipeline.charts import bars, canvas
from app.pipeline.charts.canvas import STYLE
from app.pipeline.charts.page import CHARTS, draw_chart
from app.pipeline.charts.sunburst import draw_sunburst
from app.pipeline.charts.texts import clean_text, fit_text, measure_text, show_number, show_short
from app.pipeline.statistics.distributions import describe_distribution
from tests.pipeline.chart_figures import make_figures, make_roots

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('x')</script> & \"]]> \x00\ud800 \u202eevil\n" + "W" * 300


def read(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.encode())


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_is_whole_xml_with_a_title_and_a_description(chart: str) -> None:
    root = read(draw_chart(make_figures(), chart))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    named = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert set(named) == {"title", "description"} == set(str(root.get("aria-labelledby")).split())
    assert all(named.values())


@pytest.mark.parametrize("chart", CHARTS)
def test_the_same_figures_give_the_same_bytes(chart: str) -> None:
    assert draw_chart(make_figures(), chart) == draw_chart(make_figures(), chart)


@pytest.mark.parametrize("chart", CHARTS)
def test_hostile_texts_are_only_texts(chart: str) -> None:
    svg = draw_chart(make_figures(text=HOSTILE), chart)
    elements = list(read(svg).iter())
    names = {element.tag.removeprefix(SVG) for element in elements}
    assert names <= {"svg", "title", "desc", "g", "rect", "text", "line", "path", "circle", "style"}
    assert [element.text for element in elements if element.tag == f"{SVG}style"] == [STYLE]
    assert "<script" not in svg
    assert not re.search(r"\u202e|\x00|href|style=|on\w+=", svg)


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("state", ["none", "current"])
def test_a_scope_without_figures_is_drawn_and_says_so(chart: str, state: str) -> None:
    figures = make_figures() | {
        "state": state,
        "as_of": None,
        "table": [],
        "languages": [],
        "roots": None,
        "images_per_pair": None,
        "related_pairs_per_pair": None,
        "rejections": {"pairs": {"by_reason": {}}, "translations": {"by_reason": {}}},
    }
    read(draw_chart(figures, chart))
    if chart == "instruction-roots":
        assert ("Not counted yet" in draw_chart(figures, chart)) == (state == "none")


@pytest.mark.parametrize("chart", CHARTS)
def test_nothing_is_drawn_outside_the_picture(chart: str) -> None:
    root = read(draw_chart(make_figures(text="w" * 120), chart))
    width = float(root.get("width") or 0)
    room = width if chart != "overview" else width / 2 + 760
    for element in root.iter(f"{SVG}text"):
        left, right = span(element)
        assert left >= -0.5, element.text
        assert right <= room + 0.5, element.text


def span(element: ElementTree.Element) -> tuple[float, float]:
    """How far a text reaches to either side; one that is turned stands for itself."""
    x, size, text = float(element.get("x") or 0), float(element.get("font-size") or 0), element.text or ""
    width = 0.0 if element.get("transform") else measure_text(text, size)
    shift = {"start": 0.0, "middle": width / 2, "end": width}[element.get("text-anchor") or "start"]
    return x - shift, x - shift + width


def test_texts_can_be_read_on_everything_they_are_drawn_on() -> None:
    grounds = {canvas.PAPER, canvas.SHADE, *(color for hue in canvas.HUES for color in hue)}
    assert min(contrast(canvas.INK, ground) for ground in grounds) >= 7
    assert min(contrast(canvas.QUIET, ground) for ground in (canvas.PAPER, canvas.SHADE)) >= 4.5
    assert contrast(canvas.STRONG, canvas.PAPER) >= 3
    used = {element.get("fill") for element in read(draw_chart(make_figures(), "overview")).iter(f"{SVG}text")}
    assert used <= {None, canvas.QUIET}


def contrast(first: str, second: str) -> float:
    """The ratio of WCAG 2: 1 for the same colour, 21 for black on white."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


COUNTS = st.lists(st.integers(1, 5000), min_size=1, max_size=20)


@limits(max_examples=30)
@given(
    COUNTS,
    st.lists(st.integers(1, 100), max_size=4),
    st.sampled_from(["go", "characterisation", "说明说明说明说明说明说明说明"]),
)
def test_no_label_of_a_sunburst_lies_over_another(verbs: list[int], nouns: list[int], word: str) -> None:
    roots = make_roots(sorted(verbs, reverse=True), sorted(nouns, reverse=True), word)
    root = read(canvas.render(draw_sunburst(roots, "instructions", "")))
    boxes = [box_of(element) for element in root.iter(f"{SVG}text")][2:]
    for first, second in combinations(boxes, 2):
        assert are_apart(first, second), (first, second)


@pytest.mark.parametrize("verbs", [[1000], [900, 50, 50], [100] * 20, list(range(4000, 0, -200))])
def test_every_slice_of_a_sunburst_has_its_label(verbs: list[int]) -> None:
    root = read(canvas.render(draw_sunburst(make_roots(verbs, [5, 3, 2, 1], "word"), "responses", "")))
    slices = len(list(root.iter(f"{SVG}path"))) + len(list(root.iter(f"{SVG}circle")))
    labels = len(list(root.iter(f"{SVG}text"))) - 4  # title, subtitle and the two lines in the middle
    assert labels >= 2
    assert slices - labels in {1, 2}  # the gauge, in one part or two


Box = list[tuple[float, float]]


def box_of(element: ElementTree.Element) -> Box:
    """The corners of a line of text, four fifths of its size high, as its transformation turns it."""
    left, right = span(element) if not element.get("transform") else unturned(element)
    y, size = float(element.get("y") or 0), float(element.get("font-size") or 0)
    corners = [(left, y), (right, y), (right, y - 0.8 * size), (left, y - 0.8 * size)]
    turned = re.fullmatch(r"rotate\((\S+) (\S+) (\S+)\)", element.get("transform") or "")
    if not turned:
        return corners
    angle, x0, y0 = math.radians(float(turned[1])), float(turned[2]), float(turned[3])
    sine, cosine = math.sin(angle), math.cos(angle)
    return [(x0 + (x - x0) * cosine - (y - y0) * sine, y0 + (x - x0) * sine + (y - y0) * cosine) for x, y in corners]


def unturned(element: ElementTree.Element) -> tuple[float, float]:
    plain = ElementTree.Element("text", {key: value for key, value in element.items() if key != "transform"})
    plain.text = element.text
    return span(plain)


def are_apart(first: Box, second: Box) -> bool:
    """Two convex shapes are apart where an edge of one has all of the other beyond it (a pixel may touch)."""
    for shape in (first, second):
        for (x1, y1), (x2, y2) in zip(shape, [*shape[1:], shape[0]], strict=True):
            length = math.hypot(x2 - x1, y2 - y1) or 1
            across = ((y1 - y2) / length, (x2 - x1) / length)
            ones, others = ([x * across[0] + y * across[1] for x, y in box] for box in (first, second))
            if max(ones) <= min(others) + 1 or max(others) <= min(ones) + 1:
                return True
    return False


def test_a_long_tail_of_bars_becomes_one_bar() -> None:
    merged = bars.merge_tail([bars.Bar(f"reason{n}", 100 - n) for n in range(40)])
    assert len(merged) == bars.MOST_BARS
    assert (merged[-1].name, merged[-1].n) == ("29 others", sum(100 - n for n in range(11, 40)))


@given(st.text(max_size=60), st.floats(20, 200))
def test_a_text_that_is_cut_fits(text: str, width: float) -> None:
    fitted = fit_text(text, 13, width)
    assert measure_text(fitted, 13) <= width
    assert fitted in {"", clean_text(text)} or fitted.endswith("…")
    assert clean_text(fitted) == fitted


def test_numbers_are_shown_as_people_read_them() -> None:
    assert [show_number(n) for n in (0, 1234567, 12.34)] == ["0", "1,234,567", "12.3"]
    assert [show_short(n) for n in (0, 900, 1500, 20000, 3_000_000)] == ["0", "900", "1.5k", "20k", "3M"]


def test_a_histogram_draws_every_bin_with_its_share() -> None:
    lengths = describe_distribution({value: 100 - value for value in range(1, 90)})
    assert lengths is not None
    figures: dict[str, Any] = make_figures()
    figures["languages"][0]["instruction"] = lengths
    figures["as_of"] = datetime(2026, 11, 23, tzinfo=UTC)
    notes = [note.text or "" for note in read(draw_chart(figures, "instruction-words")).iter(f"{SVG}title")][1:]
    assert len(notes) == len(lengths["bins"])
    assert sum(int(note.split(": ")[1].split(" ")[0].replace(",", "")) for note in notes) == lengths["n"]
