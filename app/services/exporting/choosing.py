"""Which pairs an export has, what they are called, and which split each goes to."""

from array import array
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.splitting import Groups, SplitPlan, assign_splits, draw
from app.services.exporting.making import Making
from app.store import export_rows as rows
from app.store import export_splits as splits


async def choose_pairs(making: Making, namer: rows.Namer | None = None) -> None:
    """Choose, name (by public ids without a namer) and place the pairs, and count them.

    `pairs` counts English ones, `pairs_dropped` those whose pictures were not uploaded, where they are left out.
    """
    options, session = making.options, making.session
    if namer is None:
        pairs = await rows.number_pairs(session, options.selection)
        making.counts["pairs"] = pairs if options.has_english else 0
    else:
        pairs = making.counts["pairs"] = await rows.name_pairs(session, options.selection, namer)
    if options.selection.is_complete:
        whole = await rows.count_pairs(session, replace(options.selection, is_complete=False))
        making.counts["pairs_dropped"] = whole - pairs
    making.counts["translations"] = await rows.count_translations(
        session, list(options.translations), keeps_stale=options.keeps_stale
    )
    if options.split is not None:
        making.counts["items_by_split"] = await draw_splits(session, options.split)


async def draw_splits(session: AsyncSession, plan: SplitPlan) -> dict[str, int]:
    """Place each item of the named pairs in a split; answers how many items each split has.

    Items that share an image (by id, or by its bytes) or a source id go together. Memory: 13 bytes an item.
    """
    count = await splits.number_items(session)
    lots = array("Q")
    async for key in splits.stream_keys(session):
        lots.append(draw(plan.seed, key))
    groups = Groups(count)
    async for one, other in splits.stream_links(session):
        groups.join(one, other)
    counts = await splits.place_items(session, assign_splits(groups, lots, plan))
    return {name: counts.get(number, 0) for number, name in enumerate(plan.names)}


def list_places(making: Making) -> list[tuple[int | None, str | None]]:
    """(number, name) of each split; (None, None) alone where nothing is split."""
    return [(None if name is None else number, name) for number, name in enumerate(making.options.splits)]
