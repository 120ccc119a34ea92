"""Relations set by hand: what may stand in them, and that an edit names the version it edits."""

from dataclasses import dataclass

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.ids import encode_id
from app.store.session import Sessions
from tests.api.service import add_dataset, add_job, add_pairs, assert_problem, pair_ids


@dataclass(frozen=True)
class Made:
    """A job's English pairs by id, a translation of the first, a rejected one, and a pair of another job."""

    pairs: list[str]
    translation: str
    rejected: str
    foreign: str


@pytest_asyncio.fixture
async def made(sessions: Sessions) -> Made:
    dataset_id, items = await add_dataset(sessions)
    english = await add_pairs(sessions, await add_job(sessions, dataset_id), items[:2], per_item=3, languages=["zh"])
    foreign = await add_pairs(sessions, await add_job(sessions, dataset_id), items[:1], per_item=1)
    async with sessions.begin() as session:
        translation = (
            await session.execute(text("SELECT id FROM pair WHERE translation_of = :id"), {"id": english[0]})
        ).scalar_one()
        await session.execute(text("UPDATE pair SET status = 'rejected' WHERE id = :id"), {"id": english[5]})
    return Made(pair_ids(english[:5]), *pair_ids([translation, english[5], foreign[0]]))


async def put(client: httpx2.AsyncClient, pair_id: str, related: list[str], match: str | None = "*") -> httpx2.Response:
    headers = {} if match is None else {"If-Match": match}
    return await client.put(f"/v1/pairs/{pair_id}/relations", json={"related_pair_ids": related}, headers=headers)


async def test_related_pairs_are_set_in_the_order_given(client: httpx2.AsyncClient, made: Made) -> None:
    first, *others = made.pairs
    wanted = [others[3], others[0]]
    answer = await put(client, first, wanted)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["rule"], [pair["id"] for pair in answer.json()["data"]]) == ("manual", wanted)
    read = await client.get(f"/v1/pairs/{first}/relations")
    assert read.json() == answer.json()
    pair = (await client.get(f"/v1/pairs/{first}")).json()
    assert pair["related_pair_ids"] == wanted
    etags = {read.headers["etag"].removeprefix("W/"), answer.headers["etag"].removeprefix("W/")}
    assert etags == {f'"{pair["etag"]}"'}


async def test_a_translation_shares_what_is_set_for_its_english_pair(client: httpx2.AsyncClient, made: Made) -> None:
    answer = await put(client, made.translation, [made.pairs[4]])
    assert answer.status_code == 200, answer.text
    for pair_id in (made.pairs[0], made.translation):
        relations = (await client.get(f"/v1/pairs/{pair_id}/relations")).json()
        assert (relations["rule"], [pair["id"] for pair in relations["data"]]) == ("manual", [made.pairs[4]])


async def test_a_pair_may_be_related_to_none(client: httpx2.AsyncClient, made: Made) -> None:
    assert (await put(client, made.pairs[0], [])).json()["data"] == []
    assert (await client.get(f"/v1/pairs/{made.pairs[0]}")).json()["related_pair_ids"] == []


async def test_an_edit_names_the_version_it_edits(client: httpx2.AsyncClient, made: Made) -> None:
    first = made.pairs[0]
    assert_problem(await put(client, first, [], None), 428, "precondition_required", mend="If-Match")
    etag = (await client.get(f"/v1/pairs/{first}/relations")).headers["etag"]
    assert (await put(client, first, [made.pairs[1]], etag)).status_code == 200
    assert_problem(await put(client, first, [made.pairs[2]], etag), 412, "precondition_failed", mend="again")
    assert (await client.get(f"/v1/pairs/{first}")).json()["related_pair_ids"] == [made.pairs[1]]


async def test_reading_again_what_has_not_changed_is_304(client: httpx2.AsyncClient, made: Made) -> None:
    path = f"/v1/pairs/{made.pairs[0]}/relations"
    etag = (await client.get(path)).headers["etag"]
    assert (await client.get(path, headers={"If-None-Match": etag})).status_code == 304


async def test_all_that_is_wrong_is_told_and_nothing_is_set(client: httpx2.AsyncClient, made: Made) -> None:
    first, second, *_ = made.pairs
    before = (await client.get(f"/v1/pairs/{first}")).json()
    missing = encode_id("pair", 2**62)
    given = [second, second, first, made.translation, made.rejected, made.foreign, missing, "nonsense"]
    pointers = [f"/related_pair_ids/{place}" for place in range(1, 8)]
    problem = assert_problem(await put(client, first, given), 422, "invalid_request", *pointers)
    assert [fault["code"] for fault in problem["errors"]] == [
        "repeated",
        "self_link",
        "not_english",
        "rejected",
        "other_job",
        "not_found",
        "not_found",
    ]
    assert (await client.get(f"/v1/pairs/{first}")).json() == before


async def test_a_list_without_an_end_is_refused(client: httpx2.AsyncClient, made: Made) -> None:
    refused = await put(client, made.pairs[0], [made.pairs[1]] * 1001)
    assert_problem(refused, 422, "invalid_request", "/related_pair_ids", mend="1000")


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_pair_that_is_not_there_is_a_404(client: httpx2.AsyncClient, made: Made, method: str) -> None:
    body: dict[str, list[str]] | None = {"related_pair_ids": []} if method == "PUT" else None
    path = f"/v1/pairs/{encode_id('pair', 2**62)}/relations"
    response = await client.request(method, path, json=body, headers={"If-Match": "*"})
    assert_problem(response, 404, "not_found")
