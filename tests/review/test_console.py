"""The review console: three files of the service that need nothing from elsewhere and put no text in as markup."""

import re

import httpx2
import pytest

from app.main import create_app
from app.settings import Settings
from app.store.session import Sessions
from tests.api.service import open_client


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        *(("/", "text/html"), ("/console.css", "text/css"), ("/console.js", "text/javascript")),
        *(("/docs", "text/html"), ("/docs.css", "text/css"), ("/docs.js", "text/javascript")),
    ],
)
async def test_the_console_is_served_without_a_key_under_a_strict_policy(
    settings: Settings, sessions: Sessions, path: str, media_type: str
) -> None:
    async with open_client(create_app(settings.model_copy(update={"api_keys": "secret"}))) as client:
        answer = await client.get(path)
        assert (await client.get("/v1/jobs")).status_code == 401
    assert answer.headers["content-type"].startswith(media_type)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in re.sub(r"127\.0\.0\.1", "", answer.text)


async def test_the_page_and_its_script_know_the_same_elements(settings: Settings, sessions: Sessions) -> None:
    async with open_client(create_app(settings)) as client:
        page, script = (await client.get("/")).text, (await client.get("/console.js")).text
        docs, docs_script = (await client.get("/docs")).text, (await client.get("/docs.js")).text
    named = set(re.findall(r'\$\("(\w+)"\)', script)) | {"instruction", "response"}
    assert named <= set(re.findall(r'id="(\w+)"', page))
    assert set(re.findall(r'\$\("(\w+)"\)', docs_script)) <= set(re.findall(r'id="(\w+)"', docs))
    page, script = page + docs, script + docs_script
    assert not re.search(r"<script(?! src)|<style|\son\w+=|style=", page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage", script)


async def test_every_call_of_the_script_is_one_that_the_api_answers(client: httpx2.AsyncClient) -> None:
    script = (await client.get("http://127.0.0.1:8000/console.js")).text
    document = (await client.get("/openapi.json")).json()
    known = {
        (method, re.sub(r"\{\w+\}", "*", path.removeprefix("/v1")))
        for path, operations in document["paths"].items()
        for method in operations
    }
    asked = {(method.lower(), path) for method, path in re.findall(r'ask\("([A-Z]+)", [`"](/[^`"?]*)', script)}
    asked |= {("get", path) for path in re.findall(r'(?<!const )read\([`"](/[^`"?]*)', script)}
    spelled = {(method, re.sub(r"\$\{[^}]*\}", "*", path)) for method, path in asked}
    spelled |= {("post", "/review-rules/*/apply"), ("post", "/review-rules/*/undo")}
    spelled.discard(("post", "/review-rules/*/*"))
    assert len(spelled) >= 8
    assert spelled <= known


async def test_an_edit_is_never_dropped_unasked_and_a_translation_shows_its_source(client: httpx2.AsyncClient) -> None:
    script = (await client.get("http://127.0.0.1:8000/console.js")).text
    assert "isEdited() ? saveEdit()" in script  # accepting what was changed saves the change
    (body,) = re.findall(r"async function take\(place\) \{\n(.*?)\n\}", script, re.DOTALL)
    assert body.lstrip().startswith("if (!mayLeave()) return;")
    assert "showSource(pair)" in body
    assert "error.status === 412" in script
