"""Which charts there are, and how a scope's figures become each of them, or all of them on one page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.pipeline.charts import bars, histogram, sunburst, table, tiles
from app.pipeline.charts.canvas import PAPER, Picture, draw_box, embed, render
from app.pipeline.charts.texts import show_number, show_share
from app.pipeline.language_codes import LANGUAGES

Figures = Mapping[str, Any]
"""The body of the statistics of a scope; `as_of` is a datetime or None."""

_NOT_COUNTED = "Not counted yet; look again in a moment."
_NOT_PARSED = "No English text was parsed."
_WIDTH = 2 * bars.WIDTH
_COLUMNS = (
    table.Column("Dataset", 3.2),
    table.Column("Abbreviation", 1.5),
    table.Column("Images", 1.3, is_number=True),
    table.Column("Instructions", 1.5, is_number=True),
    table.Column("Different", 1.3, is_number=True),
)


def draw_chart(figures: Figures, chart: str, language: str = "en") -> str:
    """One of CHARTS as SVG; `language` is that of the charts about words. Raises KeyError for another name."""
    return render(CHARTS[chart](figures, language))


def _draw_overview(figures: Figures, language: str) -> Picture:
    """Every chart on one page, two abreast."""
    header = _draw_yield(figures, language, _WIDTH, 8)
    rows: list[tuple[Picture, ...]] = [
        (_draw_table(figures, language), _draw_languages(figures, language)),
        (_draw_roots(figures, "instruction"), _draw_roots(figures, "response")),
        (_draw_words(figures, language, "instruction"), _draw_words(figures, language, "response")),
        (_draw_images(figures, language), _draw_related(figures, language)),
        (_draw_rejections(figures, language), _draw_refusals(figures, language)),
    ]
    heights = [max(picture.height for picture in row) for row in rows]
    height = header.height + sum(heights)
    told = " ".join(picture.description for row in rows for picture in row)
    page = Picture(_WIDTH, height, header.title, header.subtitle, f"{header.description} {told}")
    page.add(draw_box(0, 0, _WIDTH, height, PAPER), *embed(header, 0, 0))
    top = header.height
    for row, tallest in zip(rows, heights, strict=True):
        for place, picture in enumerate(row):
            page.add(*embed(picture, place * bars.WIDTH, top))
        top += tallest
    return page


def _draw_table(figures: Figures, language: str) -> Picture:
    """The datasets of the scope, as the published lists have them."""
    found = figures["table"]
    shown, rest = found[: table.MOST_ROWS], found[table.MOST_ROWS :]
    rows = [_list_cells(row["dataset"], row["abbreviation"], [row]) for row in shown]
    if rest:
        rows.append(_list_cells(f"{len(rest)} others", "", rest))
    total = _list_cells("all", "", found) if len(found) > 1 else None
    return table.draw_table(_COLUMNS, rows, "Datasets", "images, instructions, and different ones among them", total)


def _list_cells(name: str, abbreviation: str, rows: Sequence[Figures]) -> list[str]:
    uniques = [row["unique_instructions"] for row in rows]
    # Different instructions of two datasets do not add up: the same one may stand in both.
    unique = show_number(uniques[0]) if len(rows) == 1 and uniques[0] is not None else "–"
    sums = [show_number(sum(row[key] for row in rows)) for key in ("images", "instructions")]
    return [name, abbreviation, *sums, unique]


def _draw_yield(figures: Figures, language: str, width: float = tiles.WIDTH, columns: int = 4) -> Picture:
    made, used = figures["yield"], figures["usage"]
    per_pair = used["per_pair"]
    tokens = [per_pair["prompt_tokens"], per_pair["completion_tokens"]]
    cost = per_pair["cost_usd"]
    found = [
        (show_number(made["items"]["total"]), "items"),
        (show_number(made["pairs"]), "accepted pairs"),
        (_show(made["pairs_per_item"], 2), "pairs per item"),
        (_show_percent(made["accepted_share"]), "of pairs accepted"),
        (_show_percent(made["done_share"]), "of items done"),
        (show_number(used["calls"]), "calls"),
        (" + ".join(_show(count, 0) for count in tokens), "tokens per pair"),
        ("–" if cost is None else f"${cost:.6f}".rstrip("0").rstrip("."), "per accepted pair"),
    ]
    return tiles.draw_tiles(found, _name_scope(figures), _tell_moment(figures), width, columns)


def _draw_languages(figures: Figures, language: str) -> Picture:
    drawn = []
    for found in figures["languages"]:
        unique = found["unique_instructions"]
        value = show_number(found["pairs"])
        if unique is not None:
            value += f", {show_number(unique)} different"
        name = LANGUAGES.get(found["language"], found["language"])
        drawn.append(bars.Bar(name, found["pairs"], value, None if unique is None else min(unique, found["pairs"])))
    subtitle = "stored pairs, and in the stronger colour how many different instructions they have"
    return bars.draw_bars(drawn, "Pairs by language", subtitle, "There are no pairs yet.")


def _draw_rejections(figures: Figures, language: str) -> Picture:
    return _draw_reasons(figures["rejections"]["pairs"], "Rejected pairs by reason", "No pair was rejected.")


def _draw_refusals(figures: Figures, language: str) -> Picture:
    missing = "No translation was refused."
    return _draw_reasons(figures["rejections"]["translations"], "Refused translations by reason", missing)


def _draw_reasons(found: Figures, title: str, missing: str) -> Picture:
    reasons = sorted(found["by_reason"].items(), key=lambda entry: (-entry[1], entry[0]))
    total = sum(n for _, n in reasons)
    drawn = [bars.Bar(name, n, f"{show_number(n)} ({show_share(n, total)})") for name, n in reasons]
    return bars.draw_bars(drawn, title, f"{show_number(total)} in all", missing)


def _draw_words(figures: Figures, language: str, side: str) -> Picture:
    found = next((one for one in figures["languages"] if one["language"] == language), None)
    unit = found["unit"] if found else "words"
    name = LANGUAGES.get(language, language)
    lengths = found[side] if found else None
    return histogram.draw_histogram(lengths, f"{unit.capitalize()} per {side}, {name}", unit, _why(figures))


def _draw_images(figures: Figures, language: str) -> Picture:
    return histogram.draw_histogram(figures["images_per_pair"], "Images per pair", "images", _why(figures))


def _draw_related(figures: Figures, language: str) -> Picture:
    found = figures["related_pairs_per_pair"]
    return histogram.draw_histogram(found, "Related pairs per pair", "related pairs", _why(figures))


def _draw_roots(figures: Figures, side: str) -> Picture:
    roots = figures["roots"]
    missing = _why(figures) if roots is None else _NOT_PARSED
    return sunburst.draw_sunburst(roots[side] if roots else None, f"{side}s", missing)


def _why(figures: Figures) -> str:
    return _NOT_COUNTED if figures["state"] == "none" else "There are no pairs to count."


def _name_scope(figures: Figures) -> str:
    name = figures["name"]
    return {"all": "All datasets", "dataset": f"Dataset {name}", "job": f"A job on {name}"}[figures["scope"]]


def _tell_moment(figures: Figures) -> str:
    moment: datetime | None = figures["as_of"]
    told = "not counted yet" if moment is None else f"as of {moment:%Y-%m-%d %H:%M} UTC"
    job = f"{figures['id']}, " if figures["scope"] == "job" else ""
    return f"{job}{told}{', stale' if figures['state'] == 'stale' else ''}"


def _show(value: float | None, digits: int) -> str:
    return "–" if value is None else show_number(round(value, digits), digits)


def _show_percent(share: float | None) -> str:
    return "–" if share is None else show_share(share, 1)


CHARTS: dict[str, Callable[[Figures, str], Picture]] = {
    "overview": _draw_overview,
    "table": _draw_table,
    "yield": _draw_yield,
    "languages": _draw_languages,
    "rejections": _draw_rejections,
    "refused-translations": _draw_refusals,
    "instruction-words": lambda figures, language: _draw_words(figures, language, "instruction"),
    "response-words": lambda figures, language: _draw_words(figures, language, "response"),
    "images-per-pair": _draw_images,
    "related-per-pair": _draw_related,
    "instruction-roots": lambda figures, language: _draw_roots(figures, "instruction"),
    "response-roots": lambda figures, language: _draw_roots(figures, "response"),
}
"""Every chart by name; the first is drawn where none is asked for."""
