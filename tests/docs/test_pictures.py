"""The picture in `docs/statistics.md` is what the service draws of the table beneath it."""

import re

from app.pipeline.charts.page import draw_chart
from tests.pipeline.chart_figures import make_figures
from tests.support.processes import PROJECT

PAGE = (PROJECT / "docs" / "statistics.md").read_text()
PICTURE = PROJECT / "docs" / "pictures" / "published_datasets.svg"


def draw_published() -> str:
    """The published list of datasets as the chart `table`."""
    lines = PAGE.partition("| dataset | images | instructions | abbreviation |")[2].split("\n\n")[0]
    rows = [re.split(r"\s*\|\s*", line)[1:5] for line in lines.splitlines()[2:]]
    table = [
        {
            "dataset": name,
            "abbreviation": abbreviation,
            "images": int(images.replace(",", "")),
            "instructions": int(instructions.replace(",", "")),
            "unique_instructions": None,
        }
        for name, images, instructions, abbreviation in rows
    ]
    return draw_chart({**make_figures(), "table": table}, "table")


def test_the_picture_of_the_published_datasets_is_what_the_service_draws() -> None:
    assert draw_published() == PICTURE.read_text()
