"""`python -m tests.faults`: all rounds, 2,080 items, a table; ends with 1 where a promise was broken."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import uvloop

from tests.faults.arena import open_arena
from tests.faults.plans import FULL
from tests.faults.rounds import Round, Verdict, run_round

_COLUMNS = ("inject", "count", "items", "lost", "duplicates", "paid twice", "bound", "samples", "verdict")


def main() -> int:
    """The exit status: 0 where every round passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="repeat a run: which fault comes when, and whom it hits")
    parser.add_argument("--only", choices=[plan.name for plan in FULL], action="append", help="run these rounds alone")
    parser.add_argument("--keep", type=Path, default=None, help="a folder for data and logs that is kept")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    plans = [plan for plan in FULL if not options.only or plan.name in options.only]
    _say(f"seed {seed}; repeat with: python -m tests.faults --seed {seed}")
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        return uvloop.run(_run(options.keep, plans, seed))
    with tempfile.TemporaryDirectory(prefix="syphus-faults-") as folder:
        return uvloop.run(_run(Path(folder), plans, seed))


async def _run(home: Path, plans: Sequence[Round], seed: int) -> int:
    verdicts: list[Verdict] = []
    for plan in plans:
        began = asyncio.get_running_loop().time()
        async with open_arena(home / plan.name.replace(" ", "-")) as arena:
            verdict = await run_round(arena, plan, Random(f"{seed} {plan.name}"))
        verdicts.append(verdict)
        took_s = asyncio.get_running_loop().time() - began
        _say(f"{plan.name}: {'; '.join(verdict.notes)} ({took_s:.0f} s)")
        for breach in verdict.breaches:
            _say(f"  BREACH {breach}")
    _say(make_table(verdicts))
    return int(any(verdict.breaches for verdict in verdicts))


def make_table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts, and their sum, in aligned columns."""
    rows = [
        (v.name, v.injected, v.items, v.lost, v.duplicates, v.paid_twice, v.bound, v.samples, _word(v))
        for v in verdicts
    ]
    sums = [sum(row[column] for row in rows) for column in range(1, 8)]  # type: ignore[misc]  # numbers all
    rows.append(("all", *sums, "passed" if not any(v.breaches for v in verdicts) else "FAILED"))  # type: ignore[arg-type]  # seven numbers
    lines = [_COLUMNS, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _word(verdict: Verdict) -> str:
    return "FAILED" if verdict.breaches else "passed"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
