"""Datasets after their upload: reading, paging, deleting."""

import httpx2

from app.ids import decode_id
from app.store.session import Sessions
from tests.api.service import add_job, assert_problem
from tests.datasets_api.files import list_names, plain_items, to_lines


async def upload(client: httpx2.AsyncClient, name: str, count: int = 5) -> str:
    response = await client.put(f"/datasets?name={name}", content=to_lines(plain_items(count)) + b'{"id": "x"}\n' * 3)
    identifier: str = response.json()["id"]
    return identifier


async def test_a_dataset_is_read_again_only_when_it_changed(client: httpx2.AsyncClient) -> None:
    path = f"/datasets/{await upload(client, 'herons')}"
    first = await client.get(path)
    assert first.json()["counts"]["errors"] == 3
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.head(path)).headers["etag"] == first.headers["etag"]


async def test_lists_are_paged_by_cursor(client: httpx2.AsyncClient) -> None:
    ids = [await upload(client, f"set-{n}") for n in range(3)]
    for path, expected in (
        ("/datasets", [("id", identifier) for identifier in reversed(ids)]),
        (f"/datasets/{ids[0]}/items", [("source_id", f"item-{n}") for n in range(5)]),
        (f"/datasets/{ids[0]}/errors", [("line", n) for n in (6, 7, 8)]),
    ):
        seen: list[object] = []
        cursor: str | None = ""
        while cursor is not None:
            page = (await client.get(f"{path}?limit=2{cursor and f'&cursor={cursor}'}")).json()
            assert page["object"] == "list"
            seen += [row[field] for row, (field, _) in zip(page["data"], expected, strict=False)]
            cursor = page["next_cursor"]
        assert seen == [value for _, value in expected]


async def test_an_item_has_the_shape_that_is_promised(client: httpx2.AsyncClient) -> None:
    dataset_id = await upload(client, "herons")
    (item,) = (await client.get(f"/datasets/{dataset_id}/items?source_id=item-3")).json()["data"]
    assert item.pop("id").startswith("item_")
    assert item == {
        "object": "item",
        "dataset_id": dataset_id,
        "position": 3,
        "source_id": "item-3",
        "sentences": "A grey heron stands in the reeds, 3.",
        "image_ids": ["IMG_1"],
    }


async def test_a_dataset_is_deleted_with_all_it_holds(client: httpx2.AsyncClient) -> None:
    path = f"/datasets/{await upload(client, 'herons')}"
    assert (await client.delete(path)).status_code == 204
    assert_problem(await client.get(path), 404, "not_found")
    assert await list_names(client) == []
    assert await upload(client, "herons")


async def test_a_dataset_that_a_job_uses_is_kept(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id = await upload(client, "herons")
    await add_job(sessions, decode_id("dataset", dataset_id))
    assert_problem(await client.delete(f"/datasets/{dataset_id}"), 409, "conflict", mend="job_")
    assert await list_names(client) == ["herons"]
