"""`python -m workers`: a worker that owns its signals and outlives Redis."""

import asyncio
import signal
import sys

import uvloop

from app.cancelling import end_tasks
from app.embedded import EmbeddedError
from app.logs import set_up_logs
from app.settings import Settings, SettingsError, load_settings
from workers.main import listen, name_worker, open_worker, resolve_settings
from workers.memory import spare_lasting_objects


def main() -> int:
    """Work until SIGINT or SIGTERM; 1 where the engine broke, 2 where the settings name nothing to work on."""
    try:
        settings = load_settings()
        set_up_logs(settings.log_level)
        settings = resolve_settings(settings)
    except (EmbeddedError, SettingsError) as error:
        print(f"syphus worker: {error}", file=sys.stderr)
        return 2
    return uvloop.run(_work(settings, name_worker()))


async def _work(settings: Settings, worker_id: str) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with open_worker(settings, worker_id) as engine:
        spare_lasting_objects()
        listening = asyncio.create_task(listen(settings, engine, worker_id))
        ends = [asyncio.create_task(event.wait()) for event in (stopping, engine.failed)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        await end_tasks(listening, *ends)
        return 1 if engine.failed.is_set() else 0


if __name__ == "__main__":
    raise SystemExit(main())
