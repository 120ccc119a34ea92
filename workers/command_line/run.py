"""A run from its arguments to its exit status: the composition root of `python main.py`."""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.embedded import EmbeddedError, Endpoints, find_running, resolve_endpoints
from app.errors import AppError
from app.logs import JsonFormatter
from app.settings import Settings, load_settings
from app.store.migrate import migrate
from workers.command_line.arguments import Options, parse_arguments
from workers.command_line.holding import hold_run
from workers.command_line.outputs import ExportFailedError
from workers.command_line.sources import StartError, choose, open_source
from workers.command_line.working import LostError, Run

_CALLS_IN_FLIGHT = 16
_DEMO_CALLS_IN_FLIGHT = 4  # the demo model answers two at a time; more would only wait
_OPENAI_HOST = "api.openai.com"
_API_TYPES = ("open_ai", "openai", "azure")


def main(arguments: Sequence[str]) -> int:
    """Run once; the exit status, see the package. What goes wrong is told in one line on standard error."""
    options = parse_arguments(arguments)
    try:
        return _run(options, arguments)
    except (StartError, EmbeddedError) as error:
        return _refuse(str(error))
    except AppError as error:
        return _refuse(" ".join([error.detail, *_tell_faults(error)]))
    except ValidationError as error:
        first = error.errors()[0]
        return _refuse(f"The setting {'.'.join(str(part) for part in first['loc'])} does not hold: {first['msg']}.")
    except (LostError, ExportFailedError) as error:
        return _refuse(f"{error} The same command continues.", status=1)
    except (SQLAlchemyError, OSError) as error:
        return _refuse(_tell_world(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _refuse("Stopped at once; the same command continues.", status=1)


def _run(options: Options, arguments: Sequence[str]) -> int:
    settings = load_settings()
    _check_model(settings)
    folders = [folder for folder in settings.dataset_folders.split(os.pathsep) if folder]
    chosen = choose(options, folders)
    is_joined = _is_incomplete(settings) and find_running(settings.home) is not None
    endpoints = resolve_endpoints(settings, own=not is_joined)
    try:
        _log_to(settings.home / "log" / "main.log", settings.log_level)
        if not is_joined:
            migrate(endpoints.database_url)
        settings = _settle(settings, options, endpoints)
        if endpoints.is_demo_model:
            _say("The model is the tiny demo model; set OPENAI_API_KEY, or OPENAI_BASE_URL, for a real one.")
        with open_source(chosen, settings) as source, hold_run(settings.home) as worker_id:
            folder = options.output_folder or Path(f"output_{chosen.kind.name}_{options.version}")
            run = Run(settings, options, chosen, source, worker_id, folder, list(arguments), is_joined=is_joined)
            return uvloop.run(run.work())
    finally:
        endpoints.stop()


def _is_incomplete(settings: Settings) -> bool:
    has_model = settings.openai_base_url or settings.openai_api_key
    return not (settings.database_url and settings.redis_url and has_model)


def _settle(settings: Settings, options: Options, endpoints: Endpoints) -> Settings:
    calls = options.calls_in_flight or (_DEMO_CALLS_IN_FLIGHT if endpoints.is_demo_model else _CALLS_IN_FLIGHT)
    return settings.model_copy(
        update={
            "home": settings.home.absolute(),
            "database_url": endpoints.database_url,
            "redis_url": endpoints.redis_url,
            "openai_base_url": endpoints.model_url,
            "openai_model": options.model or endpoints.model_name,
            "concurrency": calls,
            "dataset_folders": os.pathsep.join([settings.dataset_folders, *map(str, options.dataset_folders)]),
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
    told = [f"{f'Line {fault.line}: ' if fault.line else ''}{fault.message}" for fault in first]
    more = len(error.errors) - len(first)
    told = [sentence for sentence in told if sentence not in error.detail]
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
