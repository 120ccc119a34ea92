"""The only functions that see arq's context: a typed id in, nothing out.

They return at once: what they set off runs in the engine, so neither arq's timeouts nor the loss of Redis reach it.
"""

import logging
from typing import Any

from arq.worker import Function, func

from app.queue import TASK_COUNT, TASK_EXPORT, TASK_SHARD
from workers.engine import ShardEngine

ENGINE = "engine"

log = logging.getLogger("syphus.shell")


async def work_shard(context: dict[str, Any], shard_id: int) -> None:
    """Somebody says that a shard is due."""
    engine: ShardEngine = context[ENGINE]
    if _is_id(shard_id):
        engine.ring(shard_id)


async def work_export(context: dict[str, Any], export_id: int) -> None:
    """Somebody says that an export is due."""
    engine: ShardEngine = context[ENGINE]
    if _is_id(export_id):
        engine.ring_export(export_id)


async def work_count(context: dict[str, Any], run_id: int) -> None:
    """Somebody says that figures are due to be counted."""
    engine: ShardEngine = context[ENGINE]
    if _is_id(run_id):
        engine.ring_count(run_id)


def list_functions() -> list[Function]:
    """What the pool can be rung for, by task name."""
    heard = {TASK_SHARD: work_shard, TASK_EXPORT: work_export, TASK_COUNT: work_count}
    return [func(work, name=name) for name, work in heard.items()]  # type: ignore[arg-type]  # arq types its context loosely


def _is_id(value: object) -> bool:
    """A message is only a hint: one that holds no id is dropped."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        return True
    log.warning("message_without_id")
    return False
