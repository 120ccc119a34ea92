"""The worker process: `open_worker` for all its forms, `listen` to be rung, `WorkerSettings` for arq's command line."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from arq.connections import ArqRedis
from arq.worker import Worker
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.cancelling import end_tasks, see_through
from app.embedded import resolve_endpoints
from app.llm import make_chat_model
from app.logs import set_up_logs
from app.pipeline.costing import price_of
from app.pipeline.embeddings import build_image_request, build_text_request
from app.queue import deserialize, open_pool, redis_settings, serialize
from app.resources import Resources
from app.services.fleet import release_worker
from app.settings import Settings, load_settings
from app.store.tallies import bucket_of
from app.wiring import open_resources
from workers.dispatcher import Dispatcher
from workers.engine import ShardEngine
from workers.memory import spare_lasting_objects
from workers.pacing import Paces
from workers.relating.endpoint import IMAGES_IN_REQUEST, TEXTS_IN_REQUEST, VectorEndpoint
from workers.shell import ENGINE, list_functions

log = logging.getLogger("syphus.worker")

POOL_SIZE = 10
Build = Callable[[str, Sequence[Any]], bytes]
DEMO_CONCURRENCY = 4  # the demo model has two slots: more calls than that only wait for their timeout
_MESSAGES_AT_ONCE = 8
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 5.0


def name_worker() -> str:
    """A name no other worker has, or the one its supervisor gave."""
    given = os.environ.get("SYPHUS_WORKER_ID")
    return given or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def resolve_settings(settings: Settings) -> Settings:
    """Settings with every URL known: a worker alone joins the embedded parts that run on its folder.

    Raises EmbeddedError where no URL is set and nothing runs there.
    """
    endpoints = resolve_endpoints(settings, own=False)
    is_unbounded = endpoints.is_demo_model and "concurrency" not in settings.model_fields_set
    return settings.model_copy(
        update={
            "concurrency": DEMO_CONCURRENCY if is_unbounded else settings.concurrency,
            "database_url": endpoints.database_url,
            "redis_url": endpoints.redis_url,
            "openai_base_url": endpoints.model_url,
            "openai_model": endpoints.model_name,
        }
    )


@asynccontextmanager
async def open_worker(settings: Settings, worker_id: str) -> AsyncIterator[ShardEngine]:
    """A working engine with its dispatcher; leaving drains it: calls under way are waited for and recorded.

    A worker that is frozen within a transaction would keep the rows it locked from all others: it has them no longer
    than its leases.
    """
    async with open_resources(settings, pool_size=POOL_SIZE, longest_pause_s=settings.lease_s) as resources:
        chat = make_chat_model(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key,
            model=settings.openai_model,
            api_type=settings.openai_api_type,
            api_version=settings.openai_api_version,
            concurrency=settings.concurrency,
            connect_timeout_s=settings.connect_timeout_s,
            reply_cap_bytes=settings.reply_cap_bytes,
        )
        texts = _open_vectors(settings, settings.openai_embedding_model, build_text_request, TEXTS_IN_REQUEST)
        image_model = settings.openai_image_embedding_model
        images = _open_vectors(settings, image_model, build_image_request, IMAGES_IN_REQUEST)
        redis = Redis.from_url(str(settings.redis_url), socket_timeout=2, socket_connect_timeout=2)
        paces = Paces(redis, settings.openai_base_url or "openai", worker_id)
        engine = ShardEngine(resources, chat, paces, worker_id, bucket=bucket_of(worker_id), texts=texts, images=images)
        await engine.start()
        dispatching = asyncio.create_task(Dispatcher(resources, worker_id).run())
        try:
            yield engine
        finally:
            await engine.drain(settings.drain_s)
            await end_tasks(dispatching)
            await _sign_off(resources, worker_id)
            await paces.aclose()
            await chat.aclose()
            for vectors in (texts, images):
                if vectors is not None:
                    await vectors.port.aclose()


def _open_vectors(settings: Settings, model: str | None, build: Build, most_in_batch: int) -> VectorEndpoint | None:
    """The endpoint's model for vectors, where the settings name one."""
    if model is None:
        return None
    port = make_chat_model(
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key,
        model=model,
        api_type=settings.openai_api_type,
        api_version=settings.openai_api_version,
        concurrency=settings.concurrency,
        connect_timeout_s=settings.connect_timeout_s,
        reply_cap_bytes=settings.reply_cap_bytes,
        path="/embeddings",
    )
    price = price_of(model, settings.prices)
    return VectorEndpoint(port, model, price, partial(build, model), most_in_batch, settings.call_timeout_s)


async def _sign_off(resources: Resources, worker_id: str) -> None:
    """Leave the fleet's list, and any lease that draining could not give back, at once instead of by time."""
    try:
        await release_worker(resources.sessions, worker_id)
    except Exception as error:
        log.warning("sign_off_failed", extra={"error": type(error).__name__})


async def listen(settings: Settings, engine: ShardEngine, worker_id: str) -> None:
    """Be rung through arq until cancelled. arq's worker ends when Redis drops; a new one takes its place."""
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            await _listen_once(settings, engine, worker_id)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("redis_lost", extra={"error": type(error).__name__})
        except Exception:
            log.exception("listener_failed")
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


async def _listen_once(settings: Settings, engine: ShardEngine, worker_id: str) -> None:
    pool = await open_pool(str(settings.redis_url), settings.queue_name)
    worker: Worker | None = None
    running: asyncio.Task[None] | None = None
    try:
        worker = Worker(redis_pool=pool, handle_signals=False, ctx={ENGINE: engine}, **_options(settings, worker_id))
        running = asyncio.create_task(worker.async_run())
        await asyncio.wait({running})
        running.result()
    finally:
        await see_through(_close_listener(pool, worker, running))


async def _close_listener(pool: ArqRedis, worker: Worker | None, running: asyncio.Task[None] | None) -> None:
    if running is not None:
        await end_tasks(running)
    await end_tasks(*(worker.tasks.values() if worker else ()))
    await pool.aclose()


def _options(settings: Settings, worker_id: str) -> dict[str, Any]:
    """arq's knobs. Its retries, results and aborts are off: PostgreSQL decides what is done again."""
    return {
        "functions": list_functions(),
        "queue_name": settings.queue_name,
        "max_jobs": _MESSAGES_AT_ONCE,
        "queue_read_limit": 8 * _MESSAGES_AT_ONCE,
        "job_timeout": 30,
        "keep_result": 0,
        "max_tries": 1,
        "retry_jobs": False,
        "poll_delay": 0.1,
        "allow_abort_jobs": False,
        "health_check_key": f"{settings.queue_name}:health:{worker_id}",
        "health_check_interval": 30,
        "job_serializer": serialize,
        "job_deserializer": deserialize,
        "log_results": False,
    }


def _make_arq_settings() -> dict[str, Any]:
    """What `arq workers.main.WorkerSettings` runs: the same engine, with arq's own loop and signals around it."""
    settings = resolve_settings(load_settings())
    worker_id = name_worker()
    set_up_logs(settings.log_level)

    async def start(context: dict[str, Any]) -> None:
        opened = open_worker(settings, worker_id)
        context[ENGINE] = await opened.__aenter__()
        context["opened"] = opened
        spare_lasting_objects()

    async def stop(context: dict[str, Any]) -> None:
        if "opened" in context:
            await context["opened"].__aexit__(None, None, None)

    return {
        "redis_settings": redis_settings(str(settings.redis_url)),
        "on_startup": start,
        "on_shutdown": stop,
        **_options(settings, worker_id),
    }


def __getattr__(name: str) -> Any:
    """`WorkerSettings` is made when it is asked for, so that importing this module reads and opens nothing."""
    if name == "WorkerSettings":
        return _make_arq_settings()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
