"""Which servers a process talks to: configured ones first, its own or a neighbour's for what is left open."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.embedded import EmbeddedError, open_embedded, resolve_endpoints
from app.settings import Settings, load_settings
from tests.embedded.conftest import Owner, read_rows, write_row


def _settings(home: Path, **urls: str) -> Settings:
    return load_settings(home=home, **urls)


ALL_URLS = {"database_url": "postgresql://db/x", "redis_url": "redis://cache", "openai_base_url": "http://model/v1"}


def test_with_every_url_set_nothing_embedded_starts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    endpoints = resolve_endpoints(_settings(home, **ALL_URLS), own=True)
    assert (endpoints.database_url, endpoints.redis_url, endpoints.model_url) == tuple(ALL_URLS.values())
    assert endpoints.owned is None
    assert not endpoints.is_demo_model
    assert not home.exists()


def test_an_empty_variable_is_as_if_it_were_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SYPHUS_PORT", "SYPHUS_WORKERS", "OPENAI_MODEL", "DATABASE_URL"):
        monkeypatch.setenv(name, "")
    settings = _settings(tmp_path)
    assert (settings.port, settings.workers, settings.openai_model) == (8000, None, "gpt-4o-mini")
    assert settings.database_url is None


def test_a_key_without_an_address_means_the_real_model(tmp_path: Path) -> None:
    urls = ALL_URLS | {"openai_api_key": "k"}
    del urls["openai_base_url"]
    endpoints = resolve_endpoints(_settings(tmp_path, **urls), own=True)
    assert endpoints.model_url is None
    assert not endpoints.is_demo_model


async def test_only_what_has_no_url_is_started_and_it_stops_with_the_block(tmp_path: Path) -> None:
    urls = {"redis_url": ALL_URLS["redis_url"], "openai_base_url": ALL_URLS["openai_base_url"]}
    async with open_embedded(_settings(tmp_path, **urls)) as endpoints:
        await write_row(endpoints.database_url, 1)
        assert endpoints.redis_url == ALL_URLS["redis_url"]
        owned = endpoints.owned
        assert owned is not None
        assert owned.redis_url is None
    assert not owned.is_running


async def test_a_neighbour_uses_the_servers_of_the_owner(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    start_owner(tmp_path, "database", "redis", "model")
    endpoints = resolve_endpoints(_settings(tmp_path), own=False)
    await write_row(endpoints.database_url, 3)
    assert await read_rows(endpoints.database_url) == [3]
    assert endpoints.is_demo_model
    assert endpoints.model_name == "smollm2-135m-instruct"
    assert endpoints.owned is None


def test_a_neighbour_without_an_owner_is_refused_in_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError) as refusal:
        resolve_endpoints(_settings(tmp_path), own=False)
    assert str(refusal.value) == (
        f"No embedded instance runs on {tmp_path}: start `make serve` first, or set DATABASE_URL and REDIS_URL."
    )
