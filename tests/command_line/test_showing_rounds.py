"""What `main.py cold-start` prints: lines that a terminal of 80 columns can show."""

from datetime import UTC, datetime
from typing import Any

from workers.command_line.cold_start.showing import fold, tell_cold_starts, tell_rounds

SCORES = ("overall", "parses", "pairs", "length", "diversity", "relevance", "grounding", "rules", "leaks")


def make_round(number: int) -> dict[str, Any]:
    return {
        "number": number,
        "state": "completed",
        "examples": 4,
        "items": {"done": 40, "total": 40},
        "yield": {"pairs": 120, "accepted_share": 1.0},
        "scores": dict.fromkeys(SCORES, 0.9),
        "held_out": {"score": 0.9},
        "improvement": 0.01,
        "decisions": {"accepted": 1, "edited": 2, "rejected": 3},
        "cost_usd": 0.01,
    }


def test_many_rounds_stand_in_tables_below_one_another() -> None:
    rounds = [make_round(number) for number in range(1, 21)]
    whole = tell_rounds(rounds).split("\n")
    assert max(map(len, whole)) > 80
    assert whole[0].split() == ["round", *map(str, range(1, 21))]
    narrow = tell_rounds(rounds, 80).split("\n")
    assert max(map(len, narrow)) <= 80
    heads = [line.split()[1:] for line in narrow if line.startswith("round")]
    assert [number for head in heads for number in head] == [str(number) for number in range(1, 21)]
    assert len(heads) == 4
    assert tell_rounds(rounds[:2], 80) == tell_rounds(rounds[:2])


def test_a_long_line_goes_on_below_where_its_words_began() -> None:
    line = "  A: " + "The bicycle stands by the old wall. " * 5
    folded = fold(f"short\n{line.strip()}\n{line}", 60).split("\n")
    assert all(len(each) <= 60 for each in folded)
    assert folded[0] == "short"
    assert folded[1].startswith("A: The bicycle")
    assert folded[2].startswith("   ")
    assert folded[-1].startswith("     ")
    assert " ".join(" ".join(folded).split()) == " ".join(f"short {line} {line}".split())
    assert fold(line) == line  # a test has no terminal


def test_cold_starts_are_listed_a_line_each() -> None:
    entry = {
        "id": "cs_0000000000001",
        "name": "yard",
        "state": "open",
        "counts": {"items": 40},
        "created_at": datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    }
    assert tell_cold_starts([]) == "No cold start yet."
    lines = tell_cold_starts([entry, {**entry, "state": "frozen"}]).splitlines()
    assert lines[0] == "cs_0000000000001  open    2026-11-23 08:00  40 items  yard"
    assert len(lines[1]) == len(lines[0])
