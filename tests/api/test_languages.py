"""Languages over HTTP: which there are, and orders that name them."""

from typing import Any

import httpx2
import pytest


async def add_dataset(client: httpx2.AsyncClient) -> str:
    response = await client.post("/v1/datasets", json={"items": [{"id": "1", "sentences": "a red car"}]})
    return str(response.json()["id"])


async def test_all_languages_are_listed_on_demand_and_any_tag_is_described(client: httpx2.AsyncClient) -> None:
    listed = (await client.get("/v1/languages?all=true")).json()["data"]
    assert len(listed) > 180
    assert [entry["code"] for entry in listed[:3]] == ["en", "zh", "ja"]
    brazilian = (await client.get("/v1/languages/pt-BR")).json()
    assert (brazilian["name"], brazilian["script"], brazilian["identified_by"]) == (
        "Portuguese (Brazil)", "Latn", "detector",
    )  # fmt: skip
    assert (await client.get("/v1/languages/qq")).status_code == 404
    assert (await client.get("/v1/languages/pt_BR")).status_code == 404


async def test_an_order_may_name_any_language_and_is_told_of_wrong_ones(client: httpx2.AsyncClient) -> None:
    body = {"dataset_id": await add_dataset(client), "languages": ["hi", "pt-BR", "zh"]}
    checked = await client.post("/v1/jobs?validate_only=true", json=body)
    assert checked.json()["languages"] == ["hi", "pt-BR", "zh"]
    refused = await client.post("/v1/jobs", json={**body, "languages": ["pt-br", "klingon", "qq", "zh", "zh"]})
    assert [(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]] == [
        ("/languages/0", "unknown_language"),
        ("/languages/1", "malformed_language"),
        ("/languages/2", "unknown_language"),
        ("/languages/4", "duplicate_language"),
    ]


async def test_an_order_shows_its_policy(client: httpx2.AsyncClient) -> None:
    policy = {"on_failure": "flag", "back_translation": True, "rounds": 2}
    body = {"dataset_id": await add_dataset(client), "languages": ["zh"], "translation": policy}
    made = await client.post("/v1/jobs", json=body)
    assert made.status_code == 202, made.text
    assert made.json()["policies"] == {"translation": policy}
    estimate = await client.post("/v1/jobs/estimate", json=body)
    plain = await client.post("/v1/jobs/estimate", json={**body, "translation": None})
    assert estimate.json()["calls"]["translate"] == 2 * plain.json()["calls"]["translate"]


@pytest.mark.parametrize(
    ("policy", "pointer"),
    [
        ({"on_failure": "keep"}, "/translation/on_failure"),
        ({"rounds": 0}, "/translation/rounds"),
        ({"rounds": 11}, "/translation/rounds"),
        ({"back_translation": "yes please"}, "/translation/back_translation"),
        ({"retries": 3}, "/translation/retries"),
    ],
)
async def test_a_policy_that_does_not_hold_is_pointed_at(
    client: httpx2.AsyncClient, policy: dict[str, Any], pointer: str
) -> None:
    body = {"dataset_id": await add_dataset(client), "languages": ["zh"], "translation": policy}
    response = await client.post("/v1/jobs", json=body)
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]
