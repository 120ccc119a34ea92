"""`python main.py judge JOB`: a model judges a sample of a job's pairs, and is held against the rule checks.

It is the same resource as over HTTP, in the same database. The same command goes on with the judgement it began, and
prints the report of one that is done as long as its pairs are what they were: another `--seed` draws others.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import orjson

from app.ids import decode_id, encode_id
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.jobs import act_on_job, check_job
from app.services.judgements import (
    DEFAULT_ITEMS,
    MOST_ITEMS,
    JudgementRequest,
    find_same,
    order_judgement,
    read_evidence,
    write_report,
)
from app.services.planning import JobRequest
from app.store.jobs import get_job
from app.store.models import Job
from app.store.run_rows import lock_run
from app.wiring import open_resources
from workers.command_line.arguments import read_calls, read_count, read_money, read_positive
from workers.command_line.ordering import change_limits
from workers.command_line.watching import Watch

COMMAND = "judge"

_POOL_SIZE = 3
_DESCRIPTION = """\
Let a model score a sample of a job's pairs by their ids, hold its scores against the rule checks, and print how far
both agree. The judged job stays as it is; the calls are those of a job of their own."""


def parse_judge(arguments: Sequence[str]) -> argparse.Namespace:
    """The order; ends the process with status 2 and a line on standard error where it makes no sense."""
    parser = argparse.ArgumentParser(prog=f"main.py {COMMAND}", description=_DESCRIPTION, allow_abbrev=False)
    add = parser.add_argument
    add("job", help="the id of a job, such as job_000000000000a")
    add("--model", help="who judges; the configured model by default")
    most = f"how many items are drawn, a call each, at most {MOST_ITEMS}"
    add("--items", type=read_positive, default=DEFAULT_ITEMS, help=most)
    add("--seed", type=read_count, default=0, help="which items are drawn")
    add("--num_threads", metavar="N", type=read_calls, help="most calls in flight at a time (default 16)")
    add("--max_cost_usd", metavar="USD", type=read_money, help="stop before more than this is spent on the calls")
    parsed = parser.parse_args(arguments)
    if parsed.items > MOST_ITEMS:
        parser.error(f"--items: at most {MOST_ITEMS} are judged at once.")
    return parsed


async def judge_job(watch: Watch, order: argparse.Namespace) -> int:
    """Print the report of a sample; 0, or 1 where the judgement did not end or no pair was judged.

    Raises NotFoundError and ConflictError (no pairs).
    """
    request = JudgementRequest(decode_id("job", order.job), order.items, order.seed, limits=_limits_of(watch, order))
    async with open_resources(watch.settings, pool_size=_POOL_SIZE) as resources:
        judging = await _begin(resources, request)
        watch.progress.say(f"The judgement is {encode_id('judgement', judging.id)} of {order.job}.")
        if judging.state not in FINAL_STATES:
            watch.catch_signals()
            try:
                judging, view = await watch.work_job(resources, judging.id)
                watch.progress.show(view, is_last=True)
            finally:
                watch.progress.close()
        async with resources.sessions() as session:
            evidence = await read_evidence(session, await get_job(session, judging.id))
    if evidence is None:
        watch.progress.say(f"It is {judging.state}: {judging.reason}. The same command continues.")
        return 1
    report = await asyncio.to_thread(write_report, evidence)
    sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0 if report["pairs"] > report["unjudged"] else 1


def _limits_of(watch: Watch, order: argparse.Namespace) -> dict[str, Any]:
    limits: dict[str, Any] = {"concurrency": watch.settings.concurrency}
    if order.max_cost_usd is not None:
        limits["max_cost_usd"] = order.max_cost_usd
    return limits


async def _begin(resources: Resources, request: JudgementRequest) -> Job:
    """The judgement that this order began before, in motion under the limits of now; else a new one."""
    async with resources.sessions.begin() as session:
        await lock_run(session, f"{COMMAND} {request.job_id}")
        found = await find_same(session, resources.settings, request)
        if found is None:
            return await order_judgement(session, resources.settings, request)
        job = await get_job(session, found.id, lock=True)
        if job.state not in FINAL_STATES:
            same = JobRequest(job.dataset_id, job.prompt_id, job.model, limits=request.limits)
            await check_job(session, resources.settings, same)
            await change_limits(session, job, request.limits)
            if job.state == "paused":
                await act_on_job(session, job.id, "resume")
        return job
