"""How a run shows its progress: on a terminal a bar that is drawn over itself, elsewhere lines worth reading."""

from io import StringIO
from typing import Any

import pytest

from app.clock import utc_now
from workers.command_line.progress import Progress, describe


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def make_view(done: int, total: int = 20, **changes: Any) -> dict[str, Any]:
    items = {"total": total, "pending": total - done, "done": done, "failed": 0, "poison": 0, "skipped": 0}
    counts = {"items": items, "pairs": 3 * done, "rejected": 0, "translations": {}}
    usage = {"prompt_tokens": 1000 * done, "completion_tokens": 200 * done}
    view: dict[str, Any] = {"state": "in_progress", "counts": counts, "usage": usage, "languages": [], "cost_usd": None}
    return {**view, "eta_seconds": None, **changes}


def test_a_terminal_has_one_line_that_is_drawn_again() -> None:
    stream = Terminal()
    progress = Progress(stream)
    for done in range(3):
        progress.show(make_view(done))
    progress.close()
    assert stream.getvalue().count("\r") == 3
    assert stream.getvalue().count("\n") == 1


def test_elsewhere_a_line_is_told_for_each_tenth_and_at_the_end_but_none_twice() -> None:
    stream = StringIO()
    progress = Progress(stream)
    for done in range(21):
        progress.show(make_view(done))
        progress.show(make_view(done))
    progress.show(make_view(20, state="completed"), is_last=True)
    assert [line.split("] ")[1].split(" ")[0] for line in stream.getvalue().splitlines()] == [
        f"{done}/20" for done in range(0, 21, 2)
    ]


@pytest.mark.parametrize("columns", [20, 60, 80, 200])
def test_a_line_on_a_terminal_is_never_broken_and_its_bar_gives_way_first(columns: int) -> None:
    view = make_view(10, cost_usd=0.0123, eta_seconds=75.0)
    line = describe(view, 2.5, columns=columns)
    whole = describe(view, 2.5)
    assert len(line) < columns
    assert (line == whole) == (columns == 200)
    assert ("1:15 left" in line) == (columns >= 80)
    assert line.startswith("[") == (columns >= 80)


def test_the_line_tells_speed_cost_time_left_and_an_endpoint_that_is_away() -> None:
    line = describe(make_view(10, cost_usd=0.0123, eta_seconds=75.0), 2.5, utc_now())
    assert line.startswith("[############............] 10/20 items · 30 pairs · 2.5 items/s · 12k tokens · $0.0123")
    assert "1:15 left" in line
    assert "the model has not answered since" in line
