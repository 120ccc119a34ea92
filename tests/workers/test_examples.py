"""Examples chosen per item, by a working engine: what is sent is what can be told again from the job's row."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.pipeline.example_template import build_example_template
from app.pipeline.formats import PAIRS
from app.pipeline.prompting import add_canary
from app.pipeline.quotas import say_count
from app.pipeline.selecting import make_selector, read_selection
from app.pipeline.values import Pair, Prompt, Turn
from app.services.prompts import NewPrompt, store_prompt
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working

THINGS = ("car", "tree", "lamp", "bench", "person", "street", "window", "roof", "cloud", "river")


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


def make_prompt(examples: int) -> Prompt:
    """A prompt with so many examples, each of its own length."""
    turns: list[Turn] = []
    for number in range(examples):
        said = " ".join([f"a {THINGS[number % len(THINGS)]} of kind {'x' * number}"] * (1 + number % 7))
        turns += [Turn("user", said), Turn("assistant", (Pair(f"What of {said}?", f"There is {said}."),))]
    return Prompt("Ask about the picture.", tuple(turns))


@pytest.mark.parametrize(
    "policies",
    [
        {"examples": {"mode": "coverage", "k": 3, "max_tokens": 900}},
        {"examples": {"mode": "random", "k": 2}},
        {"examples": {"mode": "nearest", "k": 4}, "pairs_per_item": 3},
        {"examples": {"mode": "fixed", "k": 1}},
        {"examples": {"mode": "fixed", "k": 0}},
        {},
    ],
)
async def test_every_request_holds_the_examples_that_belong_to_its_item(
    sessions: Sessions, settings: Settings, policies: dict[str, Any]
) -> None:
    dataset_id = await add_dataset(sessions, 40)
    prompt = make_prompt(200)
    async with sessions.begin() as session:
        row, _ = await store_prompt(session, NewPrompt("many", prompt))
    job_id = await order(sessions, settings, dataset_id, prompt_id=row.id, policies=policies)
    async with working(settings, "worker-a"), working(settings, "worker-b"):
        await finish(sessions, job_id)
    job = await state_of(sessions, job_id)
    wanted = policies.get("pairs_per_item")
    template = build_example_template(
        add_canary(prompt, job.seed),
        job.model,
        job.parameters,
        "json_schema",
        make_selector(prompt, read_selection(job.policies.get("examples"))),
        PAIRS.asking_for(wanted or 0),
        counts_pairs=wanted is not None,
    )
    async with sessions() as session:
        annotations = (await session.execute(text("SELECT sentences FROM item"))).scalars().all()
    note = "" if wanted is None else say_count(wanted)
    sizes = [len(template.body(sentences, note)) // 4 for sentences in annotations]
    counts = await counts_of(sessions, job_id)
    assert (counts["items.done"], counts["usage.calls"]) == (40, 40)
    assert counts["usage.prompt_tokens"] == sum(sizes)
