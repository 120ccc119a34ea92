"""The command: `python -m app.demo`."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from app.demo.client import Client, open_client
from app.demo.exporting import shorten_path, write_export
from app.demo.orders import PARTS, Order, cancel_leftovers, find_model, is_demo_model, order, upload
from app.demo.progress import watch
from app.demo.report import describe_pairs, describe_refusals, describe_translations
from app.demo.service import PROJECT, DemoError, run_service

HOME = PROJECT / ".syphus" / "demo"
OUTPUT = PROJECT / "output_demo"
_CANCEL_TIMEOUT_S = 10.0

_ON_THE_MODEL = """\
The model is {model}: a tiny demo model that comes along, so that everything runs on this machine alone.
It shows that the machinery works, not what it can make: most of its answers are wrong."""

_WHAT_NEXT = """
What next
  Your own model: any endpoint that speaks the OpenAI protocol.
    OPENAI_API_KEY=... OPENAI_MODEL=gpt-4o-mini make demo
    OPENAI_BASE_URL=http://127.0.0.1:8001/v1 OPENAI_MODEL=your-model make demo
  Look around in what this run made, at /docs and by the curl lines of the README:
    SYPHUS_HOME={home} make serve
  Begin with data of your own:
    make serve"""


def main(arguments: Sequence[str]) -> int:
    """0 when all went well, 1 with the reason when it did not, 130 after Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m app.demo", description="Watch a dataset become pairs.")
    parser.add_argument("--home", type=Path, default=HOME, help="where its database lives (default: .syphus/demo)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where its files go (default: output_demo)")
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(_run(chosen.home.resolve(), chosen.output.resolve()))
    except DemoError as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nStopped; nothing runs on, and no half-written file stays.", file=sys.stderr)
        return 130
    return 0


async def _run(home: Path, output: Path) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # asyncio.run made it
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what runs in its background with SIGINT ignored
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    started_s = time.monotonic()
    print("Starting PostgreSQL, Valkey, a model, the API and a worker …", flush=True)
    async with run_service(home) as base_url, open_client(base_url) as client:
        print(f"The service answers at {base_url} after {time.monotonic() - started_s:.1f} s.\n")
        await _show(client, output)
    print(f"\nDone in {time.monotonic() - started_s:.0f} s; everything the demo started has been stopped.")
    print(_WHAT_NEXT.format(home=shorten_path(home)))


async def _show(client: Client, output: Path) -> None:
    model = await find_model(client)
    is_demo = is_demo_model(model)
    print(_ON_THE_MODEL.format(model=model) if is_demo else f"The model is {model}; its calls cost what they cost.")
    await cancel_leftovers(client)
    try:
        orders = await _order_all(client, model)
        await watch(client, orders)
    except BaseException:
        await _cancel_all(client)
        raise
    lines = await describe_pairs(client, orders)
    lines += await describe_refusals(client, orders)
    lines += await describe_translations(client, orders, is_demo=is_demo)
    lines += await write_export(client, orders, output)
    print("\n".join(lines))


async def _order_all(client: Client, model: str) -> list[Order]:
    run = time.strftime("%Y%m%d-%H%M%S")
    print()
    orders = []
    for part in PARTS:
        dataset = await upload(client, part, run)
        counts = dataset["counts"]
        print(f"Uploaded {part.file}: {counts['items']} items, {counts['images']} images, {counts['errors']} errors")
        orders.append(await order(client, part, dataset, model))
    print()
    return orders


async def _cancel_all(client: Client) -> None:
    """An interrupted run leaves no job that the next one would go on with; what it cannot cancel, the next one does."""
    with suppress(DemoError, TimeoutError):
        async with asyncio.timeout(_CANCEL_TIMEOUT_S):
            await cancel_leftovers(client)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
