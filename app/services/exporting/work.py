"""The work of an export, under a lease that outlives no worker."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from app.certifying.certificate import Certificate
from app.certifying.certify import certify
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.exporting.making import File, Making
from app.services.exporting.manifest import write_manifest
from app.services.exporting.options import read_options
from app.services.exporting.stored import StoppedError, StoredFolder
from app.services.exporting.writers import WRITERS
from app.store import exports as store
from app.store.datasets import get_dataset
from app.store.export_rows import begin_snapshot
from app.store.jobs import get_job
from app.store.outages import is_outage
from app.store.prompts import get_prompt

BEATS_PER_LEASE = 4

log = logging.getLogger("syphus.exports")


class LeaseLostError(Exception):
    """Somebody else has the export now."""


async def work_export(resources: Resources, export_id: int, owner: str) -> None:
    """Make an export's files, if it is due and nobody else is at it.

    May run twice, by any number of workers, and has one effect: only the holder of the newest fence can finish it.
    A try that fails is tried again, three times in all; one that is cancelled goes back into the queue uncounted.
    The next try keeps the files that this one finished, as long as the pairs are the same.
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
    try:
        await _try(resources, lease)
    except LeaseLostError:
        log.warning("export_lease_lost", extra={"export": lease.export_id, "fence": lease.fence})
    except Exception as error:
        log.exception("export_try_failed", extra={"export": lease.export_id, "attempt": lease.attempts})
        await _give_back(resources, lease, error)


async def _try(resources: Resources, lease: store.ExportLease) -> None:
    async with resources.sessions() as session:
        export = await store.get_export(session, lease.export_id)
        job = await get_job(session, export.job_id)
        dataset = await get_dataset(session, job.dataset_id)
        prompt = await get_prompt(session, job.prompt_id)
    writers = WRITERS[export.format]
    async with resources.sessions() as session:
        fingerprint = await begin_snapshot(session, job.id, dataset.id)
        progress = export.progress if export.progress.get("fingerprint") == fingerprint else {}

        async def note(making: Making) -> None:
            kept = {"fingerprint": fingerprint, "files": making.files}
            async with resources.sessions.begin() as writing:
                if not await store.note_progress(writing, lease, kept):
                    raise LeaseLostError

        making = Making(
            export=export,
            job=job,
            dataset=dataset,
            prompt=prompt,
            options=read_options(export),
            resources=resources,
            session=session,
            folder=f"{_folder_of(lease)}/{lease.fence}",
            note=note,
            earlier={file["name"]: file for file in progress.get("files", [])},
        )
        await writers.text(making)
        if making.options.has_pictures and writers.pictures is not None:
            await writers.pictures(making)
        await write_manifest(making)
    await _finish(resources, lease, making)


async def _finish(resources: Resources, lease: store.ExportLease, making: Making) -> None:
    certificate = await _certify(resources, making.files)
    is_partial = making.job.state not in FINAL_STATES
    counts = {**making.counts, "links": certificate.links, "is_partial": is_partial}
    files = making.files
    result = store.ExportResult("completed", files, counts, certificate.describe())
    if not certificate.is_valid:
        files = []
        result = store.ExportResult("failed", files, counts, certificate.describe(), "certificate_failed")
    async with resources.sessions.begin() as session:
        is_ours = await store.finish_export(session, lease, result)
    if is_ours:
        await resources.blobs.keep_only(_folder_of(lease), {file["path"] for file in files})


async def _certify(resources: Resources, files: list[File]) -> Certificate:
    """In a thread, which stops at its next read when this is cancelled."""
    folder = StoredFolder(resources.blobs, {file["name"]: file for file in files})
    reading = asyncio.ensure_future(asyncio.to_thread(certify, folder))
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        folder.stop()
        with suppress(StoppedError):
            await reading
        raise


async def _give_back(resources: Resources, lease: store.ExportLease, error: Exception) -> None:
    """After a failure: try again, or end it with its reason. While PostgreSQL is away the lease runs out by itself."""
    reason = f"{type(error).__name__}: {error}"[:500]
    try:
        if lease.attempts < store.MOST_ATTEMPTS:
            await _return(resources, lease, reason, is_forgiven=is_outage(error))
            return
        result = store.ExportResult("failed", [], {}, None, reason)
        async with resources.sessions.begin() as session:
            is_ours = await store.finish_export(session, lease, result)
    except Exception as failure:
        if not is_outage(failure):
            raise
        log.warning("export_left_to_its_lease", extra={"export": lease.export_id})
        return
    if is_ours:
        await resources.blobs.keep_only(_folder_of(lease), ())


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


async def _stop(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


def _folder_of(lease: store.ExportLease) -> str:
    return f"exports/{lease.export_id}"
