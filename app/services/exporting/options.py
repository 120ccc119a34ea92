"""What an export was ordered with, read back from its row."""

from dataclasses import dataclass
from typing import Any

from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.pipeline.splitting import SPLITS, SplitPlan
from app.store.export_rows import Selection
from app.store.models import Export

DEFAULT_STATUSES = ("accepted", "flagged", "edited")
IMAGE_CHOICES = ("none", "ids", "base64")
MISSING_CHOICES = ("fail", "drop_pairs")
STALE_CHOICES = ("leave_out", "keep")


@dataclass(frozen=True, slots=True)
class Options:
    """languages: English and others, in order; images: `none`, `ids` or `base64`, the last with the pictures.

    keeps_stale: whether translations of what English pairs said before they were changed go out
    """

    languages: tuple[str, ...]
    images: str
    on_missing_images: str
    split: SplitPlan | None
    selection: Selection
    keeps_stale: bool = False

    @property
    def has_english(self) -> bool:
        return SOURCE_LANGUAGE in self.languages

    @property
    def translations(self) -> tuple[str, ...]:
        """The languages without English."""
        return tuple(language for language in self.languages if language != SOURCE_LANGUAGE)

    @property
    def splits(self) -> tuple[str | None, ...]:
        """The names of the splits in order; one without a name where nothing is split."""
        return (None,) if self.split is None else self.split.names

    @property
    def has_pictures(self) -> bool:
        return self.images == "base64"


def read_options(export: Export) -> Options:
    """The options of a row that `submit_export` wrote."""
    given = export.options
    images = given.get("images", "ids")
    on_missing = given.get("on_missing_images", "fail")
    filters = export.filters
    item_ids = filters.get("item_numbers")
    selection = Selection(
        export.job_id,
        tuple(filters.get("status") or DEFAULT_STATUSES),
        filters.get("min_words"),
        None if item_ids is None else tuple(item_ids),
        is_complete=images == "base64" and on_missing == "drop_pairs",
    )
    keeps_stale = given.get("stale_translations") == "keep"
    split = read_split(given.get("split"))
    return Options(tuple(export.languages), images, on_missing, split, selection, keeps_stale)


def read_split(given: dict[str, Any] | None) -> SplitPlan | None:
    """{"train": 0.9, …, "seed": 1} as a plan, its splits in their usual order."""
    if given is None:
        return None
    names = tuple(name for name in SPLITS if given.get(name))
    return SplitPlan(names, tuple(float(given[name]) for name in names), int(given.get("seed", 0)))
