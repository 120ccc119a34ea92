"""Embedded servers start, are found, are shared by one owner, and stop with it."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.embedded import EmbeddedError, find_running, start_embedded
from app.embedded.launching import Embedded
from tests.embedded.conftest import Owner, read_rows, write_row
from tests.support.processes import find_family, wait_until_gone


async def test_rows_outlive_a_stop_and_a_second_start(tmp_path: Path) -> None:
    with start_embedded(tmp_path, database=True, redis=False, model=False) as embedded:
        await write_row(embedded.database_url, 1)
    with start_embedded(tmp_path, database=True, redis=False, model=False) as embedded:
        assert await read_rows(embedded.database_url) == [1]


def test_a_stop_leaves_no_process_and_a_free_folder(tmp_path: Path) -> None:
    embedded = start_embedded(tmp_path, database=True, redis=True, model=True)
    running = find_running(tmp_path)
    assert running is not None
    family = find_family(running.keeper_pid)
    assert {"postgres", "valkey-server"} <= {process.name for process in family}

    embedded.stop()
    embedded.stop()  # a second one does nothing

    assert not any(process.is_alive for process in family)
    assert find_running(tmp_path) is None
    assert not embedded.is_running
    start_embedded(tmp_path, database=False, redis=True, model=False).stop()


async def test_only_what_is_asked_for_starts(tmp_path: Path) -> None:
    with start_embedded(tmp_path, database=False, redis=True, model=False) as embedded:
        assert (embedded.database_url, embedded.model_url, embedded.model_name) == (None, None, None)
        assert embedded.redis_url is not None
        async with Redis.from_url(embedded.redis_url) as client:
            assert await client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert await client.config_get("save") == {"save": ""}


def test_the_model_answers_within_a_json_schema(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}
    with start_embedded(tmp_path, database=False, redis=False, model=True) as embedded:
        body = {
            "model": embedded.model_name,
            "messages": [{"role": "user", "content": "Name a colour."}],
            "max_tokens": 32,
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
        }
        request = urllib.request.Request(
            f"{embedded.model_url}/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            reply = json.load(response)
    assert reply["model"] == embedded.model_name
    assert json.loads(reply["choices"][0]["message"]["content"])["colour"] in {"red", "blue"}


def test_a_second_owner_is_refused_in_one_clear_line(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    owner, _ = start_owner(tmp_path, "redis")
    with pytest.raises(EmbeddedError) as refusal:
        start_embedded(tmp_path, database=False, redis=True, model=False)
    message = str(refusal.value)
    assert str(tmp_path) in message
    assert f"process {owner.pid}" in message
    assert "SYPHUS_HOME" in message
    assert "\n" not in message


async def test_another_process_finds_the_running_servers(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    owner, _ = start_owner(tmp_path, "database")
    found = find_running(tmp_path)
    assert found is not None
    await write_row(found.database_url, 7)
    assert await read_rows(found.database_url) == [7]
    assert found.owner_pid == owner.pid


def test_an_owner_that_exits_takes_its_servers_with_it(tmp_path: Path, start_owner: Callable[..., Owner]) -> None:
    owner, running = start_owner(tmp_path)
    family = find_family(running.keeper_pid)
    owner.terminate()  # it has no handler for this: it just ends
    owner.wait()
    wait_until_gone(family)


async def test_servers_outlive_the_thread_that_started_them(tmp_path: Path) -> None:
    started: list[Embedded] = []
    thread = threading.Thread(
        target=lambda: started.append(start_embedded(tmp_path, database=True, redis=True, model=False))
    )
    thread.start()
    await asyncio.to_thread(thread.join)
    with started[0] as embedded:
        await write_row(embedded.database_url, 1)
        assert await read_rows(embedded.database_url) == [1]
        assert embedded.is_running


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    start_embedded(tmp_path, database=True, redis=False, model=False).stop()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"(?s)embedded postgres ended with status 1.*incompatible with server"):
        start_embedded(tmp_path, database=True, redis=True, model=False)
    assert find_running(tmp_path) is None
    start_embedded(tmp_path, database=False, redis=True, model=False).stop()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EmbeddedError, match="SYPHUS_HOME"):
        start_embedded(tmp_path / "file" / "home", database=False, redis=True, model=False)
