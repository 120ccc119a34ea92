"""Storage by S3: the same files, and pictures from their upload to their deletion, through a server that speaks it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from app.blobs import Blobs, open_blobs
from app.main import create_app
from app.settings import Settings
from app.store.session import Sessions
from tests.api.service import open_client
from tests.images.archives import make_zip
from tests.images.test_uploads import FILES, upload
from tests.pictures.files import decode
from tests.support.object_storage import BUCKET, make_bucket, running_s3


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with running_s3() as variables:
        yield variables


@pytest_asyncio.fixture
async def storage_url(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, with a prefix of our own in it."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    await make_bucket(s3["AWS_ENDPOINT_URL"])
    return f"s3://{BUCKET}/some/where"


@pytest_asyncio.fixture(params=["s3", "folder"])
async def blobs(request: pytest.FixtureRequest, storage_url: str, tmp_path_factory: pytest.TempPathFactory) -> Blobs:
    return open_blobs(storage_url if request.param == "s3" else str(tmp_path_factory.mktemp("blobs")))


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 700_000):
        yield data[start : start + 700_000]


async def test_files_are_written_read_moved_and_removed(blobs: Blobs) -> None:
    large = bytes(range(256)) * 80_000  # more than one part of a multipart upload
    size, sha256 = await blobs.write("exports/a.bin", _chunks(large))
    assert (size, len(sha256), await blobs.size("exports/a.bin")) == (len(large), 64, len(large))
    assert b"".join([chunk async for chunk in blobs.read("exports/a.bin", 5, 3_000_005)]) == large[5:3_000_005]
    await blobs.put("images/ab/abc", b"one")
    await blobs.put("images/ab/abc", b"two")
    assert await blobs.fetch("images/ab/abc") == b"two"
    await blobs.move("images/ab/abc", "swept/abc")
    assert (await blobs.has("images/ab/abc"), await blobs.has("swept/abc")) == (False, True)
    await blobs.delete("swept/abc")
    for missing in (blobs.fetch("swept/abc"), blobs.size("swept/abc"), blobs.move("swept/abc", "x")):
        with pytest.raises(FileNotFoundError):
            await missing


async def test_pictures_live_in_s3_from_upload_to_deletion(
    settings: Settings, sessions: Sessions, storage_url: str
) -> None:
    app = create_app(settings.model_copy(update={"storage_url": storage_url}))
    record = [{"img_id": "1", "sentences": ["The red car is gone."]}]
    async with open_client(app, "http://127.0.0.1:8000/v1") as client:
        dataset = (await client.put("/datasets?kind=change.SpotTheDifference", json=record)).json()["id"]
        report = await upload(client, dataset, make_zip(FILES))
        assert (report["counts"]["stored"], report["missing"]["count"], report["surplus"]["count"]) == (4, 0, 2)
        rows = (await client.get(f"/datasets/{dataset}/images")).json()["data"]
        assert {(await client.get(row["url"].removeprefix("/v1"))).content for row in rows} == set(FILES.values())
        part = await client.get(f"/images/{rows[0]['id']}", headers={"Range": "bytes=4-9"})
        assert part.content == (await client.get(f"/images/{rows[0]['id']}")).content[4:10]
        small = await client.get(f"/images/{rows[0]['id']}?thumbnail=128")
        assert max(decode(small.content).size) <= 128
        assert (await client.delete(f"/datasets/{dataset}")).status_code == 204
    left = open_blobs(storage_url)
    assert not any([await left.has(f"images/{row['sha256'][:2]}/{row['sha256']}") for row in rows])
