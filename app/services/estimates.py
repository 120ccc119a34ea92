"""What a job is likely to take, before it is ordered.

The heuristic: four bytes of UTF-8 make a token. A generate call sends the serialised prompt and one annotation;
its reply is as long as earlier replies for the same prompt and model, else as long as the prompt's own examples,
else 350 tokens. A translate call sends a fixed frame and one pair and answers it once per language, a third longer; to
read translations back is as many calls again.
Pictures, where they are shown, take their token budget, chosen examples at most theirs. Under a target only as many
items are asked as its pairs need. Where wrong pairs are to be written again, p50 has a call for the share of items that
had one in the newest such job with the same prompt and model, else for a default share, and p95 one for each item; p95
has every further call that may be made for missing pairs, p50 none. p50 multiplies the calls by typical sizes, p95 by
pessimistic ones (95th percentiles; twice the typical reply where nothing was measured, twice the budget of the
pictures), so p95 is a ceiling to plan with rather than a quantile of the sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import decode_id
from app.pipeline.costing import Price, cost_micros
from app.pipeline.formats import ReplyGrammar, read_content
from app.pipeline.prompting import build_prefix, max_tokens_of
from app.pipeline.quotas import expect_pairs
from app.pipeline.seeing import TOKENS_MARGIN, read_vision
from app.pipeline.selecting import list_examples, make_selector, read_selection
from app.pipeline.translation_policy import read_translation_policy
from app.pipeline.values import Prompt, Usage
from app.services.extra_calls import foresee_extra_calls
from app.services.fleet import count_fleet
from app.services.jobs import check_job
from app.services.kinds import grammar_of, kind_of
from app.services.planning import JobRequest
from app.services.prompts import to_prompt
from app.settings import Settings
from app.store import models
from app.store.prompts import get_prompt

BYTES_PER_TOKEN = 4
DEFAULT_REPLY_TOKENS = 350
TRANSLATE_FRAME_TOKENS = 1_200
TRANSLATION_GROWTH = 1.33
REPAIR_FRAME_TOKENS = 150
CLAIM_TOKENS = 60
SAMPLE_ITEMS = 10_000
SAMPLE_CALLS = 1_000
FIRST_TOKEN_S = 0.5
TOKENS_PER_S = 60.0

_ITEM_BYTES = text(
    """
    SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY size), 0),
        coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY size), 0)
    FROM (
        SELECT octet_length(sentences) AS size FROM item
        WHERE dataset_id = :dataset_id AND position >= :start AND position < :start + :sample
    ) AS sampled
    """
)
_REPLY_TOKENS = text(
    """
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY completion_tokens),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY completion_tokens)
    FROM (
        SELECT c.completion_tokens
        FROM (SELECT id FROM job WHERE model = :model AND prompt_id = :prompt_id ORDER BY id DESC LIMIT 1) AS j
        JOIN call c ON c.job_id = j.id
        WHERE c.stage = 'generate' AND c.state IN ('ok', 'recovered') AND c.completion_tokens > 0
        ORDER BY c.id DESC LIMIT :sample
    ) AS sampled
    """
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls of one kind, and the tokens of one of them."""

    calls: int
    prompt: float
    reply: float


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens of a call about an item, in a typical or a pessimistic case; so many `wrong` pairs are mended at once."""

    prompt: float
    reply: float
    wrong: int


async def estimate_job(session: AsyncSession, settings: Settings, request: JobRequest) -> dict[str, Any]:
    """Calls, tokens, cost and duration of a job; refuses what `submit_job` refuses."""
    checked = await check_job(session, settings, request)
    row = await get_prompt(session, decode_id("prompt", checked["prompt_id"]))
    prompt, model, languages = to_prompt(row), checked["model"], checked["languages"]
    grammar = await _find_grammar(session, request)
    per_item = request.policies.get("pairs_per_item")
    prefix_tokens = _size_prompt(prompt, model, request, grammar)
    item_tokens = await _measure_items(session, request)
    replies, basis = await _measure_replies(session, model, row.id, prompt, per_item)
    cap = max_tokens_of(request.parameters)
    pairs = expect_pairs(prompt, per_item)
    items = _count_items(checked["items"], pairs, request.policies.get("target_pairs"))
    extra = await foresee_extra_calls(session, request, model, row.id, items)
    calls = {"generate": items, "translate": _count_translations(request, items * pairs, languages)}
    sizes = _size_calls(request, prefix_tokens, item_tokens, [min(reply, cap) for reply in replies], pairs)
    cases = [
        [*_batch_calls(size, calls, pairs, len(languages)), *_batch_extra(size, *more, pairs, grammar)]
        for size, more in zip(sizes, zip(extra.repairs, extra.further, strict=True), strict=True)
    ]
    _, slots = await count_fleet(session)
    in_flight = int(request.limits.get("concurrency") or max(slots, settings.concurrency))
    return {
        "object": "job.estimate",
        "items": checked["items"],
        "model": model,
        "languages": languages,
        "calls": {**calls, "total": sum(calls.values())},
        "extra_calls": {"repair": _both(extra.repairs), "missing_pairs": _both(extra.further)},
        **sum_up(cases, checked["price"], in_flight),
        "basis": {
            "reply_tokens_from": basis,
            "prompt_tokens_per_call": round(prefix_tokens[0]),
            "item_tokens_median": round(item_tokens[0]),
            "reply_tokens_median": round(min(replies[0], cap)),
            "pairs_per_item": pairs,
            **extra.describe(),
            "calls_in_flight": in_flight,
        },
    }


def sum_up(cases: Sequence[Sequence[Batch]], price: Mapping[str, Any] | None, in_flight: int) -> dict[str, Any]:
    """Totals of the typical and the pessimistic case, as `{"p50": …, "p95": …}` each."""
    totals = [_sum_case(case) for case in cases]
    rate = None if price is None else Price(price["prompt"], price["cached"], price["completion"])
    costs = [None if rate is None else cost_micros(usage, rate) / 1e6 for usage in totals]
    durations = [_last(case, in_flight) for case in cases]
    return {
        "tokens": {
            "prompt": _both([usage.prompt_tokens for usage in totals]),
            "completion": _both([usage.completion_tokens for usage in totals]),
        },
        "cost_usd": None if rate is None else _both(costs),
        "duration_seconds": _both(durations),
    }


def _both(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("p50", "p95"), values, strict=True))


def _sum_case(case: Sequence[Batch]) -> Usage:
    return Usage(
        prompt_tokens=ceil(sum(batch.calls * batch.prompt for batch in case)),
        completion_tokens=ceil(sum(batch.calls * batch.reply for batch in case)),
    )


def _last(case: Sequence[Batch], in_flight: int) -> float:
    """Seconds, where calls of one kind go beside each other and wait for those they follow from."""
    work_s = sum(batch.calls * (FIRST_TOKEN_S + batch.reply / TOKENS_PER_S) for batch in case)
    return round(work_s / min(in_flight, max(1, *(batch.calls for batch in case))), 1)


def _size_calls(
    request: JobRequest,
    prefixes: tuple[float, float],
    items: tuple[float, float],
    replies: Sequence[float],
    pairs: int,
) -> list[Size]:
    """The typical and the pessimistic call about an item: one of its pairs is wrong, or all are."""
    vision, _ = read_vision(request.vision)
    shown = (0, 0) if vision is None else (vision.tokens, TOKENS_MARGIN * vision.tokens)
    sizes = zip(prefixes, items, shown, replies, (1, pairs), strict=True)
    return [Size(prefix + item + pictures, reply, wrong) for prefix, item, pictures, reply, wrong in sizes]


def _batch_calls(size: Size, calls: Mapping[str, int], pairs: int, languages: int) -> list[Batch]:
    pair = size.reply / pairs
    translation = Batch(calls["translate"], TRANSLATE_FRAME_TOKENS + pair, pair * TRANSLATION_GROWTH * languages)
    return [Batch(calls["generate"], size.prompt, size.reply), translation]


def _batch_extra(size: Size, repairs: int, further: int, pairs: int, grammar: ReplyGrammar) -> list[Batch]:
    """A repair quotes the wrong pairs with their claims, and brings as many (all, where rounds stand on each other).

    A further call lists what was asked before, and brings a whole reply at most.
    """
    quoted = size.wrong * (size.reply / pairs + CLAIM_TOKENS)
    mended = size.reply if grammar.keeps_order else size.reply * size.wrong / pairs
    return [
        Batch(repairs, size.prompt + REPAIR_FRAME_TOKENS + quoted, mended),
        Batch(further, size.prompt + size.reply, size.reply),
    ]


def _count_translations(request: JobRequest, pairs: int, languages: Sequence[str]) -> int:
    if not languages:
        return 0
    reads_back = read_translation_policy(request.policies.get("translation")).back_translation
    return min(pairs, request.policies.get("target_pairs") or pairs) * (1 + reads_back)


def _size_prompt(prompt: Prompt, model: str, request: JobRequest, grammar: ReplyGrammar) -> tuple[float, float]:
    """Tokens of all but the annotation, in the typical and in the pessimistic case.

    Which examples are chosen depends on the items: typical are those of middling size, pessimistic the largest.
    """
    selection = read_selection(request.policies.get("examples"))
    whole = build_prefix(prompt, model, request.parameters, "json_schema", grammar)
    tokens = (len(whole.prefix) + len(whole.suffix)) / BYTES_PER_TOKEN
    if selection.shows_all:
        return tokens, tokens
    frame = build_prefix(Prompt(prompt.system_message), model, request.parameters, "json_schema", grammar)
    bare = (len(frame.prefix) + len(frame.suffix)) / BYTES_PER_TOKEN
    examples = list_examples(prompt)
    if selection.mode == "fixed":
        shown = make_selector(prompt, selection).choose("")
        cost = float(sum(examples[place].tokens for place in shown))
        return bare + cost, bare + cost
    sizes = sorted((example.tokens for example in examples), reverse=True)
    most = selection.max_tokens or sum(sizes)
    count = min(selection.most, len(sizes))
    typical = count * sum(sizes) / max(1, len(sizes))
    return bare + min(typical, most), bare + min(sum(sizes[:count]), most)


def _count_items(items: int, pairs: int, target: int | None) -> int:
    """How many items are asked: no more than the pairs of a target need."""
    return items if target is None else min(items, ceil(target / pairs))


async def _find_grammar(session: AsyncSession, request: JobRequest) -> ReplyGrammar:
    dataset = await session.get_one(models.Dataset, request.dataset_id)
    return grammar_of(kind_of(dataset.kind))


async def _measure_items(session: AsyncSession, request: JobRequest) -> tuple[float, float]:
    start = request.slice.get("start") or 0
    end = request.slice.get("end")
    sample = SAMPLE_ITEMS if end is None else max(1, min(SAMPLE_ITEMS, end - start))
    values = {"dataset_id": request.dataset_id, "start": start, "sample": sample}
    median, high = (await session.execute(_ITEM_BYTES, values)).one()
    return median / BYTES_PER_TOKEN, high / BYTES_PER_TOKEN


async def _measure_replies(
    session: AsyncSession, model: str, prompt_id: int, prompt: Prompt, pairs_per_item: int | None = None
) -> tuple[tuple[float, float], str]:
    values = {"model": model, "prompt_id": prompt_id, "sample": SAMPLE_CALLS}
    median, high = (await session.execute(_REPLY_TOKENS, values)).one()
    if median is not None:
        return (median, high), "earlier calls"
    sizes = [
        sum(len((pair.instruction + pair.response).encode()) + 40 for pair in read_content(turn.content))
        / BYTES_PER_TOKEN
        for turn in prompt.in_context
        if turn.role == "assistant"
    ]
    typical = sum(sizes) / len(sizes) if any(sizes) else float(DEFAULT_REPLY_TOKENS)
    typical *= (pairs_per_item or 1) / (expect_pairs(prompt) if pairs_per_item else 1)
    return (typical, 2 * typical), "the prompt's examples" if any(sizes) else "a default"
