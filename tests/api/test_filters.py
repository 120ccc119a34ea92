"""The rules over HTTP: what there is, what a kind does by default, what an order may say."""

from typing import Any

import httpx2
import pytest

from app.ids import encode_id
from app.pipeline.filtering import RULES_BY_CODE
from app.store.session import Sessions
from tests.api.service import add_dataset, assert_problem


async def _list(client: httpx2.AsyncClient, query: str = "") -> dict[str, dict[str, Any]]:
    answer = await client.get(f"/v1/filters{query}")
    assert answer.status_code == 200, answer.text
    return {rule["code"]: rule for rule in answer.json()["data"]}


async def test_every_rule_is_listed_with_what_it_does(client: httpx2.AsyncClient) -> None:
    rules = await _list(client)
    assert rules.keys() > RULES_BY_CODE.keys()
    assert rules["refusal"]["default"] == "reject"
    assert rules["white_space"]["severities"] == ["reject", "flag", "repair", "off"]
    assert rules["similar_in_dataset"] == {
        "code": "similar_in_dataset",
        "object": "filter_rule",
        "family": "repeats",
        "version": 1,
        "description": RULES_BY_CODE["similar_in_dataset"].description,
        "scope": "job",
        "severity": "flag",
        "default": "off",
        "severities": ["reject", "flag", "off"],
        "needs": [],
        "kinds": {},
    }
    assert all(rule["description"] and rule["version"] for rule in rules.values())


async def test_house_rules_stand_in_the_same_list_with_their_kinds(client: httpx2.AsyncClient) -> None:
    rules = await _list(client)
    assert (rules["names_character"]["family"], rules["names_character"]["default"]) == ("house", "off")
    assert rules["names_character"]["kinds"] == {"reject": ["video.TVCaptions"]}
    assert rules["exact_time"]["kinds"] == {"flag": ["video.TVCaptions"]}
    assert rules["answers_as_itself"]["kinds"] == {"off": ["egocentric.Ego4D"]}


async def test_a_kind_shows_what_every_rule_does_to_its_pairs(client: httpx2.AsyncClient) -> None:
    rules = await _list(client, "?kind=video.TVCaptions")
    assert (rules["names_character"]["default"], rules["exact_time"]["default"]) == ("reject", "flag")
    shown = (await client.get("/v1/kinds/video.TVCaptions")).json()
    assert {rule["code"]: rule for rule in shown["filters"]} == rules
    assert_problem(await client.get("/v1/filters?kind=video.Nothing"), 422, "unknown_kind", "kind")


async def test_an_order_is_checked_with_pointers(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    order = {
        "dataset_id": encode_id("dataset", dataset_id),
        "filters": {"rules": {"urls": "off", "url": "mend"}, "banned_names": ["Penny", ""], "response_words": [9, 2]},
    }
    pointers = [
        "/filters/rules/url", "/filters/banned_names/1", "/filters/response_words", "/filters/rules/urls",
    ]  # fmt: skip
    refused = await client.post("/v1/jobs?validate_only=true", json=order)
    assert_problem(refused, 422, "invalid_request", *pointers, mend="Did you mean 'url'?")


async def test_an_order_keeps_its_policy(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    filters = {"rules": {"question_without_answer": "reject", "url": "off", "names_character": "flag"}}
    answer = await client.post("/v1/jobs", json={"dataset_id": encode_id("dataset", dataset_id), "filters": filters})
    assert answer.status_code == 202, answer.text
    assert answer.json()["policies"] == {"filters": filters}


@pytest.mark.parametrize("filters", [[], "strict", {"rule": {}}, {"rules": []}])
async def test_a_policy_of_another_shape_is_refused(
    client: httpx2.AsyncClient, sessions: Sessions, filters: object
) -> None:
    dataset_id, _ = await add_dataset(sessions)
    order = {"dataset_id": encode_id("dataset", dataset_id), "filters": filters}
    answer = await client.post("/v1/jobs?validate_only=true", json=order)
    assert answer.status_code == 422
    assert all(fault["pointer"].startswith("/filters") for fault in answer.json()["errors"])
