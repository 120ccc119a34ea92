"""A dataset's glossary over HTTP."""

import httpx2
import pytest

TERMS = [{"source": "Beckett", "zh": "贝克特", "pt-BR": "Beckett"}, {"source": "Castle", "keep": True}]


async def add_dataset(client: httpx2.AsyncClient) -> str:
    body = {"name": "mine", "items": [{"id": "1", "sentences": "Beckett waits for Castle."}]}
    response = await client.post("/datasets", json=body)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def test_a_glossary_is_empty_until_it_is_set_and_then_read_as_given(client: httpx2.AsyncClient) -> None:
    path = f"/datasets/{await add_dataset(client)}/glossary"
    assert (await client.get(path)).json()["terms"] == []
    put = await client.put(path, json={"terms": TERMS})
    assert put.status_code == 200, put.text
    got = await client.get(path)
    assert got.json() == put.json()
    assert got.json()["terms"] == TERMS
    assert got.headers["etag"] == put.headers["etag"]
    assert (await client.put(path, json={"terms": TERMS[1:]})).json()["terms"] == TERMS[1:]


async def test_an_edit_may_name_the_version_it_edits(client: httpx2.AsyncClient) -> None:
    path = f"/datasets/{await add_dataset(client)}/glossary"
    stale = (await client.get(path)).headers["etag"]
    assert (await client.put(path, json={"terms": TERMS}, headers={"If-Match": stale})).status_code == 200
    late = await client.put(path, json={"terms": []}, headers={"If-Match": stale})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await client.get(path)).json()["terms"] == TERMS


@pytest.mark.parametrize(
    ("term", "pointer", "code"),
    [
        ("Beckett", "/terms/1", "wrong_type"),
        ({"zh": "贝克特"}, "/terms/1/source", "wrong_type"),
        ({"source": "  ", "zh": "贝克特"}, "/terms/1/source", "wrong_type"),
        ({"source": "Beckett"}, "/terms/1", "no_wording"),
        ({"source": "Beckett", "keep": "yes"}, "/terms/1/keep", "wrong_type"),
        ({"source": "Beckett", "chinese": "贝克特"}, "/terms/1/chinese", "unknown_language"),
        ({"source": "Beckett", "en": "Beckett"}, "/terms/1/en", "unknown_language"),
        ({"source": "Beckett", "zh": ""}, "/terms/1/zh", "wrong_type"),
        ({"source": "Castle", "zh": "城堡"}, "/terms/1/source", "repeated"),
    ],
)
async def test_what_is_wrong_with_a_term_is_pointed_at(
    client: httpx2.AsyncClient, term: object, pointer: str, code: str
) -> None:
    path = f"/datasets/{await add_dataset(client)}/glossary"
    response = await client.put(path, json={"terms": [{"source": "Castle", "keep": True}, term]})
    assert response.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]] == [(pointer, code)]
    assert (await client.get(path)).json()["terms"] == []


async def test_only_a_dataset_has_one(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/datasets/ds_0000000000000/glossary")).status_code == 404
    assert (await client.put("/datasets/ds_0000000000000/glossary", json={"terms": []})).status_code == 404
