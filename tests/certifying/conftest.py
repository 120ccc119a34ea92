"""Sound exports of every format, made once; a test gets a copy."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.resources import Resources
from app.services.exporting.formats import FORMATS
from app.services.exporting.work import work_export
from app.services.exports import ExportRequest, submit_export
from app.settings import load_settings
from app.store.exports import get_export
from app.store.session import Sessions, make_sessions
from app.wiring import open_resources
from tests.api.service import add_job, add_pairs
from tests.certifying.planting import Planting
from tests.exports.orders import WORKER, add_kind_dataset
from tests.exports.pictures import add_picture, draw_picture
from tests.support.servers import truncation

ITEMS = 6


@pytest_asyncio.fixture(scope="session")
async def sound_folder(
    database_url: str, redis_url: str, engine: AsyncEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Path]:
    """A folder per format: two splits, English and Chinese, pictures and all."""
    folder = tmp_path_factory.mktemp("exports")
    settings = load_settings(database_url=database_url, redis_url=redis_url, home=folder / "home")
    async with engine.begin() as connection:
        await connection.execute(text(truncation()))
    sessions = make_sessions(engine)
    async with open_resources(settings) as resources:
        for name in FORMATS:
            kind = "llava.Conversation" if name in {"llava", "sharegpt", "openai"} else "video.DenseCaptions"
            await _export(resources, sessions, name, kind, folder / name)
        yield folder


@pytest.fixture
def plant(sound_folder: Path, tmp_path: Path) -> Callable[[str], Planting]:
    """`plant("llava")`: a copy of a sound export."""

    def copy(name: str) -> Planting:
        shutil.copytree(sound_folder / name, tmp_path / name)
        return Planting(tmp_path / name)

    return copy


async def _export(resources: Resources, sessions: Sessions, name: str, kind: str, folder: Path) -> None:
    dataset_id, items = await add_kind_dataset(sessions, kind, "XX", ITEMS)
    for number in range(ITEMS):
        await add_picture(resources, sessions, dataset_id, f"IMG_{number}", draw_picture(number))
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, languages=["zh"])
    split = {"train": 0.5, "validation": 0.5, "seed": 1}
    async with sessions.begin() as session:
        request = ExportRequest(job_id, name, ["en", "zh"], images="base64", split=split)
        export = await submit_export(session, request)
    await work_export(resources, export.id, WORKER)
    async with sessions() as session:
        done = await get_export(session, export.id)
    assert done.state == "completed", done.certificate
    folder.mkdir()
    for file in done.files:
        chunks = [chunk async for chunk in resources.blobs.read(file["path"], 0, file["bytes"])]
        (folder / file["name"]).write_bytes(b"".join(chunks))
