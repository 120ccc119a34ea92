"""Making a cold start, and changing what a person may change of it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id, utc_now
from app.errors import ConflictError, Fault, InvalidRequestError, NotFoundError, tell_faults
from app.ids import encode_id
from app.pipeline.costing import price_of
from app.pipeline.lifecycle import FINAL_STATES
from app.pipeline.prompting import check_parameters
from app.pipeline.seeing import Vision
from app.pipeline.stop_rule import StopRule, read_stop_rule
from app.services.cold_starts.choosing import FEWEST_ITEMS, Choice, Pool, draw_pool, read_choice
from app.services.kinds import load_kind_prompt
from app.services.planning import check_limits, plan_vision
from app.services.prompts import NAME_PATTERN, REPLY_FORMATS
from app.settings import Settings
from app.store import cold_starts as store
from app.store.datasets import get_dataset
from app.store.jobs import get_job
from app.store.models import ColdStart, Dataset

LONGEST_NAME = 60
MOST_ROUNDS = 20

_AUTOMATIC_DEFAULTS: Mapping[str, Any] = {"judge_model": None, "accept_score": 0.8, "max_rounds": 4}


@dataclass(frozen=True, slots=True)
class ColdStartRequest:
    """What a client asks for; everything but the dataset and the name has a default.

    items: how many in all; held_out of them only measure. item_ids: public ids of items chosen by hand.
    vision: how rounds show pictures, as in an order of a job
    automatic: {judge_model, accept_score, max_rounds} for decisions without a person, None for none
    """

    dataset_id: int
    name: str
    system_message: str | None = None
    reply_format: str = "json"
    items: int | None = None
    held_out: int | None = None
    item_ids: tuple[str, ...] = ()
    seed: int | None = None
    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    vision: bool | dict[str, Any] | None = None
    stop_rule: dict[str, Any] = field(default_factory=dict)
    automatic: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different; None leaves it. `stop_rule` names only what changes of it."""

    name: str | None = None
    system_message: str | None = None
    stop_rule: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that holds, with the items to choose from."""

    request: ColdStartRequest
    system_message: str
    rule: StopRule
    automatic: dict[str, Any] | None
    vision: Vision | None
    choice: Choice
    pool: Pool


async def draft_cold_start(session: AsyncSession, settings: Settings, request: ColdStartRequest) -> Draft:
    """Check a request and read the items to choose from; writes nothing.

    Raises NotFoundError, ConflictError (the dataset is not ready, or too small), InvalidRequestError with a pointer
    per fault.
    """
    dataset = await _find_dataset(session, request.dataset_id)
    if dataset.state != "ready":
        raise ConflictError(f"The dataset is {dataset.state}; a cold start needs one that is ready.")
    if dataset.items < FEWEST_ITEMS:
        raise ConflictError(f"The dataset has {dataset.items} item(s); a cold start needs at least {FEWEST_ITEMS}.")
    rule, faults = read_stop_rule(request.stop_rule)
    seed = secrets.randbits(31) if request.seed is None else request.seed
    named = request.item_ids
    choice, more = read_choice(request.items, request.held_out, rule.examples, seed, named, dataset.items)
    automatic, wrong = read_automatic(request.automatic)
    faults += [*more, *wrong, *_check_name(request.name), *check_parameters(request.parameters)]
    faults += _check_message(request.system_message)
    model = request.model or settings.openai_model
    faults += check_limits(request.limits, has_price=price_of(model, settings.prices) is not None, model=model)
    vision, unseen = await plan_vision(session, settings, request.vision, dataset)
    faults += unseen
    if request.reply_format not in REPLY_FORMATS:
        faults.append(Fault("/reply_format", "unknown_format", "Send json or text."))
    if faults:
        raise InvalidRequestError(tell_faults("cold start", faults), errors=faults)
    message = request.system_message or _find_message(dataset.kind)
    pool = await draw_pool(session, dataset, choice)
    return Draft(request, message, rule, automatic, vision, choice, pool)


async def create_cold_start(session: AsyncSession, draft: Draft, chosen: list[dict[str, Any]]) -> ColdStart:
    """Write a draft with the items that were chosen from its pool; nothing is asked of a model yet."""
    request = draft.request
    row = ColdStart(
        id=new_id(),
        name=request.name,
        dataset_id=request.dataset_id,
        state="open",
        system_message=draft.system_message,
        reply_format=request.reply_format,
        model=request.model,
        parameters=request.parameters,
        limits=request.limits,
        vision=None if draft.vision is None else draft.vision.describe(),
        seed=draft.choice.seed,
        chosen=chosen,
        clusters=len({each["cluster"] for each in chosen if not each["held_out"]}),
        stop_rule=draft.rule.describe(),
        automatic=draft.automatic,
        created_at=utc_now(),
    )
    session.add(row)
    await session.flush()
    return row


async def change_cold_start(session: AsyncSession, row: ColdStart, change: Change) -> None:
    """Change a locked cold start; raises ConflictError where it is frozen, InvalidRequestError."""
    check_open(row)
    rule, faults = read_stop_rule({**row.stop_rule, **(change.stop_rule or {})})
    faults += _check_message(change.system_message)
    if change.name is not None:
        faults += _check_name(change.name)
    if faults:
        raise InvalidRequestError(tell_faults("change", faults), errors=faults)
    row.name = change.name or row.name
    row.system_message = change.system_message or row.system_message
    row.stop_rule = rule.describe()
    row.revision += 1
    await session.flush()


async def delete_cold_start(session: AsyncSession, row: ColdStart) -> None:
    """Remove a locked cold start with its candidates; jobs of its rounds and prompts stay, for they were paid for.

    Raises ConflictError while a round, or its judge, is at work.
    """
    for each in (await store.list_rounds(session, row.id))[-1:]:
        for job_id in (each.job_id, each.judge_job_id):
            if job_id is not None and (await get_job(session, job_id)).state not in FINAL_STATES:
                name = encode_id("job", job_id)
                message = f"Round {each.number} is not done ({name}); wait for it, or cancel it: …/jobs/{name}/cancel."
                raise ConflictError(message, retry_after_s=1)
    await store.delete_cold_start(session, row.id)


def check_open(row: ColdStart) -> None:
    """Raises ConflictError where nothing may change any more."""
    if row.state == "frozen":
        prompt = "" if row.prompt_id is None else f" as {encode_id('prompt', row.prompt_id)}"
        raise ConflictError(f"The cold start is frozen{prompt}; begin another one to go on.")


def read_automatic(given: Mapping[str, Any] | None) -> tuple[dict[str, Any] | None, list[Fault]]:
    """How decisions are made without a person, with defaults, and what is wrong with it."""
    if given is None:
        return None, []
    asked = {**_AUTOMATIC_DEFAULTS, **given}
    faults = [
        Fault(f"/automatic/{name}", "unknown_field", f"Automatic decisions have {', '.join(_AUTOMATIC_DEFAULTS)}.")
        for name in asked
        if name not in _AUTOMATIC_DEFAULTS
    ]
    score, rounds = asked["accept_score"], asked["max_rounds"]
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        faults.append(Fault("/automatic/accept_score", "out_of_range", "Give a number from 0 to 1."))
    if isinstance(rounds, bool) or not isinstance(rounds, int) or not 1 <= rounds <= MOST_ROUNDS:
        message = f"Give a whole number from 1 to {MOST_ROUNDS}."
        faults.append(Fault("/automatic/max_rounds", "out_of_range", message))
    return asked, faults


async def _find_dataset(session: AsyncSession, dataset_id: int) -> Dataset:
    try:
        return await get_dataset(session, dataset_id)
    except NotFoundError as error:
        error.errors = (Fault("/dataset_id", "not_found", f"{error.detail} GET /v1/datasets lists what there is."),)
        raise


def _check_name(name: str) -> list[Fault]:
    if NAME_PATTERN.fullmatch(name) and len(name) <= LONGEST_NAME:
        return []
    message = f"A name is 1 to {LONGEST_NAME} letters, digits, dots, underscores and hyphens; the prompt will bear it."
    return [Fault("/name", "invalid_name", message)]


def _check_message(message: str | None) -> list[Fault]:
    if message is None or message.strip():
        return []
    return [Fault("/system_message", "empty", "Say in words what the model is to write, or leave it out.")]


def _find_message(kind: str | None) -> str:
    """The system message that a kind brings along."""
    try:
        return load_kind_prompt(kind).system_message
    except InvalidRequestError as error:
        if error.code == "unknown_kind":
            raise
        told = f"{kind} brings no prompt that can be used; say in a system message what the model is to write."
        raise InvalidRequestError(told, errors=[Fault("/system_message", "missing", told)]) from error
