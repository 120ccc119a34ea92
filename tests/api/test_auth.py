"""Who may ask."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from app.api.auth import StartRefusedError, check_start
from app.main import create_app
from app.settings import Settings
from app.store.session import Sessions
from tests.api.service import assert_problem, open_client

KEYS = "syp_first_0123456789, syp_second_0123456789"


@pytest.mark.parametrize("changes", [{"host": "0.0.0.0"}, {"auth": "on"}, {"host": "192.168.1.5", "api_keys": " , "}])
def test_the_service_refuses_to_start_for_a_network_without_keys(
    settings: Settings, changes: Mapping[str, Any]
) -> None:
    with pytest.raises(StartRefusedError, match="SYPHUS_API_KEYS"):
        check_start(settings.model_copy(update=dict(changes)))


@pytest.mark.parametrize("changes", [{}, {"host": "0.0.0.0", "auth": "off"}, {"host": "0.0.0.0", "api_keys": KEYS}])
def test_loopback_keys_or_a_plain_wish_let_it_start(settings: Settings, changes: Mapping[str, Any]) -> None:
    check_start(settings.model_copy(update=dict(changes)))


async def test_the_refusal_is_one_clear_line_for_the_server_to_print(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"host": "0.0.0.0"}))
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(StartRefusedError):
        await app({"type": "lifespan"}, receive, send)
    [failure] = sent
    assert failure["type"] == "lifespan.startup.failed"
    assert failure["message"].startswith("Refusing to listen on 0.0.0.0 without keys: set SYPHUS_API_KEYS")
    assert len(failure["message"].splitlines()) == 1


async def test_with_keys_every_path_but_the_open_ones_needs_one(settings: Settings, sessions: Sessions) -> None:
    async with open_client(create_app(settings.model_copy(update={"api_keys": KEYS}))) as client:
        for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz"):
            assert (await client.get(path)).status_code == 200
        for path in ("/v1/jobs", "/v1/pairs/stream", "/metrics", "/v1/nothing", "/v1/datasets"):
            response = await client.get(path)
            assert_problem(response, 401, "unauthorized", mend="Authorization: Bearer")
            assert response.headers["www-authenticate"].startswith("Bearer")


async def test_each_key_opens_and_a_wrong_one_does_not(settings: Settings, sessions: Sessions) -> None:
    async with open_client(create_app(settings.model_copy(update={"api_keys": KEYS, "host": "0.0.0.0"}))) as client:
        for key in ("syp_first_0123456789", "syp_second_0123456789"):
            response = await client.get("/v1/jobs", headers={"Authorization": f"Bearer {key}"})
            assert response.status_code == 200
        for given in ("Bearer syp_first_012345678", "Bearer SYP_first_0123456789", "Basic eDp5", "Bearer ", "Bearer ü"):
            response = await client.get("/v1/jobs", headers=[(b"Authorization", given.encode())])
            assert response.status_code == 401
            assert "syp_first" not in response.text


async def test_without_keys_only_this_machine_is_served(settings: Settings, sessions: Sessions) -> None:
    app = create_app(settings)
    async with open_client(app, "http://10.0.0.5:8000") as client:
        assert_problem(await client.get("/v1/jobs"), 401, "unauthorized", mend="SYPHUS_API_KEYS")
        assert (await client.get("/healthz")).status_code == 200


async def test_without_keys_a_page_that_rebinds_its_name_is_no_neighbour(client: httpx2.AsyncClient) -> None:
    rebound = await client.get("/v1/jobs", headers={"Host": "evil.example"})
    assert_problem(rebound, 401, "unauthorized", mend="loopback")
    foreign = await client.get("/v1/jobs", headers={"Origin": "https://evil.example"})
    assert_problem(foreign, 401, "unauthorized", mend="loopback")
    for own in ({"Host": "localhost:8000"}, {"Host": "[::1]:8000"}, {"Origin": "http://127.0.0.1:3000"}):
        assert (await client.get("/v1/jobs", headers=own)).status_code == 200


async def test_a_key_belongs_to_its_owner(settings: Settings, sessions: Sessions) -> None:
    """Two owners may use the same Idempotency-Key without seeing each other's answers."""
    async with open_client(create_app(settings.model_copy(update={"api_keys": KEYS}))) as client:
        answers = []
        for key in ("syp_first_0123456789", "syp_second_0123456789"):
            headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "one"}
            body = {"name": f"p{key[4:9]}", "system_message": "Ask.", "in_context": []}
            answers.append(await client.post("/v1/prompts", json=body, headers=headers))
        assert all("idempotent-replayed" not in answer.headers for answer in answers)
        assert {answer.status_code for answer in answers} == {201}
