"""All questions of a job against all others: time, memory, what is found and what is missed.

`python -m bench.alike [--pairs 1000000]`: a worker of its own makes the pass over a job whose pairs are there. Three in
ten ask the same (`What is the man doing?` in five spellings), half are questions as models write them, made of 24
patterns and words of which few are met often, and the rest are long ones: some alone, some with a variant of known
likeness, just above what the order asks for or just below.
"""

import argparse
import asyncio
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from app.embedded import Embedded, start_embedded
from app.pipeline.filtering.shingles import measure_likeness, shingle_text
from app.services.jobs import submit_job
from app.services.planning import JobRequest
from app.settings import load_settings
from app.store import models
from app.store.migrate import migrate
from app.store.session import Sessions, driver_connection, make_engine, make_sessions
from bench.scale import fill_items, run_worker

PAIRS_PER_ITEM, ITEMS_PER_IMAGE = 5, 4
SIMILARITY = 0.8
TIMEOUT_S = 3600.0
LOOK_S, IDLE_S = 0.5, 4.0
ROWS_AT_ONCE = 20_000
RULES = {"similar_in_dataset": "flag", "similar_in_image": "flag"}

SAME = (
    "What is the man doing?", "What's the man doing?", "What is the man doing in the picture?",
    "What is this man doing?", "what is the man doing",
)  # fmt: skip
PATTERNS = (
    "What is the {who} doing?", "What is the {who} wearing?", "What colour is the {what}?",
    "What color is the {who}'s {what}?", "How many {what}s are there?", "How many people are near the {what}?",
    "Where is the {what}?", "What is on the {what}?", "Is the {what} to the left or right of the {other}?",
    "What is the {who} holding in the {side} hand?", "What is behind the {what}?", "Is there a {what} in the picture?",
    "What is the {who} beside the {what} looking at?", "Why might the {who} be standing near the {what}?",
    "What does the {who} do after picking up the {what}?", "What could happen next to the {who} on the {what}?",
    "Describe the {what} in the {part} of the image.", "What is the relation between the {what} and the {other}?",
    "What colour are the {what} and the {other} beside the {who}?", "Which {what} is closer to the {who}?",
    "What time of day does the light on the {what} suggest?", "What kind of place has a {what} next to a {other}?",
    "What is the {side} {who} carrying past the {what}?", "Can you tell what the {who} near the {other} has just done?",
)  # fmt: skip
PEOPLE = ("man", "woman", "boy", "girl", "child", "person", "player", "cook", "driver", "rider", "worker", "guide")
SIDES, PARTS = ("left", "right", "other"), ("middle", "background", "foreground", "corner", "front")
_SYLLABLES = ("ka", "lo", "mi", "re", "tu", "sa", "ne", "bo", "di", "fa", "gu", "pe", "vi", "zo")
_PAIRS = """
    INSERT INTO pair (job_id, item_id, ordinal, language, instruction, response, words)
    SELECT $1, i.id, t.ordinal, 'en', t.instruction, 'It stands at the corner, in plain sight.', 12
    FROM text_made t JOIN item i ON i.dataset_id = $2 AND i.position = t.position ORDER BY i.id, t.ordinal
"""
_FOUND = """
    SELECT p.id, p.item_id, p.instruction, o.item_id, o.instruction, (f.evidence->>'likeness')::float8, i.position,
        p.ordinal, f.code, i.image_set = oi.image_set, (o.item_id, o.ordinal) < (p.item_id, p.ordinal)
    FROM pair_finding f JOIN pair p ON p.id = f.pair_id JOIN item i ON i.id = p.item_id
    JOIN pair o ON o.id = (f.evidence->>'pair')::bigint JOIN item oi ON oi.id = o.item_id WHERE f.job_id = $1
"""


class Questions:
    """Instructions by place, the same ones in every run of a size."""

    def __init__(self, pairs: int) -> None:
        self._random = random.Random(7)
        self._pairs = pairs
        self._things = [self._make_word(4) for _ in range(1_500)]
        self._words = [self._make_word(5) for _ in range(60_000)]
        self._variants: dict[int, str] = {}
        self.alike: set[int] = set()  # places of variants that are to be found, and of those that are too different
        self.unlike: set[int] = set()

    def make(self) -> Iterator[str]:
        """One instruction after the other; variants come at random places behind what they are variants of."""
        for place in range(self._pairs):
            drawn = self._random.random()
            if place in self._variants:
                yield self._variants.pop(place)
            elif drawn < 0.3:
                yield self._random.choice(SAME)
            elif drawn < 0.8:
                yield self._fill(self._random.choice(PATTERNS))
            else:
                words = [self._random.choice(self._words) for _ in range(self._random.randint(9, 12))]
                if drawn < 0.9:
                    self._plant(place, words)
                yield f"Why does the {' '.join(words)}?"

    def _plant(self, place: int, words: list[str]) -> None:
        """A variant with words behind the others: two shingles more for each."""
        later = self._random.randrange(place + PAIRS_PER_ITEM, self._pairs + PAIRS_PER_ITEM)
        if later >= self._pairs or later in self._variants:
            return
        longer = words + [self._random.choice(self._words) for _ in range(self._random.randint(1, 3))]
        texts = (f"Why does the {' '.join(words)}?", f"Why does the {' '.join(longer)}?")
        likeness = measure_likeness(shingle_text(texts[0]), shingle_text(texts[1]))
        (self.alike if likeness >= SIMILARITY else self.unlike).add(later)
        self._variants[later] = texts[1]

    def _fill(self, pattern: str) -> str:
        what, other = (self._choose_thing() for _ in range(2))
        draw = self._random.choice
        return pattern.format(who=draw(PEOPLE), what=what, other=other, side=draw(SIDES), part=draw(PARTS))

    def _choose_thing(self) -> str:
        """Few things are met often, most seldom."""
        return self._things[min(len(self._things) - 1, int(self._random.paretovariate(0.7)) - 1)]

    def _make_word(self, syllables: int) -> str:
        return "".join(self._random.choice(_SYLLABLES) for _ in range(syllables))


async def run(pairs: int = 1_000_000) -> dict[str, float]:
    """Seconds, megabytes, and shares of what was planted."""
    with (
        tempfile.TemporaryDirectory(prefix="syphus-alike-") as home,
        start_embedded(Path(home) / "parts", database=True, redis=True, model=False) as parts,
    ):
        await asyncio.to_thread(migrate, str(parts.database_url))
        engine = make_engine(str(parts.database_url))
        try:
            sessions = make_sessions(engine)
            questions = Questions(pairs)
            job_id = await _prepare(sessions, str(parts.database_url), questions, pairs)
            async with run_worker(parts, "http://127.0.0.1:1", Path(home)) as worker:
                found = await _watch(sessions, parts, psutil.Process(worker.pid), job_id)
            return found | await _check(sessions, job_id, questions)
        finally:
            await engine.dispose()


async def _prepare(sessions: Sessions, database_url: str, questions: Questions, pairs: int) -> int:
    """A job whose pairs are all there, and whose shards are not yet done."""
    dataset_id = await fill_items(sessions, -(-pairs // PAIRS_PER_ITEM))
    settings = load_settings(database_url=database_url)
    async with sessions.begin() as session:
        request = JobRequest(dataset_id, stages=["generate"], policies={"filters": {"rules": RULES}})
        job = await submit_job(session, settings, request)
        await session.execute(text("UPDATE shard SET not_before = now() + interval '1 day'"))
        await session.execute(text("UPDATE item SET image_set = position / :n"), {"n": ITEMS_PER_IMAGE})
        connection = await driver_connection(session)
        await connection.execute(
            "CREATE TEMPORARY TABLE text_made (position int, ordinal smallint, instruction text) ON COMMIT DROP"
        )
        rows = ((*divmod(place, PAIRS_PER_ITEM), said) for place, said in enumerate(questions.make()))
        await connection.copy_records_to_table("text_made", records=rows, timeout=TIMEOUT_S)
        await connection.execute(_PAIRS, job.id, dataset_id, timeout=TIMEOUT_S)
    async with sessions() as session:
        for table in ("item", "pair"):
            await (await driver_connection(session)).execute(f"ANALYZE {table}", timeout=TIMEOUT_S)
    return job.id


async def _watch(sessions: Sessions, parts: Embedded, worker: psutil.Process, job_id: int) -> dict[str, float]:
    """From the moment the last shard is done to the end of the job."""
    await asyncio.sleep(IDLE_S)
    idle_mb = worker.memory_info().rss / 1e6
    async with sessions.begin() as session:
        await session.execute(text("UPDATE shard SET state = 'done', not_before = NULL"))
    began = time.perf_counter()
    with _Watch(worker, parts.home) as watch:
        compared_s = await _await_row(
            sessions, "SELECT EXISTS (SELECT 1 FROM pair_finding WHERE job_id = :job)", job_id, began
        )
        whole_s = await _await_row(
            sessions, "SELECT state IN ('completed', 'failed') FROM job WHERE id = :job", job_id, began
        )
    async with sessions() as session:
        job = await session.get_one(models.Job, job_id)
    if job.state != "completed":
        raise RuntimeError(f"the job is {job.state}: {job.reason}")
    return {
        "compared_s": compared_s,
        "whole_s": whole_s,
        "worker_idle_mb": idle_mb,
        "worker_mb": watch.worker_mb,
        "worker_cpu_s": watch.worker_cpu_s,
        "temporary_mb": watch.temporary_mb,
    }


async def _await_row(sessions: Sessions, query: str, job_id: int, began: float) -> float:
    while True:
        async with sessions() as session:
            if (await session.execute(text(query), {"job": job_id})).scalar_one():
                return time.perf_counter() - began
        await asyncio.sleep(LOOK_S)


class _Watch:
    """A context manager that watches a worker and the temporary files of its database: the most that each held."""

    def __init__(self, worker: psutil.Process, home: Path) -> None:
        self.worker_mb = self.worker_cpu_s = self.temporary_mb = 0.0
        self._worker = worker
        self._base = next(home.rglob("postmaster.pid")).parent / "base"
        self._began_s = sum(worker.cpu_times()[:2])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S / 5):
            self.worker_mb = max(self.worker_mb, self._worker.memory_info().rss / 1e6)
            self.worker_cpu_s = sum(self._worker.cpu_times()[:2]) - self._began_s
            self.temporary_mb = max(self.temporary_mb, self._measure_files() / 1e6)

    def _measure_files(self) -> int:
        """Bytes of temporary tables (`t3_16500`) and of what sorting spills."""
        total = 0
        for path in (*self._base.glob("*/t[0-9]*_[0-9]*"), *self._base.glob("pgsql_tmp/**/*")):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total


async def _check(sessions: Sessions, job_id: int, questions: Questions) -> dict[str, float]:
    """Every finding against its texts, and what was planted against the findings."""
    counts: Counter[str] = Counter()
    places: set[int] = set()
    async with sessions.begin() as session:
        await session.execute(text("SET LOCAL work_mem = '64MB'"))  # the driver is in no transaction before
        connection = await driver_connection(session)
        cursor = await connection.cursor(_FOUND, job_id, timeout=TIMEOUT_S)
        while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=TIMEOUT_S):
            for row in rows:
                counts["found"] += 1
                counts["false"] += not _is_right(row)
                places.add(row[6] * PAIRS_PER_ITEM + row[7])
    return {
        "findings": float(counts["found"]),
        "false": float(counts["false"]),
        "planted": float(len(questions.alike)),
        "recall": len(questions.alike & places) / max(1, len(questions.alike)),
        "unlike": float(len(questions.unlike)),
        "unlike_found": float(len(questions.unlike & places)),
        "marked": float(len(places)),
    }


def _is_right(row: Any) -> bool:
    """Whether a finding names an earlier question of another item, as like as it says and as like as was asked for."""
    _, item_id, said, other_item, other, likeness, _, _, code, shares_image, is_later = row
    true = measure_likeness(shingle_text(said), shingle_text(other))
    is_like = true >= SIMILARITY and abs(true - likeness) < 0.001
    return is_like and is_later and item_id != other_item and (shares_image or code != "similar_in_image")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    for name, value in asyncio.run(run(parser.parse_args().pairs)).items():
        print(f"{name:>20}  {value:,.3f}")


if __name__ == "__main__":
    main()
