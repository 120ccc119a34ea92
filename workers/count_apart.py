"""The program that counts one scope's figures and ends: `python -m workers.count_apart`, its order on standard input.

It ends at once when its input does: then the worker that asked for it is gone, and so is its lease.
"""

import asyncio
import importlib
import logging
import os
import sys
import threading
from typing import Any

import orjson

from app.logs import set_up_logs
from app.services.counting import Parse, count_figures
from app.store.outages import is_outage
from app.store.session import make_engine, make_sessions
from app.store.statistics import CountLease, Scope
from workers.counting import STATUS_AWAY

_NICER = 10
_STATUS_ORPHANED = 3

log = logging.getLogger("syphus.counting")


def main() -> int:
    """Read the order, count, and say by the exit status how it went: 0 done or somebody else's, 75 PostgreSQL away."""
    order: dict[str, Any] = orjson.loads(sys.stdin.buffer.readline())
    set_up_logs(order["log_level"])
    os.nice(_NICER)
    threading.Thread(target=_end_with_input, daemon=True).start()
    lease = CountLease(
        order["run_id"], Scope(**order["scope"]), order["owner"], order["wanted"], order["fence"], order["attempts"]
    )
    try:
        asyncio.run(_count(order["database_url"], lease, order["sample"]))
    except Exception as error:
        log.exception("count_try_failed", extra={"run": lease.run_id, "attempt": lease.attempts})
        return STATUS_AWAY if is_outage(error) else 1
    return 0


async def _count(database_url: str, lease: CountLease, sample: int) -> None:
    engine = make_engine(database_url, pool_size=1)
    try:
        await count_figures(make_sessions(engine), lease, sample, _load_parser)
    finally:
        await engine.dispose()


def _load_parser() -> Parse:
    """Import the parser only now: a count of texts that need none is spared its memory and its two seconds."""
    parse: Parse = importlib.import_module("workers.grammar").load_parser()
    return parse


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(_STATUS_ORPHANED)


if __name__ == "__main__":
    raise SystemExit(main())
