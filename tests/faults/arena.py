"""The place of a run: an embedded PostgreSQL and Valkey that can be crashed, the loopback endpoint, real workers."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text

from app.embedded import find_running, start_embedded
from app.store.migrate import migrate
from app.store.outages import is_outage
from app.store.session import Sessions, make_engine, make_sessions
from tests.faults.audit import AUDIT
from tests.faults.nursery import Nursery, open_nursery
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.processes import find_family
from tests.support.waiting import wait_until

LEASE_S = 5.0
CALLS_PER_WORKER = 16
_SHARD_ITEMS = 25
_BACK_S = 30.0

Found = TypeVar("Found")


@dataclass(slots=True)
class Worker:
    """A worker process; its id is also the key it shows to the endpoint, so that both sides count it alone."""

    worker_id: str
    pid: int
    nursery: Nursery

    @property
    def is_alive(self) -> bool:
        return self.pid not in self.nursery.statuses

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def wait_gone(self, timeout_s: float = 30.0) -> int:
        """The exit status, once there is one."""
        await wait_until(lambda: not self.is_alive, f"the end of worker {self.worker_id}", timeout_s)
        return self.nursery.statuses[self.pid]


@dataclass(slots=True)
class Arena:
    """Everything a round touches; `home` holds the servers' data, the workers' spools and logs."""

    home: Path
    database_url: str
    redis_url: str
    endpoint: Endpoint
    sessions: Sessions
    nursery: Nursery
    workers: list[Worker] = field(default_factory=list)
    started: int = 0

    async def start_worker(self) -> Worker:
        """Start a worker under a name no other ever had; it works as soon as it is up."""
        self.started += 1
        worker_id = f"w{self.started:03}"
        pid = await self.nursery.start(self._environment(worker_id), self.home / "log" / f"{worker_id}.log")
        worker = Worker(worker_id, pid, self.nursery)
        self.workers.append(worker)
        return worker

    async def stop_workers(self) -> list[int]:
        """Drain all workers; their exit statuses."""
        for worker in self.workers:
            if worker.is_alive:
                worker.send(signal.SIGTERM)
        statuses = [await worker.wait_gone(60.0) for worker in self.workers]
        self.workers.clear()
        return statuses

    async def query(self, ask: Callable[[Sessions], Awaitable[Found]]) -> Found:
        """What the database answers, waiting for it while it is down."""
        found: list[Found] = []

        async def is_answered() -> bool:
            try:
                found.append(await ask(self.sessions))
            except Exception as error:
                if not is_outage(error):
                    raise
                return False
            return True

        await wait_until(is_answered, "an answer of PostgreSQL", _BACK_S)
        return found[-1]

    async def crash_postgres(self, number: signal.Signals) -> None:
        """End the server at once (SIGKILL, or SIGQUIT for `immediate`); return when its successor answers."""
        pid_file = self.home / "postgres" / "postmaster.pid"
        was = pid_file.read_text().split("\n", 1)[0]
        os.kill(int(was), number)
        await wait_until(lambda: _first_line(pid_file) not in {"", was}, "the restart of PostgreSQL", _BACK_S)
        await self.query(_ping)

    def signal_postgres(self, number: signal.Signals) -> None:
        """Send a signal to the server and all its processes."""
        running = find_running(self.home)
        assert running is not None
        for process in find_family(running.keeper_pid):
            if process.name == "postgres":
                os.kill(process.pid, number)

    async def kill_redis(self) -> None:
        """kill -9; return when an empty successor answers."""
        running = find_running(self.home)
        assert running is not None
        servers = [process for process in find_family(running.keeper_pid) if process.name.startswith("valkey")]
        for server in servers:
            os.kill(server.pid, signal.SIGKILL)
        await wait_until(lambda: not any(server.is_alive for server in servers), "the end of Valkey", _BACK_S)
        await wait_until(self._redis_answers, "the restart of Valkey", _BACK_S)

    async def flush_redis(self) -> None:
        async with Redis.from_url(self.redis_url) as client:
            await client.flushall()

    async def _redis_answers(self) -> bool:
        try:
            async with Redis.from_url(self.redis_url) as client:
                await client.ping()
        except (RedisError, OSError):
            return False
        return True

    def _environment(self, worker_id: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SYPHUS_", "OPENAI_"))}
        return kept | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "OPENAI_BASE_URL": self.endpoint.url,
            "OPENAI_API_KEY": worker_id,
            "SYPHUS_WORKER_ID": worker_id,
            "SYPHUS_HOME": str(self.home / "work"),
            "SYPHUS_CONCURRENCY": str(CALLS_PER_WORKER),
            "SYPHUS_SHARD_ITEMS": str(_SHARD_ITEMS),
            "SYPHUS_LEASE_S": str(LEASE_S),
            "SYPHUS_TICK_S": "0.2",
            "SYPHUS_DRAIN_S": "15",
        }


@asynccontextmanager
async def open_arena(home: Path) -> AsyncIterator[Arena]:
    """Servers, endpoint and an audited schema under `home`; no worker yet. Everything ends with the block."""
    embedded = await asyncio.to_thread(start_embedded, home, database=True, redis=True, model=False)
    try:
        assert embedded.database_url is not None
        assert embedded.redis_url is not None
        await asyncio.to_thread(migrate, embedded.database_url)
        engine = make_engine(embedded.database_url, pool_size=4)
        try:
            async with engine.begin() as connection:
                for statement in AUDIT:
                    await connection.execute(text(statement))
            async with running_endpoint() as endpoint, open_nursery() as nursery:
                yield Arena(
                    embedded.home,
                    embedded.database_url,
                    embedded.redis_url,
                    endpoint,
                    make_sessions(engine),
                    nursery,
                )
        finally:
            await engine.dispose()
    finally:
        await asyncio.to_thread(embedded.stop)


async def _ping(sessions: Sessions) -> None:
    async with sessions() as session:
        await session.execute(text("SELECT 1"))


def _first_line(path: Path) -> str:
    try:
        return path.read_text().split("\n", 1)[0]
    except OSError:
        return ""
