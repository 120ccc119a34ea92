"""The fault suite in its short form: one job under every fault at once, on servers of its own."""

from pathlib import Path
from random import Random

from tests.faults.arena import open_arena
from tests.faults.plans import SHORT
from tests.faults.rounds import run_round


async def test_a_job_survives_kills_losses_crashes_restarts_and_zombies(tmp_path: Path) -> None:
    seed = Random().randrange(10**6)
    async with open_arena(tmp_path) as arena:
        verdict = await run_round(arena, SHORT, Random(f"{seed} {SHORT.name}"))
    assert verdict.breaches == [], f"seed {seed}: {verdict}"
    assert verdict.injected == sum(SHORT.faults.values())
    assert (verdict.lost, verdict.duplicates) == (0, 0)
    assert verdict.paid_twice <= verdict.bound
