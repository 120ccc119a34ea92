"""Other rules over stored replies, told and then done: `python -m bench.rerun [--items 50000]`.

The service runs as it does for a user: an API process and a worker process, on a PostgreSQL and a Valkey of their own.
A job is made once against the loopback endpoint; then its policy changes, and the endpoint counts what it is asked.
"""

import argparse
import asyncio
import time
from typing import Any

import httpx2

from app.ids import encode_id
from bench.processes import PeakMemory
from bench.scale import FINAL, run_service
from tests.support.endpoint import Endpoint

LOOK_S = 0.2
# About every seventh pair is refused by the first policy; the second flags what the first refused, and mends nothing.
STRICT: dict[str, Any] = {"rules": {"banned_word": "reject"}, "banned_words": ["bicycle", "kite"]}
SOFT: dict[str, Any] = {"rules": {"banned_word": "flag"}, "banned_words": ["bicycle", "kite"]}
# Beside that every question is compared with all others, and what comes again is rejected.
ONCE: dict[str, Any] = {**SOFT, "rules": {**SOFT["rules"], "similar_in_dataset": "reject"}}


async def run(items: int = 50_000) -> dict[str, float]:
    """Seconds of dry runs and reruns, what they changed, what was asked meanwhile, and the memory of API and worker."""
    async with run_service(items) as running:
        with PeakMemory(running.api_pid) as api, PeakMemory(running.worker_pid) as worker:
            found = await _measure(running.client, running.endpoint, encode_id("dataset", running.dataset_id))
        return found | {"api_mb": api.rss_mb, "worker_mb": worker.rss_mb}


async def _measure(client: httpx2.AsyncClient, endpoint: Endpoint, dataset_id: str) -> dict[str, float]:
    order = {"dataset_id": dataset_id, "stages": ["generate", "relate"]}
    job = (await client.post("/v1/jobs", json=order)).raise_for_status().json()
    path = f"/v1/jobs/{job['id']}"
    await _finish(client, path)
    asked = (await endpoint.stats())["requests"]
    found: dict[str, float] = {"replies": float(asked)}
    for name, filters in (("strict", STRICT), ("soft", SOFT), ("same", SOFT), ("once", ONCE)):
        body = {"from": "filter", "filters": filters}
        began = time.perf_counter()
        told = (await client.post(f"{path}/rerun?dry_run=true", json=body)).raise_for_status().json()
        found[f"{name}_dry_s"] = time.perf_counter() - began
        began = time.perf_counter()
        (await client.post(f"{path}/rerun", json=body)).raise_for_status()
        done = await _finish(client, path)
        found[f"{name}_s"] = time.perf_counter() - began
        counts = told["counts"]
        found[f"{name}_changed"] = counts["newly_refused"] + counts["newly_kept"] + counts["newly_flagged"]
        found[f"{name}_as_told"] = float(done["counts"]["pairs"] == counts["pairs_after"])
    found["calls"] = float((await endpoint.stats())["requests"] - asked)
    return found


async def _finish(client: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    while True:
        job: dict[str, Any] = (await client.get(path)).raise_for_status().json()
        if job["state"] in FINAL:
            return job
        await asyncio.sleep(LOOK_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=50_000)
    for name, value in asyncio.run(run(parser.parse_args().items)).items():
        print(f"{name:>20}  {value:,.2f}")


if __name__ == "__main__":
    main()
