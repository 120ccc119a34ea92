"""The demo's three datasets and its three jobs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.demo.client import Body, Client

SAMPLE = Path(__file__).resolve().parent / "sample"
LANGUAGES = ("zh",)

_DEMO_MODEL = "smollm2-135m"
# A model this small repeats itself without penalties, and never ends without a bound.
_DEMO_PARAMETERS = {
    "temperature": 0.2,
    "max_tokens": 120,
    "frequency_penalty": 0.7,
    "presence_penalty": 0.2,
    "seed": 7,
}
_UNFINISHED = ("validating", "queued", "in_progress", "finalizing", "paused")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the sample, and whether its pairs are translated."""

    kind: str
    file: str
    is_translated: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A part after it was uploaded and ordered."""

    part: Part
    dataset: Body
    job: Body


PARTS = (
    Part("llava.Conversation", "conversation.jsonl"),
    Part("change.SpotTheDifference", "spot_the_difference.json"),
    Part("video.DenseCaptions", "dense_captions.json", is_translated=True),
)


async def find_model(client: Client) -> str:
    """The model that jobs use by default."""
    models = (await client.get("models"))["data"]
    return str(next(model["name"] for model in models if model["is_default"]))


def is_demo_model(model: str) -> bool:
    """Whether this is the tiny model that comes along."""
    return model.startswith(_DEMO_MODEL)


async def cancel_leftovers(client: Client) -> None:
    """Cancel what a demo that was killed left in its folder, so that this run has the model to itself."""
    for state in _UNFINISHED:
        for job in await client.list_all("jobs", state=state):
            await client.post(f"jobs/{job['id']}/cancel", {})


async def upload(client: Client, part: Part, run: str) -> Body:
    """Send a file of the sample as it is."""
    name = f"demo-{run}-{part.kind.partition('.')[2]}"
    return await client.upload(SAMPLE / part.file, name, part.kind)


async def order(client: Client, part: Part, dataset: Body, model: str) -> Order:
    """Post the job of a part.

    The tiny model gets a prompt of few words and few tokens to spend; any other gets the kind's own prompt.
    """
    body: dict[str, Any] = {"dataset_id": dataset["id"], "languages": list(LANGUAGES) if part.is_translated else []}
    if is_demo_model(model):
        prompt = json.loads((SAMPLE / "prompts.json").read_text())[part.kind]
        stored = await client.post("prompts", {"name": f"demo-{part.kind}", "kind": part.kind, **prompt})
        body |= {"prompt_id": stored["id"], "parameters": _DEMO_PARAMETERS}
    return Order(part, dataset, await client.post("jobs", body))
