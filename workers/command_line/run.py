"""A run from its arguments to its exit status: the composition root of `python main.py`."""

import asyncio
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from app.embedded import EmbeddedError, Endpoints, find_running, resolve_endpoints
from app.errors import AppError
from app.logs import JsonFormatter
from app.settings import Settings, SettingsError, load_settings
from app.store.migrate import migrate
from workers.command_line.arguments import Options, parse_arguments
from workers.command_line.cold_start.arguments import COMMAND, parse_cold_start
from workers.command_line.cold_start.run import ColdStartRun
from workers.command_line.holding import hold_run
from workers.command_line.judging import COMMAND as JUDGE
from workers.command_line.judging import judge_job, parse_judge
from workers.command_line.outputs import ExportFailedError
from workers.command_line.sources import StartError, choose, find_annotations, open_source
from workers.command_line.watching import LostError, Watch
from workers.command_line.working import Run

_CALLS_IN_FLIGHT = 16
_DEMO_CALLS_IN_FLIGHT = 4  # the demo model answers two at a time; more would only wait
_OPENAI_HOST = "api.openai.com"
_API_TYPES = ("open_ai", "openai", "azure")


def main(arguments: Sequence[str]) -> int:
    """Run once; the exit status, see the package. What goes wrong is told in one line on standard error."""
    if list(arguments[:1]) == [COMMAND]:
        order = parse_cold_start(arguments[1:])
        return _attempt(lambda: _run_cold_start(order))
    if list(arguments[:1]) == [JUDGE]:
        judging = parse_judge(arguments[1:])
        return _attempt(lambda: _run_judge(judging))
    options = parse_arguments(arguments)
    return _attempt(lambda: _run(options, arguments))


def _attempt(work: Callable[[], int]) -> int:
    try:
        return work()
    except (StartError, EmbeddedError, SettingsError) as error:
        return _refuse(str(error))
    except AppError as error:
        return _refuse(" ".join([error.detail, *_tell_faults(error)]))
    except (LostError, ExportFailedError) as error:
        return _refuse(f"{error} The same command continues.", status=1)
    except (SQLAlchemyError, OSError) as error:
        return _refuse(_tell_world(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _refuse("Stopped at once; the same command continues.", status=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run works: settings that know every URL, and whether a service runs there."""

    settings: Settings
    is_joined: bool


def _run(options: Options, arguments: Sequence[str]) -> int:
    settings = load_settings()
    _check_model(settings)
    chosen = choose(options, _list_folders(settings))
    with (
        _open_place(settings, options.model, options.calls_in_flight, options.dataset_folders) as place,
        open_source(chosen, place.settings) as source,
        hold_run(place.settings.home) as worker_id,
    ):
        folder = options.output_folder or Path(f"output_{chosen.kind.name}_{options.version}")
        watch = Watch(place.settings, worker_id, place.is_joined)
        return uvloop.run(Run(place.settings, options, chosen, source, watch, folder, list(arguments)).work())


def _run_cold_start(order: Namespace) -> int:
    settings = load_settings()
    _check_model(settings)
    chosen = None
    if order.command == "start":
        chosen = find_annotations(order.name, order.query_inputs_path, order.dataset_folder, _list_folders(settings))
    with ExitStack() as stack:
        calls = getattr(order, "num_threads", None)
        place = stack.enter_context(_open_place(settings, None, calls, order.dataset_folder))
        start = None if chosen is None else (chosen, stack.enter_context(open_source(chosen, place.settings)))
        worker_id = stack.enter_context(hold_run(place.settings.home))
        watch = Watch(place.settings, worker_id, place.is_joined)
        return uvloop.run(ColdStartRun(order, watch, start).work())


def _run_judge(order: Namespace) -> int:
    settings = load_settings()
    _check_model(settings)
    with _open_place(settings, order.model, order.num_threads, ()) as place, hold_run(place.settings.home) as worker_id:
        return uvloop.run(judge_job(Watch(place.settings, worker_id, place.is_joined), order))


def _list_folders(settings: Settings) -> list[str]:
    return [folder for folder in settings.dataset_folders.split(os.pathsep) if folder]


@contextmanager
def _open_place(
    settings: Settings, model: str | None, calls_in_flight: int | None, own_folders: Sequence[Path]
) -> Iterator[Place]:
    """The servers of the settings, those of a service that runs on the folder, or private ones until the end."""
    is_joined = _is_incomplete(settings) and find_running(settings.home) is not None
    endpoints = resolve_endpoints(settings, own=not is_joined)
    try:
        _log_to(settings.home / "log" / "main.log", settings.log_level)
        if not is_joined:
            migrate(endpoints.database_url)
        if endpoints.is_demo_model:
            _say("The model is the tiny demo model; set OPENAI_API_KEY, or OPENAI_BASE_URL, for a real one.")
        yield Place(_settle(settings, model, calls_in_flight, own_folders, endpoints), is_joined)
    finally:
        endpoints.stop()


def _is_incomplete(settings: Settings) -> bool:
    has_model = settings.openai_base_url or settings.openai_api_key
    return not (settings.database_url and settings.redis_url and has_model)


def _settle(
    settings: Settings,
    model: str | None,
    calls_in_flight: int | None,
    own_folders: Sequence[Path],
    endpoints: Endpoints,
) -> Settings:
    calls = calls_in_flight or (_DEMO_CALLS_IN_FLIGHT if endpoints.is_demo_model else _CALLS_IN_FLIGHT)
    return settings.model_copy(
        update={
            "home": settings.home.absolute(),
            "database_url": endpoints.database_url,
            "redis_url": endpoints.redis_url,
            "openai_base_url": endpoints.model_url,
            "openai_model": model or endpoints.model_name,
            "concurrency": calls,
            "dataset_folders": os.pathsep.join([settings.dataset_folders, *map(str, own_folders)]),
        }
    )


def _check_model(settings: Settings) -> None:
    """What can be told of the credentials before anything starts. Raises StartError."""
    api_type, base_url, key = settings.openai_api_type, settings.openai_base_url, settings.openai_api_key
    if api_type not in _API_TYPES:
        raise StartError(f"OPENAI_API_TYPE is {api_type!r}; it is one of {', '.join(_API_TYPES)}.")
    if api_type == "azure" and not (base_url and key):
        missing = "OPENAI_API_BASE" if not base_url else "OPENAI_API_KEY"
        raise StartError(f"OPENAI_API_TYPE=azure needs {missing} too.")
    if base_url and _OPENAI_HOST in base_url and not key:
        raise StartError(f"OPENAI_API_KEY is not set, and {_OPENAI_HOST} answers nobody without one.")


def _log_to(path: Path, level: str) -> None:
    """Logs go to a file: the terminal is for the bar and for sentences."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("openai", "httpx2", "httpcore2", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _tell_faults(error: AppError) -> list[str]:
    first = error.errors[:3]
    news = [fault for fault in first if fault.message not in error.detail]
    told = [f"{f'Line {fault.line}: ' if fault.line else ''}{fault.message}" for fault in news]
    more = len(error.errors) - len(first)
    return [*told, f"(and {more} more)"] if more else told


def _tell_world(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    first_line = (str(cause).splitlines() or [""])[0]
    return f"The database, or a file, cannot be used ({type(cause).__name__}: {first_line})."


def _refuse(sentence: str, status: int = 2) -> int:
    _say(f"main.py: {sentence}")
    return status


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
