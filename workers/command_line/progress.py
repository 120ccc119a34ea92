"""Shows how a job goes: a bar that is drawn over itself on a terminal, a line now and then elsewhere."""

import os
import sys
from datetime import datetime
from typing import Any, TextIO

from app.clock import monotonic_s

_BAR_CELLS = 24
_FEWEST_CELLS = 5
_USUAL_COLUMNS = 80
_LINE_EVERY_S = 10.0
_WINDOW_S = 20.0


class Progress:
    """Draws to a stream; `close` leaves a terminal on a fresh line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._drawn = 0
        self._told: int | None = None
        self._told_line = ""
        self._told_at = float("-inf")
        self._seen: list[tuple[float, int]] = []

    def show(self, view: dict[str, Any], outage_since: datetime | None = None, *, is_last: bool = False) -> None:
        """Show a job as the API shows it, and since when its model does not answer; the last word is always told."""
        now = monotonic_s()
        items = view["counts"]["items"]
        ended = items["total"] - items["pending"]
        self._seen = [*((at, n) for at, n in self._seen if now - at < _WINDOW_S), (now, ended)]
        line = describe(view, self._rate(), outage_since, _find_columns(self._stream) if self._is_terminal else None)
        if self._is_terminal:
            self._stream.write(f"\r{line}{' ' * max(0, self._drawn - len(line))}")
            self._stream.flush()
            self._drawn = len(line)
            return
        tenth = 10 * ended // max(1, items["total"])
        is_due = tenth != self._told or now - self._told_at >= _LINE_EVERY_S
        if is_due or (is_last and _without_speed(line) != _without_speed(self._told_line)):
            self._told, self._told_line, self._told_at = tenth, line, now
            self.say(line)

    def say(self, sentence: str) -> None:
        """A line of its own; the bar is drawn again below it."""
        self.close()
        self._stream.write(f"{sentence}\n")
        self._stream.flush()

    def close(self) -> None:
        if self._is_terminal and self._drawn:
            self._stream.write("\n")
            self._stream.flush()
        self._drawn = 0

    def _rate(self) -> float:
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else 0.0


def describe(
    view: dict[str, Any], items_per_s: float, outage_since: datetime | None = None, columns: int | None = None
) -> str:
    """One line: bar, items, pairs, what was refused, speed, tokens, cost and time left.

    columns: what a terminal has; a longer line would break, and could not be drawn over. The bar gives way first
    """
    counts, usage = view["counts"], view["usage"]
    items = counts["items"]
    ended, total = items["total"] - items["pending"], items["total"]
    parts = [f"{ended}/{total} items", f"{counts['pairs']} pairs"]
    failed = items["failed"] + items["poison"]
    translated = sum(counts["translations"].values())
    parts += [f"{translated} translations"] if view["languages"] else []
    parts += [f"{counts['rejected']} refused"] if counts["rejected"] else []
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{items_per_s:.1f} items/s"] if items_per_s else []
    parts.append(f"{_shorten(usage['prompt_tokens'] + usage['completion_tokens'])} tokens")
    parts += [f"${view['cost_usd']:.4f}"] if view["cost_usd"] is not None else []
    parts += [f"{_clock(view['eta_seconds'])} left"] if view["eta_seconds"] else []
    if outage_since is not None:
        parts.append(f"the model has not answered since {outage_since.astimezone():%H:%M:%S}")
    told = " · ".join(parts)
    if columns is None:
        return f"{_draw_bar(_BAR_CELLS, ended, total)} {told}"
    cells = min(_BAR_CELLS, columns - len(told) - 4)  # its ends, a blank, and the cursor
    if cells >= _FEWEST_CELLS:
        return f"{_draw_bar(cells, ended, total)} {told}"
    return told[: columns - 1]


def _draw_bar(cells: int, ended: int, total: int) -> str:
    filled = cells * ended // max(1, total)
    return f"[{'#' * filled}{'.' * (cells - filled)}]"


def _find_columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS


def _without_speed(line: str) -> list[str]:
    return [part for part in line.split(" · ") if not part.endswith(("items/s", "left"))]


def _shorten(number: int) -> str:
    if number < 10_000:
        return str(number)
    return f"{number / 1e3:.0f}k" if number < 10_000_000 else f"{number / 1e6:.1f}M"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
