"""Files of exports over HTTP: whole, in ranges, and only when they changed."""

from hashlib import sha256

import httpx2
import pytest

from app.resources import Resources
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs
from tests.exports.orders import add_kind_dataset, finish_export, order_export


async def make_file(client: httpx2.AsyncClient, resources: Resources, sessions: Sessions) -> tuple[str, bytes, str]:
    """(path, content, sha256) of an exported file."""
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 20)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items)
    export = await finish_export(client, resources, await order_export(client, job_id))
    file = export["files"][0]
    path = file["url"].removeprefix("/v1")
    content = (await client.get(path)).content
    assert (len(content), sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    return path, content, file["sha256"]


async def test_a_file_comes_whole_with_its_length_and_digest(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    path, content, digest = await make_file(client, resources, sessions)
    response = await client.get(path)
    assert response.headers["content-length"] == str(len(content))
    assert response.headers["etag"] == f'"{digest}"'
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"] == 'attachment; filename="DC_instructions.json"'
    head = await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(content))
    again = await client.get(path, headers={"If-None-Match": f'"{digest}"'})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("0-9", 0, 10), ("10-", 10, None), ("-7", -7, None), ("5-999999999", 5, None)]
)
async def test_a_range_comes_as_part(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, asked: str, start: int, end: int | None
) -> None:
    path, content, digest = await make_file(client, resources, sessions)
    response = await client.get(path, headers={"Range": f"bytes={asked}"})
    assert response.status_code == 206
    assert response.content == content[start:end]
    first = start % len(content)
    assert response.headers["content-range"] == f"bytes {first}-{first + len(response.content) - 1}/{len(content)}"
    stale = await client.get(path, headers={"Range": f"bytes={asked}", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, content)
    fresh = await client.get(path, headers={"Range": f"bytes={asked}", "If-Range": f'"{digest}"'})
    assert fresh.status_code == 206


async def test_a_range_outside_the_file_is_refused_with_the_size(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    path, content, _ = await make_file(client, resources, sessions)
    response = await client.get(path, headers={"Range": f"bytes={len(content)}-"})
    assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
    assert response.headers["content-range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-5", "bytes=-", "lines=1-2", "bytes=a-b"])
async def test_a_range_that_says_nothing_useful_gives_the_whole_file(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, asked: str
) -> None:
    path, content, _ = await make_file(client, resources, sessions)
    response = await client.get(path, headers={"Range": asked})
    assert (response.status_code, response.content) == (200, content)


async def test_a_file_that_is_not_of_the_export_is_not_found(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    path, _, _ = await make_file(client, resources, sessions)
    for name in ("DC_other.json", "..%2F..%2Fsecret", "%2Fetc%2Fpasswd"):
        response = await client.get(path.replace("DC_instructions.json", name))
        assert response.status_code == 404
