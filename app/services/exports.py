"""Exports: ordering one, and the work itself, under a lease that outlives no worker."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.blobs import Blobs
from app.clock import new_id, utc_now
from app.errors import ConflictError, Fault, InvalidRequestError
from app.ids import encode_id
from app.pipeline.lifecycle import FINAL_STATES
from app.queue import TASK_EXPORT
from app.resources import Resources
from app.services.export_files import (
    SOURCE_LANGUAGE,
    Making,
    certify_files,
    name_old_files,
    write_jsonl,
    write_mimic_it,
)
from app.store import exports as store
from app.store.datasets import get_dataset
from app.store.jobs import get_job
from app.store.models import PAIR_STATUSES, Export
from app.store.outages import is_outage

WRITERS = {"mimic-it": write_mimic_it, "jsonl": write_jsonl}
DONE_STATES = frozenset({"completed", "failed"})
BEATS_PER_LEASE = 4

log = logging.getLogger("syphus.exports")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What a client orders; `languages` None means all of the job's, `statuses` empty all but the rejected."""

    job_id: int
    format: str
    languages: Sequence[str] | None = None
    statuses: Sequence[str] = ()


async def submit_export(session: AsyncSession, request: ExportRequest) -> Export:
    """Queue an export; ring for it after the commit.

    Raises NotFoundError, InvalidRequestError with a pointer per fault, ConflictError while the job has no pairs.
    """
    job = await get_job(session, request.job_id)
    languages = _choose_languages(request, job.languages)
    if not await store.has_pairs(session, job.id):
        raise ConflictError(f"The job is {job.state} and has no pairs yet; there is nothing to export.")
    export = Export(
        id=new_id(),
        job_id=job.id,
        format=request.format,
        state="queued",
        languages=languages,
        filters={"status": list(request.statuses)} if request.statuses else {},
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


async def work_export(resources: Resources, export_id: int, owner: str) -> None:
    """Make an export's files, if it is due and nobody else is at it.

    May run twice, by any number of workers, and has one effect: only the holder of the newest fence can finish it.
    A try that fails is tried again, three times in all; one that is cancelled goes back into the queue uncounted.
    """
    lease_s = resources.settings.lease_s
    async with resources.sessions.begin() as session:
        lease = await store.claim_export(session, export_id, owner, lease_s)
    if lease is None:
        return
    work = asyncio.ensure_future(_make(resources, lease))
    beat = asyncio.ensure_future(_keep(resources, lease))
    try:
        await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            log.warning("export_lease_lost", extra={"export": export_id, "fence": lease.fence})
    except asyncio.CancelledError:
        await _stop(beat, work)
        await _let_go(resources, lease)
        raise
    finally:
        await _stop(beat, work)


async def _make(resources: Resources, lease: store.ExportLease) -> None:
    making: Making | None = None
    try:
        async with resources.sessions() as session:
            export = await store.get_export(session, lease.export_id)
            job = await get_job(session, export.job_id)
            dataset = await get_dataset(session, job.dataset_id)
        folder = f"exports/{export.id}/{lease.fence}"
        making = Making(export, job, dataset, resources.blobs, folder)
        async with resources.sessions() as session:
            await WRITERS[export.format](session, making)
        await _finish(resources, lease, making)
    except asyncio.CancelledError:
        await _forget_files(making)
        raise
    except Exception as error:
        log.exception("export_try_failed", extra={"export": lease.export_id, "attempt": lease.attempts})
        await _forget_files(making)
        await _give_back(resources, lease, error)


async def _finish(resources: Resources, lease: store.ExportLease, making: Making) -> None:
    certificate = await certify_files(making)
    counts = {**making.counts, "links": certificate.links, "is_partial": making.job.state not in FINAL_STATES}
    result = store.ExportResult("completed", making.files, counts, certificate.describe())
    if not certificate.is_valid:
        await _forget_files(making)
        result = store.ExportResult("failed", [], counts, certificate.describe(), "certificate_failed")
    async with resources.sessions.begin() as session:
        is_ours = await store.finish_export(session, lease, result)
    if not is_ours:
        await _forget_files(making)
    else:
        await _remove(resources.blobs, name_old_files(making))


async def _give_back(resources: Resources, lease: store.ExportLease, error: Exception) -> None:
    """After a failure: try again, or end it with its reason. While PostgreSQL is away the lease runs out by itself."""
    reason = f"{type(error).__name__}: {error}"[:500]
    try:
        if lease.attempts < store.MOST_ATTEMPTS:
            await _return(resources, lease, reason, is_forgiven=is_outage(error))
            return
        result = store.ExportResult("failed", [], {}, None, reason)
        async with resources.sessions.begin() as session:
            await store.finish_export(session, lease, result)
    except Exception as failure:
        if not is_outage(failure):
            raise
        log.warning("export_left_to_its_lease", extra={"export": lease.export_id})


async def _let_go(resources: Resources, lease: store.ExportLease) -> None:
    """Back into the queue, uncounted; while PostgreSQL is away the lease runs out by itself."""
    try:
        await _return(resources, lease, None, is_forgiven=True)
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("export_left_to_its_lease", extra={"export": lease.export_id})


async def _return(resources: Resources, lease: store.ExportLease, reason: str | None, *, is_forgiven: bool) -> None:
    async with resources.sessions.begin() as session:
        await store.return_export(session, lease, reason, is_forgiven=is_forgiven)


async def _keep(resources: Resources, lease: store.ExportLease) -> None:
    """Prolong the lease until it is lost; a try that PostgreSQL did not answer is repeated while the lease lasts."""
    lease_s = resources.settings.lease_s
    loop = asyncio.get_running_loop()
    kept_at = loop.time()
    while loop.time() - kept_at < 0.8 * lease_s:
        await asyncio.sleep(lease_s / BEATS_PER_LEASE)
        started_at = loop.time()
        try:
            async with resources.sessions.begin() as session:
                if not await store.keep_export(session, lease, lease_s):
                    return
            kept_at = started_at
        except Exception as error:
            if not is_outage(error):
                raise


async def _stop(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def _forget_files(making: Making | None) -> None:
    if making is not None:
        await _remove(making.blobs, [file["path"] for file in making.files])


async def _remove(blobs: Blobs, paths: Sequence[str]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            await blobs.delete(path)


def _choose_languages(request: ExportRequest, job_languages: Sequence[str]) -> list[str]:
    known = [SOURCE_LANGUAGE, *(language for language in job_languages if language != SOURCE_LANGUAGE)]
    faults = []
    if request.format not in WRITERS:
        faults.append(Fault("/format", "unknown_format", f"Send one of: {', '.join(WRITERS)}."))
    for index, language in enumerate(request.languages or ()):
        if language not in known:
            message = f"The job has no {language!r}; it has {', '.join(known)}."
            faults.append(Fault(f"/languages/{index}", "unknown_language", message))
    for index, status in enumerate(request.statuses):
        if status not in PAIR_STATUSES:
            message = f"Send some of: {', '.join(PAIR_STATUSES)}."
            faults.append(Fault(f"/filters/status/{index}", "unknown_status", message))
    if faults:
        raise InvalidRequestError("The export cannot be made like this.", errors=faults)
    if request.languages is None:
        return known
    return [language for language in known if language in request.languages]


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
        "filters": export.filters,
        "counts": export.counts,
        "certificate": export.certificate,
        "files": [
            {
                "name": file["name"],
                "bytes": file["bytes"],
                "sha256": file["sha256"],
                "url": f"/v1/exports/{export_id}/files/{file['name']}",
            }
            for file in export.files
        ],
        "created_at": export.created_at,
        "finished_at": export.finished_at,
    }
