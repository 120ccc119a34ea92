"""Exports: ordering one, ringing for it, and how it looks to a client."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id, utc_now
from app.errors import ConflictError, Fault, InvalidRequestError
from app.ids import encode_id
from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.pipeline.splitting import SPLITS, TOLERANCE
from app.queue import TASK_EXPORT
from app.resources import Resources
from app.services.exporting.formats import FORMATS
from app.services.exporting.manifest import show_filters
from app.services.exporting.options import IMAGE_CHOICES, MISSING_CHOICES, STALE_CHOICES
from app.store import exports as store
from app.store.jobs import get_job
from app.store.models import PAIR_STATUSES, Export

DONE_STATES = frozenset({"completed", "failed"})


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What a client orders.

    languages: None means all of the job's; statuses: empty means all but the rejected; item_ids: None means all
    split: shares by name (train, validation, test) and `seed`; None keeps all together
    """

    job_id: int
    format: str
    languages: Sequence[str] | None = None
    statuses: Sequence[str] = ()
    min_words: int | None = None
    item_ids: Sequence[int] | None = None
    images: str = "ids"
    on_missing_images: str = "fail"
    stale_translations: str = "leave_out"
    split: dict[str, float] | None = field(default=None)


async def submit_export(session: AsyncSession, request: ExportRequest) -> Export:
    """Queue an export; ring for it after the commit.

    Raises NotFoundError, InvalidRequestError with a pointer per fault, ConflictError while the job has no pairs.
    """
    job = await get_job(session, request.job_id)
    known = [SOURCE_LANGUAGE, *(language for language in job.languages if language != SOURCE_LANGUAGE)]
    faults = [*_check_choices(request), *_check_languages(request, known), *_check_split(request.split)]
    if faults:
        raise InvalidRequestError("The export cannot be made like this.", errors=faults)
    if not await store.has_pairs(session, job.id):
        raise ConflictError(f"The job is {job.state} and has no pairs yet; there is nothing to export.")
    export = Export(
        id=new_id(),
        job_id=job.id,
        format=request.format,
        state="queued",
        languages=[language for language in known if request.languages is None or language in request.languages],
        filters=_describe_filters(request),
        options=_describe_options(request),
        counts={},
        files=[],
        certificate=None,
        rung_at=utc_now(),
        created_at=utc_now(),
    )
    session.add(export)
    await session.flush()
    return export


async def ring_export(resources: Resources, export: Export) -> None:
    """Tell a worker that the export is due; what is not heard is rung again by the dispatcher."""
    await resources.queue.ring(TASK_EXPORT, [(export.id, export.fence)])


def describe_export(export: Export) -> dict[str, Any]:
    """The export as a client sees it."""
    export_id = encode_id("export", export.id)
    return {
        "id": export_id,
        "object": "export",
        "state": export.state,
        "reason": export.reason,
        "format": export.format,
        "job_id": encode_id("job", export.job_id),
        "languages": export.languages,
        "filters": show_filters(export.filters),
        "images": export.options.get("images", "ids"),
        "on_missing_images": export.options.get("on_missing_images", "fail"),
        "stale_translations": export.options.get("stale_translations", "leave_out"),
        "split": export.options.get("split"),
        "counts": export.counts,
        "certificate": export.certificate,
        "files": [
            {
                "name": file["name"],
                "role": file.get("role"),
                "language": file.get("language"),
                "split": file.get("split"),
                "rows": file.get("rows"),
                "bytes": file["bytes"],
                "sha256": file["sha256"],
                "url": f"/v1/exports/{export_id}/files/{file['name']}",
            }
            for file in export.files
        ],
        "created_at": export.created_at,
        "finished_at": export.finished_at,
    }


def _describe_filters(request: ExportRequest) -> dict[str, Any]:
    filters: dict[str, Any] = {}
    if request.statuses:
        filters["status"] = list(request.statuses)
    if request.min_words is not None:
        filters["min_words"] = request.min_words
    if request.item_ids is not None:
        filters["item_numbers"] = sorted(set(request.item_ids))
    return filters


def _describe_options(request: ExportRequest) -> dict[str, Any]:
    options: dict[str, Any] = {"images": request.images, "on_missing_images": request.on_missing_images}
    if request.stale_translations != "leave_out":
        options["stale_translations"] = request.stale_translations
    if request.split is not None:
        shares = {name: request.split[name] for name in SPLITS if name in request.split}
        options["split"] = {**shares, "seed": int(request.split.get("seed", 0))}
    return options


def _check_choices(request: ExportRequest) -> list[Fault]:
    choices = [
        ("/format", "unknown_format", request.format, tuple(FORMATS)),
        ("/images", "unknown_choice", request.images, IMAGE_CHOICES),
        ("/on_missing_images", "unknown_choice", request.on_missing_images, MISSING_CHOICES),
        ("/stale_translations", "unknown_choice", request.stale_translations, STALE_CHOICES),
    ]
    choices += [
        (f"/filters/status/{index}", "unknown_status", status, PAIR_STATUSES)
        for index, status in enumerate(request.statuses)
    ]
    return [
        Fault(pointer, code, f"Send one of: {', '.join(known)}.")
        for pointer, code, given, known in choices
        if given not in known
    ]


def _check_languages(request: ExportRequest, known: Sequence[str]) -> list[Fault]:
    if request.languages is not None and not request.languages:
        return [Fault("/languages", "no_language", f"Send some of: {', '.join(known)}; or leave it out for all.")]
    return [
        Fault(f"/languages/{index}", "unknown_language", f"The job has no {language!r}; it has {', '.join(known)}.")
        for index, language in enumerate(request.languages or ())
        if language not in known
    ]


def _check_split(split: dict[str, float] | None) -> list[Fault]:
    if split is None:
        return []
    shares = {name: share for name, share in split.items() if name != "seed"}
    faults = [
        Fault(f"/split/{name}", "bad_share", "A share is more than 0 and at most 1.")
        for name, share in shares.items()
        if not 0 < share <= 1
    ]
    if not faults and abs(sum(shares.values()) - 1) > TOLERANCE:
        faults = [
            Fault("/split", "bad_shares", f"The shares add up to {sum(shares.values()):g}; they must add up to 1.")
        ]
    return faults
