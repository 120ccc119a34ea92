"""Statistics as pictures, over the API."""

import base64
import re
from hashlib import sha256
from xml.etree import ElementTree

import httpx2
import pytest

from app.pipeline.charts.page import CHARTS
from app.resources import Resources
from app.store.session import Sessions
from app.store.statistics import Scope
from tests.api.service import assert_problem
from tests.statistics.jobs import add_counted_job, count_due, path_of

SVG = "image/svg+xml"
FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"


@pytest.fixture
async def path(resources: Resources, sessions: Sessions, client: httpx2.AsyncClient) -> str:
    """A counted job's statistics."""
    _, job_id = await add_counted_job(sessions, chinese=True)
    path = path_of(Scope("job", job_id))
    await client.get(path)
    await count_due(resources)
    return path


async def test_every_chart_can_be_asked_for_and_is_the_same_each_time(client: httpx2.AsyncClient, path: str) -> None:
    for chart in CHARTS:
        first, again = [await client.get(f"{path}?chart={chart}") for _ in range(2)]
        assert (first.status_code, first.headers["content-type"]) == (200, SVG), first.text
        assert first.content == again.content
        assert ElementTree.fromstring(first.content).tag.endswith("svg")
        policy = first.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        style = re.findall(r"<style>(.*?)</style>", first.text)  # the only one, and the one that the policy lets in
        assert [f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'" for text in style] == [
            word.rstrip(";") for word in policy.split() if word.startswith("'sha256-")
        ]
        same = await client.get(f"{path}?chart={chart}", headers={"If-None-Match": first.headers["etag"]})
        assert same.status_code == 304


async def test_the_accept_header_decides_unless_the_query_does(client: httpx2.AsyncClient, path: str) -> None:
    for query, accept, expected in (
        ("", "*/*", "application/json"),
        ("", SVG, SVG),
        ("", FIREFOX, SVG),
        ("?format=svg", "application/json", SVG),
        ("?format=json", SVG, "application/json"),
        ("?chart=table", "*/*", SVG),
    ):
        answer = await client.get(f"{path}{query}", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, expected), (query, accept)
        assert "Accept" in answer.headers["vary"]
    assert_problem(await client.get(f"{path}?chart=table", headers={"Accept": "text/html"}), 406, "not_acceptable")


async def test_words_are_drawn_in_the_language_asked_for(client: httpx2.AsyncClient, path: str) -> None:
    english, chinese = [
        (await client.get(f"{path}?chart=instruction-words&language={language}")).text for language in ("en", "zh")
    ]
    assert "Words per instruction, English" in english
    assert "Characters per instruction, Chinese" in chinese
    answer = await client.get(f"{path}?chart=instruction-words&language=tlh")
    assert_problem(answer, 422, "invalid_request", "language", mend="en, zh")


async def test_what_cannot_be_drawn_is_refused_with_what_can(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(f"{path}?chart=pie")).status_code == 422
    answer = await client.get(f"{path}?chart=table&format=json")
    assert_problem(answer, 422, "invalid_request", "chart", mend="leave `format` out")


async def test_a_page_is_drawn_before_anything_is_counted(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_counted_job(sessions)
    for scope in (Scope("dataset", dataset_id), Scope("all")):
        answer = await client.get(f"{path_of(scope)}?format=svg")
        assert answer.headers["retry-after"] == "1"
        assert "not counted yet" in answer.text
