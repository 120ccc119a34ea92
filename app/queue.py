"""The doorbell: task names and how to ring them. The only file of app/ that knows arq.

A message carries one id and nothing else. PostgreSQL holds what is due, so losing, doubling or delaying any
message changes nothing but latency: a failed ring is logged and left to the dispatcher.
"""

import logging
from collections.abc import Iterable
from typing import Any

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.asyncio.connection import UnixDomainSocketConnection
from redis.exceptions import RedisError

TASK_SHARD = "work_shard"
TASK_EXPORT = "work_export"
TASK_COUNT = "work_count"
TASK_LIFE_MS = 60_000  # an unread message is worth nothing after a minute: the dispatcher rings again

log = logging.getLogger("syphus.queue")


def serialize(value: Any) -> bytes:
    """JSON instead of arq's pickle."""
    return orjson.dumps(value, default=str)


def deserialize(data: bytes) -> Any:
    return orjson.loads(data)


def redis_settings(redis_url: str) -> RedisSettings:
    """arq's settings with bounded waits, so that a black-holed server cannot hang a process."""
    settings = RedisSettings.from_dsn(redis_url)
    settings.conn_timeout = 5
    settings.conn_retries = 0
    settings.retry_on_timeout = False
    return settings


async def open_pool(redis_url: str, queue_name: str) -> ArqRedis:
    """A pool whose sockets time out; raises RedisError or OSError where no server answers."""
    pool = await create_pool(
        redis_settings(redis_url),
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=queue_name,
        expires_extra_ms=TASK_LIFE_MS,
    )
    return _with_socket_timeout(pool)


def _with_socket_timeout(pool: ArqRedis) -> ArqRedis:
    arguments = pool.connection_pool.connection_kwargs
    arguments["socket_timeout"] = 5
    if not issubclass(pool.connection_pool.connection_class, UnixDomainSocketConnection):
        arguments["socket_keepalive"] = True
    return pool


class Queue:
    """Rings tasks; opens its pool at first use and again after a loss."""

    def __init__(self, redis_url: str, queue_name: str) -> None:
        self._redis_url = redis_url
        self._queue_name = queue_name
        self._pool: ArqRedis | None = None

    async def ring(self, task: str, ids: Iterable[tuple[int, int]]) -> int:
        """Ask the pool to look at rows, each given as (id, generation); returns how many messages were placed.

        A row that was rung for the same generation and not yet read is not rung twice (arq drops the repeated
        message). Redis being away is no error: the dispatcher rings again.
        """
        placed = 0
        try:
            pool = await self._open()
            for row_id, generation in ids:
                job = await pool.enqueue_job(task, row_id, _job_id=f"{task}:{row_id}:{generation}")
                placed += job is not None
        except (RedisError, OSError) as error:
            log.warning("ring_failed", extra={"task": task, "error": type(error).__name__})
            await self.close()
        return placed

    async def is_alive(self) -> bool:
        """Whether Redis answers."""
        try:
            pool = await self._open()
            await pool.ping()
        except (RedisError, OSError):
            await self.close()
            return False
        return True

    async def length(self) -> int:
        """Messages that wait; 0 where Redis is away."""
        try:
            pool = await self._open()
            return int(await pool.zcard(self._queue_name))
        except (RedisError, OSError):
            await self.close()
            return 0

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await pool.aclose()
            except (RedisError, OSError) as error:
                log.info("close_failed", extra={"error": type(error).__name__})

    async def _open(self) -> ArqRedis:
        if self._pool is None:
            self._pool = await open_pool(self._redis_url, self._queue_name)
        return self._pool
