"""Planning a job: everything an order needs is looked up and checked before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.errors import ConflictError, Fault, InvalidRequestError, NotFoundError, tell_faults
from app.ids import encode_id
from app.pipeline.costing import price_of
from app.pipeline.policies import check_policies
from app.pipeline.prompting import check_parameters
from app.pipeline.quotas import check_against_kind
from app.pipeline.relating import RULES
from app.pipeline.seeing import Vision, read_vision
from app.pipeline.sharding import check_slice, choose_positions
from app.pipeline.translating import check_languages
from app.pipeline.values import Stage
from app.services.filters import check_filters_of_kind
from app.services.kinds import kind_of
from app.services.prompts import ensure_kind_prompt
from app.settings import Settings
from app.store import models
from app.store.images import has_images

_LIMITS = {"max_cost_usd", "deadline_at", "concurrency"}
_METADATA_ENTRIES = 64
_JUST_NOW = timedelta(minutes=1)  # clocks differ; a deadline that has just passed is the job's end, as any other


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a client orders; every field but the dataset has a default.

    positions: exactly these items in place of a slice; for orders that the service itself places
    """

    dataset_id: int
    prompt_id: int | None = None
    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    stages: list[str] | None = None
    mode: str = "online"
    vision: bool | dict[str, Any] | None = None
    slice: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    relation_rule: str | None = None
    policies: dict[str, Any] = field(default_factory=dict)
    positions: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A request that holds: everything looked up, nothing written."""

    dataset: models.Dataset
    prompt: models.Prompt
    model: str
    stages: list[str]
    languages: list[str]
    positions: Sequence[int]
    budget_micros: int | None
    deadline_at: datetime | None
    price: dict[str, Any] | None
    relation_rule: str
    vision: Vision | None


async def plan_job(session: AsyncSession, settings: Settings, request: JobRequest) -> Plan:
    """What the order comes to; raises NotFoundError, ConflictError, or InvalidRequestError with a pointer per fault."""
    dataset = await session.get(models.Dataset, request.dataset_id)
    if dataset is None:
        raise NotFoundError("dataset", encode_id("dataset", request.dataset_id))
    if dataset.state != "ready":
        raise ConflictError(f"The dataset is {dataset.state}; a job needs one that is ready.")
    stages, faults = _choose_stages(request)
    model = request.model or settings.openai_model
    price = price_of(model, settings.prices)
    faults += check_parameters(request.parameters)
    faults += check_languages(request.languages)
    faults += check_limits(request.limits, has_price=price is not None, model=model)
    faults += check_slice(request.slice)
    kind = kind_of(dataset.kind)
    relation_rule = request.relation_rule or kind.relation_rule
    faults += check_relation_rule(request.relation_rule)
    faults += _check_vector_price(settings, relation_rule, request.limits)
    faults += check_policies(request.policies)
    faults += check_against_kind(request.policies.get("pairs_per_item"), kind.most_pairs, kind.name)
    faults += check_filters_of_kind(request.policies.get("filters"), kind)
    faults += _check_rest(request)
    vision, unseen = await plan_vision(session, settings, request.vision, dataset)
    faults += unseen
    positions: Sequence[int] = () if faults else _choose_positions(dataset, request)
    if not faults and not positions:
        message = f"No item is left: the dataset has {dataset.items} items, counted from 0."
        faults.append(Fault("/slice", "empty", message))
    if faults:
        raise InvalidRequestError(tell_faults("order", faults), errors=faults)
    budget = request.limits.get("max_cost_usd")
    deadline = request.limits.get("deadline_at")
    return Plan(
        dataset=dataset,
        prompt=await _find_prompt(session, request.prompt_id, dataset.kind),
        model=model,
        stages=stages,
        languages=[language for language in dict.fromkeys(request.languages) if language != "en"],
        positions=positions,
        budget_micros=None if budget is None else int(budget * 1e6),
        deadline_at=None if deadline is None else _parse_time(deadline),
        price=None if price is None else asdict(price),
        relation_rule=relation_rule,
        vision=vision,
    )


def check_relation_rule(rule: str | None) -> list[Fault]:
    """What is wrong with a rule of relations; None leaves the choice to the kind of the dataset."""
    if rule is None or rule in RULES:
        return []
    return [Fault("/relation_rule", "unknown_rule", f"{rule!r} is no rule; there are {', '.join(RULES)}.")]


def _check_vector_price(settings: Settings, rule: str, limits: Mapping[str, Any]) -> list[Fault]:
    """A budget holds for vectors that are bought, too."""
    models_of = {
        "similar_texts": settings.openai_embedding_model,
        "similar_images": settings.openai_image_embedding_model,
    }
    model = models_of.get(rule)
    if model is None or limits.get("max_cost_usd") is None:
        return []
    if price_of(model, settings.prices) is not None:
        return []
    message = f"No price is known for the model of vectors {model!r}, so no budget can be kept; set SYPHUS_PRICES."
    return [Fault("/limits/max_cost_usd", "unknown_price", message)]


async def plan_vision(
    session: AsyncSession, settings: Settings, order: object, dataset: models.Dataset
) -> tuple[Vision | None, list[Fault]]:
    """How pictures are shown; an order that needs what is not there is refused before anything is paid for."""
    vision, faults = read_vision(order)
    if vision is not None and not await has_images(session, dataset.id):
        message = "The dataset has no picture yet; send them to POST /v1/datasets/{id}/images first."
        faults.append(Fault("/vision", "no_images", message))
    if vision is not None and vision.images == "url" and not (settings.public_url and settings.signing_key):
        message = 'Signed addresses need SYPHUS_PUBLIC_URL and SYPHUS_SIGNING_KEY; or send the bytes: "data".'
        faults.append(Fault("/vision/images", "not_configured", message))
    return vision, faults


async def _find_prompt(session: AsyncSession, prompt_id: int | None, kind: str | None) -> models.Prompt:
    if prompt_id is None:
        return await ensure_kind_prompt(session, kind)
    prompt = await session.get(models.Prompt, prompt_id)
    if prompt is None:
        raise NotFoundError("prompt", encode_id("prompt", prompt_id))
    return prompt


def _choose_positions(dataset: models.Dataset, request: JobRequest) -> Sequence[int]:
    if request.positions is None:
        return choose_positions(dataset.items, request.slice)
    return sorted(position for position in set(request.positions) if position < dataset.items)


def _choose_stages(request: JobRequest) -> tuple[list[str], list[Fault]]:
    """The stages in their order; translate is in them exactly when languages are asked for."""
    known = [stage.value for stage in Stage]
    if request.stages is None:
        return [s for s in known if s != Stage.TRANSLATE or any(code != "en" for code in request.languages)], []
    faults = [
        Fault(f"/stages/{index}", "unknown_stage", f"{stage!r} is no stage; there are {', '.join(known)}.")
        for index, stage in enumerate(request.stages)
        if stage not in known
    ]
    if Stage.GENERATE not in request.stages:
        faults.append(Fault("/stages", "missing_stage", "A job needs the stage 'generate'."))
    if Stage.TRANSLATE in request.stages and not request.languages:
        faults.append(Fault("/languages", "missing", "The stage 'translate' needs at least one language."))
    return [stage for stage in known if stage in request.stages], faults


def check_limits(limits: Mapping[str, Any], *, has_price: bool, model: str) -> list[Fault]:
    """What is wrong with the limits of an order to a model."""
    faults = _check_names(limits, _LIMITS, "/limits")
    budget, concurrency, deadline = (limits.get(name) for name in ("max_cost_usd", "concurrency", "deadline_at"))
    if budget is not None and not (_is_number(budget) and budget > 0):
        faults.append(Fault("/limits/max_cost_usd", "wrong_type", "Give US dollars as a number above 0."))
    elif budget is not None and not has_price:
        message = f"No price is known for the model {model!r}, so no budget can be kept; set SYPHUS_PRICES."
        faults.append(Fault("/limits/max_cost_usd", "unknown_price", message))
    if concurrency is not None and not (_is_integer(concurrency) and concurrency > 0):
        faults.append(Fault("/limits/concurrency", "wrong_type", "Give calls in flight as a whole number above 0."))
    return faults + _check_deadline(deadline)


def _check_deadline(deadline: object) -> list[Fault]:
    if deadline is None:
        return []
    moment = _parse_time(deadline)
    if moment is None:
        return [Fault("/limits/deadline_at", "wrong_type", "Give an RFC 3339 time, e.g. 2030-01-31T12:00:00Z.")]
    if moment < utc_now() - _JUST_NOW:
        message = f"{deadline} lies in the past: no call would be made. Give a later time, or none."
        return [Fault("/limits/deadline_at", "past", message)]
    return []


def _check_rest(request: JobRequest) -> list[Fault]:
    faults = []
    if request.mode != "online":
        faults.append(Fault("/mode", "unknown_mode", f"{request.mode!r} is not offered; use 'online'."))
    if len(request.metadata) > _METADATA_ENTRIES:
        faults.append(Fault("/metadata", "too_many", f"Give at most {_METADATA_ENTRIES} entries."))
    return faults


def _check_names(given: Mapping[str, Any], known: set[str], pointer: str) -> list[Fault]:
    return [
        Fault(f"{pointer}/{name}", "unknown_field", f"There is no {name!r} here; known: {', '.join(sorted(known))}.")
        for name in given
        if name not in known
    ]


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parse_time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
