"""`cold-start start`: the dataset, the items and the cold start itself."""

import asyncio
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import encode_id
from app.resources import Resources
from app.services.cold_starts.candidates import read_course
from app.services.cold_starts.choosing import choose_items
from app.services.cold_starts.making import ColdStartRequest, create_cold_start, draft_cold_start
from app.services.cold_starts.views import view_cold_start
from app.services.image_uploads import ImageRequest, take_images
from app.services.upload_requests import SourceFile
from app.store.datasets import list_items
from workers.command_line.ordering import ensure_dataset
from workers.command_line.sources import Annotations, StartError, list_media
from workers.command_line.working import tell_images

_STOP_RULE = ("examples", "coverage", "held_out_score", "improvement")
_AUTOMATIC = ("judge_model", "accept_score", "max_rounds")


async def begin(resources: Resources, order: Namespace, chosen: Annotations, source: SourceFile) -> dict[str, Any]:
    """A new cold start as the API shows it. Raises the AppErrors of an upload and of a cold start, StartError."""
    if order.images is not None and not order.images.exists():
        raise StartError(f"There is nothing at {str(order.images)!r} (--images).")
    dataset = await ensure_dataset(resources, chosen, order.dataset_version, source)
    is_automatic = order.automatic or order.judge_model
    if order.images is not None:
        taken = await take_images(resources, ImageRequest(dataset.id), list_media(order.images))
        sys.stderr.write(f"{tell_images(taken)}\n")
    async with resources.sessions() as session:
        request = ColdStartRequest(
            dataset_id=dataset.id,
            name=order.title,
            system_message=read_text(order.system_message_file),
            items=order.items,
            held_out=order.held_out,
            item_ids=tuple([await _name_item(session, dataset.id, each) for each in order.position]),
            seed=order.seed,
            model=order.model,
            vision=order.vision,
            stop_rule=given_rule(order),
            automatic={name: getattr(order, name) for name in _AUTOMATIC} if is_automatic else None,
        )
        draft = await draft_cold_start(session, resources.settings, request)
    items = await asyncio.to_thread(choose_items, draft.pool, draft.choice)
    async with resources.sessions.begin() as session:
        made = await create_cold_start(session, draft, items)
        return await view_cold_start(session, await read_course(session, made))


def given_rule(order: Namespace) -> dict[str, Any]:
    """What the arguments say of the stop rule."""
    return {name: getattr(order, name) for name in _STOP_RULE if hasattr(order, name)}


def read_text(path: Path | None) -> str | None:
    """The text of a file, where one is named. Raises StartError."""
    try:
        return None if path is None else path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{str(path)!r} cannot be read as a text: {error} (--system_message_file).") from error


async def _name_item(session: AsyncSession, dataset_id: int, position: int) -> str:
    found = await list_items(session, dataset_id, position - 1, 1)
    if not found:
        raise StartError(f"There is no item at position {position} (--position).")
    return encode_id("item", found[0].id)
