"""`python main.py judge JOB`: a model judges a sample of a job's pairs, and is held against the rule checks.

It prints a report as JSON and changes nothing; what it paid stands in the report, not in the job's bill.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import orjson

from app.ids import decode_id, encode_id
from app.llm import make_chat_model
from app.pipeline.agreement import measure_agreement
from app.pipeline.chat import ChatModel, CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.costing import cost_micros, price_of
from app.pipeline.grounding import ground_pairs, is_contradicted
from app.pipeline.grounding.judging import LEAST_GROUNDED, build_judging_template, pose_pairs, read_scores
from app.pipeline.values import Pair, Usage
from app.settings import Settings
from app.store.jobs import get_job
from app.store.judged_rows import JudgedItem, sample_items
from app.wiring import open_resources
from workers.command_line.arguments import read_count, read_positive

COMMAND = "judge"

_AT_ONCE = 8
_DESCRIPTION = """\
Let a model score a sample of a job's pairs by their ids, hold its scores against the rule checks, and print how far
both agree. Nothing is changed; the calls stand in the report and not in the job's bill."""


@dataclass(slots=True)
class Report:
    """What a judge and the rules say of the same pairs.

    agreement: pairs by (what the rules say, what the judge says), each `holds` or `wrong`
    disputed: the ids of pairs on which they differ; unjudged: pairs without a score
    """

    model: str
    items: int = 0
    pairs: int = 0
    unjudged: int = 0
    scores: Counter[int] = field(default_factory=Counter)
    agreement: Counter[tuple[str, str]] = field(default_factory=Counter)
    disputed: list[str] = field(default_factory=list)
    failed_calls: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)

    def describe(self, prices: str = "") -> dict[str, object]:
        """The report as JSON."""
        price = price_of(self.model, prices)
        measured = measure_agreement(self.agreement)
        return {
            "model": self.model,
            "items": self.items,
            "pairs": self.pairs,
            "unjudged": self.unjudged,
            "scores": {str(score): n for score, n in sorted(self.scores.items())},
            "agreement": {
                "pairs": measured.pairs,
                "observed": measured.observed,
                "expected": measured.expected,
                "kappa": measured.kappa,
                "rules_and_judge": {f"{rules}/{judge}": n for (rules, judge), n in sorted(self.agreement.items())},
            },
            "disputed": sorted(self.disputed),
            "failed_calls": dict(self.failed_calls),
            "usage": asdict(self.usage),
            "cost_usd": None if price is None else cost_micros(self.usage, price) / 1e6,
        }


async def judge_items(chat: ChatModel, model: str, items: Sequence[JudgedItem], timeout_s: float) -> Report:
    """Ask about each item once, some at a time; a call that fails leaves its pairs unjudged."""
    report = Report(model)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def judge(item: JudgedItem) -> None:
        async with gate:
            await _judge_item(chat, item, report, timeout_s)

    await asyncio.gather(*(judge(item) for item in items))
    return report


async def _judge_item(chat: ChatModel, item: JudgedItem, report: Report, timeout_s: float) -> None:
    pairs = {encode_id("pair", number): pair for number, pair in item.pairs}
    scores = await _ask(chat, report, pose_pairs(item.sentences, pairs), pairs, timeout_s)
    rules = dict(zip(pairs, ground_pairs(item.sentences, list(pairs.values())), strict=True))
    report.items += 1
    for name in pairs:
        report.pairs += 1
        score = scores.get(name)
        if score is None:
            report.unjudged += 1
            continue
        said = "wrong" if is_contradicted(rules[name]) else "holds", "wrong" if score < LEAST_GROUNDED else "holds"
        report.scores[score] += 1
        report.agreement[said] += 1
        if said[0] != said[1]:
            report.disputed.append(name)


async def _ask(
    chat: ChatModel, report: Report, shown: str, pairs: Mapping[str, Pair], timeout_s: float
) -> dict[str, int]:
    """The scores of one call; asked once more in plain text where the endpoint takes no schema."""
    for takes_schema in (True, False):
        body = _template(report.model, takes_schema=takes_schema, shown=shown)
        try:
            completion = decode_completion((await chat.complete(body, timeout_s=timeout_s)).raw)
        except CompletionError as error:
            if error.code == "schema_unsupported" and takes_schema:
                continue
            report.failed_calls[error.code] += 1
            return {}
        used, paid = report.usage, completion.usage
        report.usage = Usage(
            used.prompt_tokens + paid.prompt_tokens,
            used.completion_tokens + paid.completion_tokens,
            used.cached_tokens + paid.cached_tokens,
        )
        return read_scores(completion.text, pairs)
    return {}


def _template(model: str, *, takes_schema: bool, shown: str) -> bytes:
    return build_judging_template(model, takes_schema=takes_schema).body_of(orjson.dumps(shown))


def parse_judge(arguments: Sequence[str]) -> argparse.Namespace:
    """The order; ends the process with status 2 and a line on standard error where it makes no sense."""
    parser = argparse.ArgumentParser(prog=f"main.py {COMMAND}", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("job", help="the id of a job, such as job_000000000000a")
    parser.add_argument("--model", help="who judges; the configured model by default")
    parser.add_argument("--items", type=read_positive, default=50, help="how many items are drawn, a call each")
    parser.add_argument("--seed", type=read_count, default=0, help="which items are drawn")
    return parser.parse_args(arguments)


async def judge_job(settings: Settings, order: argparse.Namespace) -> int:
    """Print the report of a sample; 0, or 1 where no pair was judged. Raises NotFoundError."""
    job_id = decode_id("job", order.job)
    async with open_resources(settings) as resources, resources.sessions() as session:
        await get_job(session, job_id)
        sample = await sample_items(session, job_id, order.items, order.seed)
    chat = make_chat_model(
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key,
        model=settings.openai_model,
        api_type=settings.openai_api_type,
        api_version=settings.openai_api_version,
        concurrency=_AT_ONCE,
        connect_timeout_s=settings.connect_timeout_s,
        reply_cap_bytes=settings.reply_cap_bytes,
    )
    try:
        report = await judge_items(chat, settings.openai_model, sample, settings.call_timeout_s)
    finally:
        await chat.aclose()
    sys.stdout.write(orjson.dumps(report.describe(settings.prices), option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0 if report.pairs > report.unjudged else 1
