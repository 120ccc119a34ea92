"""The demo's last step: MIMIC-IT files of its jobs, in a folder that appears only when it is whole."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from app.demo.client import Body, Client
from app.demo.orders import Order
from app.demo.service import DemoError

_WAIT_S = 30


async def write_export(client: Client, orders: Sequence[Order], folder: Path) -> list[str]:
    """Export every job that has pairs into `folder`, replacing an earlier one, and say what is in it.

    Each export has a manifest of its own: here its name says whose.
    """
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        lines = ["", f"MIMIC-IT files in {shorten_path(folder)}/"]
        for order in orders:
            if not (await client.get("pairs", job_id=order.job["id"], limit=1))["data"]:
                lines.append(f"    (none of {order.part.kind}: no pair of it was accepted)")
                continue
            export = await _make(client, order)
            for file in export["files"]:
                name = f"{order.dataset['abbr']}_{file['name']}" if file["role"] == "manifest" else file["name"]
                await client.download(file["url"], draft / name, file["sha256"])
                lines.append(f"    {name:<34} {file['bytes']:>8,} bytes")
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return [*lines, "  Every id in them was checked to resolve before they were published."]


async def _make(client: Client, order: Order) -> Body:
    export = await client.post("exports", {"job_id": order.job["id"], "format": "mimic-it"})
    while export["state"] in {"queued", "running"}:
        export = await client.wait(f"exports/{export['id']}", _WAIT_S)
    if export["state"] != "completed":
        raise DemoError(f"The export of {order.part.kind} ended as {export['state']} ({export['reason']}).")
    return export


def shorten_path(folder: Path) -> Path:
    """As a person would type it from here."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
