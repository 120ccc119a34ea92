"""What every test may ask for: a migrated database, a Redis, the real data, and no network beyond this machine."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import pytest_socket
from hypothesis import settings
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.store.migrate import migrate
from app.store.session import Sessions, make_engine, make_sessions
from tests.support.servers import open_postgres, open_redis, run_apart, truncation

_PROJECT = Path(__file__).resolve().parents[1]
_DATA = _PROJECT.parent / "shared" / "data"
_CONFIGURED = {name: os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL")}

settings.register_profile("syphus", deadline=None)
settings.load_profile("syphus")


def pytest_configure(config: pytest.Config) -> None:
    """Forget what the developer's shell says about the service: a test says what it means itself.

    A process that only shares out the tests leaves the shell's words to those that run them. The many processes that
    tests start keep what they compile, also where the shell forbids it: each would compile the whole service again.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if config.getoption("numprocesses", None):
        return
    for name in list(os.environ):
        if name.startswith(("SYPHUS_", "OPENAI_")) or name in _CONFIGURED:
            del os.environ[name]


def pytest_runtest_setup() -> None:
    hosts = {"127.0.0.1", "::1", "localhost"}
    hosts |= {host for url in _CONFIGURED.values() if url and (host := urlsplit(url).hostname)}
    pytest_socket.socket_allow_hosts(sorted(hosts), allow_unix_socket=True)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database of the session's own: in DATABASE_URL's server when that is set, else embedded."""
    with open_postgres(_CONFIGURED["DATABASE_URL"], tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """REDIS_URL when it is set (that database is emptied, and the next one by a second process!), else our own."""
    configured = _CONFIGURED["REDIS_URL"]
    if configured and worker_id != "master":
        parts = urlsplit(configured)
        number = int(parts.path.strip("/") or 0) + int(worker_id.removeprefix("gw"))
        configured = parts._replace(path=f"/{number}").geturl()
    with open_redis(configured, tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> str:
    """The session's database, built by the migrations. Take `clean_database` or `sessions` with it."""
    run_apart(lambda: migrate(postgres_url))
    return postgres_url


@pytest_asyncio.fixture(scope="session")
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(database_url)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def clean_database(engine: AsyncEngine) -> None:
    """Empty every table before the test, so that what a failed one leaves behind can still be looked at."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        await connection.execute(text(truncation()))


@pytest.fixture
def sessions(engine: AsyncEngine, clean_database: None) -> Sessions:
    """Sessions on the clean, migrated database."""
    return make_sessions(engine)


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    async with Redis.from_url(redis_url) as client:
        await client.flushdb()
        yield client


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data("spot_the_diff/train.json")`: a real file; skips where it is missing, fails under CI=true."""

    def find(name: str) -> Path:
        path = _DATA / name
        if not path.exists():
            reason = f"the real data is not here: {path}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        return path

    return find
