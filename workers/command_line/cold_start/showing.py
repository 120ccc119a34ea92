"""Cold starts as text for a terminal."""

from collections.abc import Sequence
from typing import Any

_SCORES = ("overall", "parses", "pairs", "length", "diversity", "relevance", "grounding", "rules", "leaks")


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


def tell_rounds(rounds: Sequence[dict[str, Any]]) -> str:
    """Rounds side by side: a column each."""
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
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


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
