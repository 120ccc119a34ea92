"""Cold starts as text for a terminal."""

import re
import shutil
import sys
from collections.abc import Sequence
from textwrap import fill
from typing import Any

_SCORES = ("overall", "parses", "pairs", "length", "diversity", "relevance", "grounding", "rules", "leaks")


_MARK = re.compile(r"\s*(?:\| |[QA]: |- |\[.\] |[a-z]+: )?")


def find_width() -> int | None:
    """The columns of the terminal; None where a pipe or a file takes the text, which keeps its lines whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fold(text: str, width: int | None = None) -> str:
    """The text in lines that a terminal can show; what is broken goes on below where its words began."""
    width = width or find_width()
    if width is None:
        return text
    return "\n".join(line if len(line) <= width else _fold_line(line, width) for line in text.split("\n"))


def _fold_line(line: str, width: int) -> str:
    mark = _MARK.match(line)
    indent = " " * (mark.end() if mark else 0)
    return fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def tell_cold_starts(entries: Sequence[dict[str, Any]]) -> str:
    """Cold starts as the API lists them, a line each."""
    if not entries:
        return "No cold start yet."
    rows = [
        [each["id"], each["state"], f"{each['created_at']:%Y-%m-%d %H:%M}", f"{each['counts']['items']} items"]
        for each in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=True)), each["name"]])
        for row, each in zip(rows, entries, strict=True)
    )


def tell_candidate(view: dict[str, Any]) -> str:
    """A candidate as the API shows it: what was noted, what the model wrote, how that scores."""
    marks = [view["status"]] + (["held out"] if view["held_out"] else [])
    by = f" by {view['decided_by']}" if view["decided_by"] else ""
    lines = [
        f"{view['id']} · round {view['round']} · item {view['position']} ({view['source_id']}) · "
        f"cluster {view['cluster']} · {', '.join(marks)}{by}",
        *(f"  | {line}" for line in view["sentences"].splitlines()),
    ]
    for pair in view["pairs"]:
        lines += [f"  Q: {pair['instruction']}", f"  A: {pair['response']}"]
    for refused in view["refused"]:
        lines.append(f"  refused: {refused['reason']} ({refused['detail']})")
    for claim in view["contradicted"]:
        lines.append(f"  contradicted in pair {claim['pair'] + 1}: {claim['claim']!r}, but {claim['fact']!r}")
    if view["state"] == "pending":
        lines.append("  no reply yet")
    elif view["detail"]:
        lines.append(f"  {view['detail']}")
    if view["scores"]:
        lines.append(f"  scores: {_tell_scores(view['scores'])}")
    if view["verdict"]:
        lines.append(f"  judge: {view['verdict']['verdict']}, {view['verdict']['score']}: {view['verdict']['reason']}")
    if view["note"]:
        lines.append(f"  note: {view['note']}")
    return "\n".join(lines) + "\n"


def tell_rounds(rounds: Sequence[dict[str, Any]], width: int | None = None) -> str:
    """Rounds side by side: a column each; where they are wider than `width`, the newest stand below the others."""
    if not rounds:
        return "No round yet."
    rows: list[list[str]] = [
        ["round", *(str(each["number"]) for each in rounds)],
        ["state", *(each["state"] for each in rounds)],
        ["examples shown", *(str(each["examples"]) for each in rounds)],
        ["items done", *(f"{each['items']['done']}/{each['items']['total']}" for each in rounds)],
        ["pairs", *(str(each["yield"]["pairs"]) for each in rounds)],
        ["yield", *(_tell_number(each["yield"]["accepted_share"]) for each in rounds)],
        *([name, *(_tell_number(each["scores"][name]) for each in rounds)] for name in _SCORES),
        ["held out", *(_tell_number(each["held_out"]["score"]) for each in rounds)],
        ["improvement", *(_tell_number(each["improvement"]) for each in rounds)],
        ["accepted", *(str(each["decisions"]["accepted"] + each["decisions"]["edited"]) for each in rounds)],
        ["rejected", *(str(each["decisions"]["rejected"]) for each in rounds)],
        ["cost", *("?" if each["cost_usd"] is None else f"${each['cost_usd']:.4f}" for each in rounds)],
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    tables = []
    for columns in _part_columns(widths, width):
        lines = []
        for row in rows:
            cells = [row[0].ljust(widths[0]), *(row[column].rjust(widths[column]) for column in columns)]
            lines.append("  ".join(cells))
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _part_columns(widths: Sequence[int], most: int | None) -> list[list[int]]:
    """The columns of each table, so that none is wider than `most` beside the names of the rows."""
    parts: list[list[int]] = [[]]
    taken = widths[0]
    for column in range(1, len(widths)):
        taken += 2 + widths[column]
        if most is not None and taken > most and parts[-1]:
            parts.append([])
            taken = widths[0] + 2 + widths[column]
        parts[-1].append(column)
    return parts


def tell_conditions(view: dict[str, Any]) -> str:
    """What the stop rule asks for, and what of it is met."""
    lines = [f"[{'x' if each['met'] else ' '}] {each['message']}" for each in view["conditions"]]
    if view["prompt_id"]:
        lines.append(f"Frozen as {view['prompt_id']}.")
    return "\n".join(lines)


def _tell_scores(scores: dict[str, float | None]) -> str:
    return " · ".join(f"{name} {score:.2f}" for name in _SCORES if (score := scores[name]) is not None)


def _tell_number(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"
