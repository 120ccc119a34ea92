"""Migrations from code and from the command line: `python -m app.store.migrate [up|down|check|rehearse]`.

Without DATABASE_URL it uses the embedded database of SYPHUS_HOME: the running one, or one started for the time.
`rehearse` walks all migrations up, down and up again in a database made for it, and compares them with the models.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from app.embedded import Embedded, EmbeddedError, find_running, start_embedded
from app.settings import Settings, SettingsError, load_settings

_PROJECT = Path(__file__).resolve().parents[2]


def migrate(database_url: str, revision: str = "head") -> None:
    """Bring the database up to a revision; does nothing when it is there. Blocking: call it outside event loops."""
    command.upgrade(_config(database_url), revision)


def revert(database_url: str, revision: str = "-1") -> None:
    """Take the database down to a revision; `base` leaves no table."""
    command.downgrade(_config(database_url), revision)


def check_models(database_url: str) -> None:
    """Compare the tables with the models; raises alembic's CommandError naming the differences."""
    command.check(_config(database_url))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m app.store.migrate", description="Migrate the database.")
    parser.add_argument("action", nargs="?", choices=["up", "down", "check", "rehearse"], default="up")
    parser.add_argument("revision", nargs="?", help="head for up, one step for down")
    chosen = parser.parse_args(arguments)
    actions: dict[str, Callable[[str], None]] = {
        "up": lambda url: migrate(url, chosen.revision or "head"),
        "down": lambda url: revert(url, chosen.revision or "-1"),
        "check": check_models,
        "rehearse": _rehearse,
    }
    try:
        opening = _make_database() if chosen.action == "rehearse" else _open_database(load_settings())
        with opening as database_url:
            actions[chosen.action](database_url)
    except (EmbeddedError, SettingsError, CommandError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Done: {chosen.action}.\n")
    return 0


def _config(database_url: str) -> Config:
    config = Config(_PROJECT / "alembic.ini")
    config.set_main_option("script_location", str(_PROJECT / "app" / "store" / "migrations").replace("%", "%%"))
    config.attributes["database_url"] = database_url
    return config


@contextmanager
def _open_database(settings: Settings) -> Iterator[str]:
    if settings.database_url:
        yield settings.database_url
        return
    running = find_running(settings.home)
    if running is not None and running.database_url:
        yield running.database_url
        return
    with start_embedded(settings.home, database=True, redis=False, model=False) as embedded:
        yield _address(embedded)


@contextmanager
def _make_database() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="syphus-") as home,
        start_embedded(Path(home), database=True, redis=False, model=False) as embedded,
    ):
        yield _address(embedded)


def _address(embedded: Embedded) -> str:
    if embedded.database_url is None:
        raise EmbeddedError("The embedded PostgreSQL gave no address.")
    return embedded.database_url


def _rehearse(database_url: str) -> None:
    migrate(database_url)
    revert(database_url, "base")
    migrate(database_url)
    check_models(database_url)


if __name__ == "__main__":
    sys.exit(main())
