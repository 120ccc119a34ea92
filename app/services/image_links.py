"""What pictures and items have to do with each other after an upload: found by prefix, missing, too many."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.ids import encode_id
from app.services.annotations import hash_images
from app.services.kinds import kind_of
from app.store.datasets import ITEM_TABLE, count_distinct
from app.store.found_images import OpenItem, assign_images, find_by_prefixes, list_open_items
from app.store.images import count_matched
from app.store.models import Dataset
from datasets.abstract_dataset import AbstractDataset
from datasets.registry import KindInfo


@dataclass(frozen=True, slots=True)
class Links:
    """named: different image ids of the items; uploaded: pictures; matched: both.

    lonely_items: items whose pictures are found by prefix, and that have none
    """

    named: int
    uploaded: int
    matched: int
    lonely_items: int

    @property
    def missing(self) -> int:
        return self.named - self.matched

    @property
    def surplus(self) -> int:
        return self.uploaded - self.matched


async def hold_dataset(session: AsyncSession, dataset_id: int) -> Dataset:
    """The dataset, its row ours until commit; raises NotFoundError."""
    statement = select(Dataset).where(Dataset.id == dataset_id).with_for_update(key_share=True)  # type: ignore[arg-type]  # a column
    dataset = (await session.execute(statement)).scalar_one_or_none()
    if dataset is None:
        raise NotFoundError("dataset", encode_id("dataset", dataset_id))
    return dataset


async def link_images(session: AsyncSession, dataset_id: int) -> Links:
    """Let items find their pictures and count anew; in one transaction, so that nobody sees half of it."""
    dataset = await hold_dataset(session, dataset_id)
    kind = kind_of(dataset.kind)
    has_changed, lonely = False, 0
    if _finds_by_prefix(kind):
        has_changed, lonely = await _find_all(session, dataset_id, kind)
    if has_changed:
        dataset.images = (await count_distinct(session, ITEM_TABLE, dataset_id, has_images=True)).images
    dataset.images_matched = await count_matched(session, dataset_id)
    await session.flush()
    return Links(dataset.images, dataset.images_uploaded, dataset.images_matched, lonely)


def _finds_by_prefix(kind: KindInfo) -> bool:
    return kind.cls.image_prefix.__func__ is not AbstractDataset.image_prefix.__func__  # type: ignore[attr-defined]  # class methods


async def _find_all(session: AsyncSession, dataset_id: int, kind: KindInfo) -> tuple[bool, int]:
    """Whether any item got other pictures, and how many have none."""
    after, has_changed, lonely = -1, False, 0
    while items := await list_open_items(session, dataset_id, after):
        after = items[-1].position
        wanted: list[tuple[OpenItem, str]] = []
        for item in items:
            prefix = kind.cls.image_prefix(item.source_id)
            if prefix:
                wanted.append((item, prefix))
        found = await find_by_prefixes(session, dataset_id, [prefix for _, prefix in wanted])
        changed = [
            (item.id, image_ids, hash_images(tuple(image_ids)))
            for (item, _), image_ids in zip(wanted, found, strict=True)
            if image_ids and image_ids != item.image_ids
        ]
        if changed:
            await assign_images(session, changed)
            has_changed = True
        lonely += sum(not image_ids for image_ids in found)
    return has_changed, lonely
