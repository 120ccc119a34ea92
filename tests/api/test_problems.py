"""Every refusal is a problem that says what, where, and how to mend it."""

import asyncio
import gzip
import json

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.problems import translate_exception
from app.ids import encode_id
from app.main import create_app
from app.settings import Settings
from app.store.session import Sessions
from tests.api.service import assert_problem, open_client


async def test_an_unknown_path_is_a_404_that_names_it(client: httpx2.AsyncClient) -> None:
    assert_problem(await client.get("/v1/nothing"), 404, "not_found", mend="/openapi.json")


async def test_a_wrong_method_is_a_405_that_lists_every_method_of_the_path(client: httpx2.AsyncClient) -> None:
    response = await client.delete("/v1/jobs")
    assert_problem(response, 405, "method_not_allowed", mend="Allow")
    assert response.headers["allow"] == "GET, HEAD, POST"


async def test_an_id_that_cannot_exist_is_not_found(client: httpx2.AsyncClient) -> None:
    for path in ("/v1/jobs/job_1", "/v1/jobs/pair_0000000000001", f"/v1/pairs/{encode_id('pair', 9)}", "/v1/pairs/x"):
        assert_problem(await client.get(path), 404, "not_found", mend="There is no")


async def test_a_missing_field_and_an_unknown_one_are_both_pointed_at(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/jobs", json={"datset_id": "x", "limits": {"max_cost": 1}})
    problem = assert_problem(
        response, 422, "invalid_request", "/dataset_id", "/limits/max_cost", "/datset_id", mend="required"
    )
    codes = {fault["pointer"]: fault["code"] for fault in problem["errors"]}
    assert codes == {"/dataset_id": "missing", "/limits/max_cost": "unknown_field", "/datset_id": "unknown_field"}
    messages = {fault["pointer"]: fault["message"] for fault in problem["errors"]}
    assert "'dataset_id'" in messages["/datset_id"]
    assert "'max_cost_usd'" in messages["/limits/max_cost"]


async def test_a_value_of_a_wrong_type_is_shown_back(client: httpx2.AsyncClient) -> None:
    body = {"dataset_id": "ds_1", "slice": {"start": "first"}, "mode": "later"}
    response = await client.post("/v1/jobs", json=body)
    assert_problem(response, 422, "invalid_request", "/mode", "/slice/start", mend="Given: 'first'")


async def test_a_body_that_is_no_object_is_said_so(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/jobs", json=[1, 2])
    assert_problem(response, 422, "invalid_request", "", mend="A JSON object is expected")


async def test_a_missing_body_is_a_missing_body(client: httpx2.AsyncClient) -> None:
    assert_problem(await client.post("/v1/jobs"), 422, "invalid_request", "", mend="required")


async def test_malformed_json_names_the_line_and_the_column(client: httpx2.AsyncClient) -> None:
    body = b'{"dataset_id": "ds_1",\n "languages": [zh]}'
    response = await client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    problem = assert_problem(response, 400, "malformed_json", "", mend="line 2, column")
    assert problem["errors"][0]["line"] == 2


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": Infinity}', b'{"a": "\\ud800"}', b'{"a": "\xff"}'])
async def test_what_is_almost_json_is_refused_at_the_door(client: httpx2.AsyncClient, body: bytes) -> None:
    response = await client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert_problem(response, 400, "malformed_json", "", mend="line 1, column")


async def test_a_null_character_is_refused_wherever_it_stands(client: httpx2.AsyncClient) -> None:
    body = {"dataset_id": "ds_1", "metadata": {"note": ["a\x00b"]}}
    assert_problem(await client.post("/v1/jobs", json=body), 422, "invalid_request", "/metadata/note/0", mend="U+0000")
    assert_problem(await client.get("/v1/pairs?q=%00"), 422, "invalid_request", "", mend="U+0000")


async def test_deep_nesting_is_refused_before_anything_walks_it(client: httpx2.AsyncClient) -> None:
    body = b'{"metadata":' + b"[" * 200 + b"]" * 200 + b"}"
    response = await client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    problem = response.json()
    assert_problem(response, 422, "invalid_request", problem["errors"][0]["pointer"], mend="64 levels")


async def test_another_media_type_is_a_415_that_names_the_right_one(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/jobs", content=b"dataset_id=1", headers={"Content-Type": "text/plain"})
    assert_problem(response, 415, "unsupported_media", mend="application/json")
    unnamed = await client.post("/v1/jobs", content=b"{}", headers={"Content-Encoding": "br", "Content-Type": "a/b"})
    assert_problem(unnamed, 415, "unsupported_media", mend="gzip")


async def test_a_media_type_that_is_not_offered_is_a_406(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/pairs", headers={"Accept": "text/csv"})
    assert_problem(response, 406, "not_acceptable", mend="application/json")
    for taken in ("*/*", "application/*;q=0.1", "text/csv, application/json;q=0.5"):
        assert (await client.get("/v1/pairs", headers={"Accept": taken})).status_code == 200


async def test_a_body_over_the_cap_is_a_413_whatever_its_length_header_says(client: httpx2.AsyncClient) -> None:
    async def stream() -> object:
        for _ in range(200):
            yield b" " * 1000

    declared = await client.post("/v1/jobs", json={"metadata": {"a": "b" * 100_001}})
    assert_problem(declared, 413, "too_large", mend="100,000 bytes")
    headers = {"Content-Type": "application/json"}
    streamed = await client.post("/v1/jobs", content=stream(), headers=headers)  # type: ignore[arg-type]  # any iterator
    assert_problem(streamed, 413, "too_large", mend="100,000 bytes")


async def test_a_gzip_body_is_read_and_a_bomb_is_not(client: httpx2.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    zipped = gzip.compress(json.dumps({"mode": "online"}).encode())
    read = await client.post("/v1/jobs", content=zipped, headers=headers)
    assert_problem(read, 422, "invalid_request", "/dataset_id", mend="required")
    bomb = await client.post("/v1/jobs", content=gzip.compress(b" " * 10_000_000), headers=headers)
    assert_problem(bomb, 413, "too_large", mend="100,000 bytes")
    cut = await client.post("/v1/jobs", content=zipped[:-6], headers=headers)
    assert_problem(cut, 400, "malformed_gzip", "", mend="send it whole")
    plain = await client.post("/v1/jobs", content=b"{}", headers=headers)
    assert_problem(plain, 400, "malformed_gzip", "", mend="drop Content-Encoding")


async def test_a_mistyped_filter_is_refused_with_the_nearest_names(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/pairs?langage=zh&limit=5")
    assert_problem(response, 422, "invalid_request", "langage", mend="Did you mean 'language'?")
    assert_problem(await client.get("/v1/jobs?zzz=1"), 422, "invalid_request", "zzz", mend="Known here: ")
    assert_problem(await client.get("/healthz?x=1"), 422, "invalid_request", "x", mend="None is known here")


async def test_a_filter_with_a_wrong_value_names_the_parameter(client: httpx2.AsyncClient) -> None:
    assert_problem(await client.get("/v1/pairs?limit=1001"), 422, "invalid_request", "limit", mend="1000")
    assert_problem(await client.get("/v1/pairs?status=nice"), 422, "invalid_request", "status", mend="'accepted'")
    assert_problem(await client.get("/v1/pairs?expand=all"), 422, "invalid_request", "expand", mend="translations")


async def test_a_sane_request_id_is_echoed_and_another_is_replaced(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/healthz", headers={"X-Request-Id": "abc-1"})).headers["x-request-id"] == "abc-1"
    replaced = (await client.get("/healthz", headers={"X-Request-Id": "a b\tc"})).headers["x-request-id"]
    assert replaced.startswith("req_")


async def test_an_unexpected_failure_is_a_500_without_a_trace(settings: Settings, sessions: Sessions) -> None:
    app: FastAPI = create_app(settings)

    @app.get("/broken")
    async def break_down() -> None:
        raise ZeroDivisionError("secret")

    async with open_client(app) as client:
        response = await client.get("/broken")
    assert_problem(response, 500, "internal_error", mend="request_id")
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


JSON = {"Content-Type": "application/json"}


async def test_a_key_that_occurs_twice_is_refused_and_pointed_at(client: httpx2.AsyncClient) -> None:
    body = b'{"dataset_id": "ds_1", "limits": {"max_cost_usd": 1, "max_cost_usd": 1000}}'
    response = await client.post("/v1/jobs", content=body, headers=JSON)
    assert_problem(
        response, 422, "invalid_request", "/limits/max_cost_usd", mend="occurs twice in one object; keep one"
    )


async def test_a_whole_number_that_no_answer_could_hold_is_refused(client: httpx2.AsyncClient) -> None:
    for place, number in (("a~1b", 2**64), ("c", -(2**63) - 1)):
        body = b'{"dataset_id": "ds_1", "metadata": {"%b": [%d]}}' % (place.replace("~1", "/").encode(), number)
        response = await client.post("/v1/jobs", content=body, headers=JSON)
        assert_problem(response, 422, "invalid_request", f"/metadata/{place}/0", mend="at most 64 bits")


async def test_bytes_that_are_no_utf8_are_located(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/jobs", content=b'{"a":\n "\xc3\xa9\xff"}', headers=JSON)
    problem = assert_problem(response, 400, "malformed_json", "", mend="byte 10 is not UTF-8")
    assert problem["errors"][0]["line"] == 2
    assert "line 2, column 5" in problem["detail"]


@pytest.mark.parametrize(
    ("field", "pointer"),
    [({"target_pairs": "5"}, "/target_pairs"), ({"pairs_per_item": True}, "/pairs_per_item"), ({"model": 4}, "/model")],
)
async def test_a_text_is_no_number_and_true_is_none_either(
    client: httpx2.AsyncClient, field: dict[str, object], pointer: str
) -> None:
    response = await client.post("/v1/jobs", json={"dataset_id": "ds_1", **field})
    assert_problem(response, 422, "invalid_request", pointer, mend="Input should be a valid")


async def test_a_parameter_that_is_given_twice_is_refused(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/pairs?language=zh&limit=5&language=fr")
    assert_problem(response, 422, "invalid_request", "language", mend="give it once")


async def test_a_code_of_no_language_is_refused_and_not_answered_with_nothing(client: httpx2.AsyncClient) -> None:
    for code in ("xx", "ZZZZ", "chinese", "", "zh-"):
        response = await client.get(f"/v1/pairs?language={code}")
        assert_problem(response, 422, "invalid_request", "language", mend="/v1/languages")
    assert (await client.get("/v1/pairs?language=pt-BR")).json()["data"] == []


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+14:00"])
async def test_times_that_utc_cannot_say_are_refused(client: httpx2.AsyncClient, moment: str) -> None:
    response = await client.get("/v1/usage", params={"until": moment})
    assert_problem(response, 422, "invalid_request", "until", mend="give another one")


async def test_a_slash_at_the_end_changes_nothing(client: httpx2.AsyncClient) -> None:
    for path in ("/v1/jobs", "/v1/pairs/stream", "/readyz"):
        plain, slashed = await client.get(path), await client.get(f"{path}/")
        assert (slashed.status_code, slashed.content) == (plain.status_code, plain.content)
    assert_problem(await client.post("/v1/jobs/", json={}), 422, "invalid_request", "/dataset_id", mend="required")


async def test_a_file_put_beneath_the_datasets_is_told_where_it_belongs(client: httpx2.AsyncClient) -> None:
    response = await client.put("/v1/datasets/train.json", content=b"[]")  # what `curl -T train.json …/datasets/` sends
    assert_problem(response, 405, "method_not_allowed", mend="end the address without a slash")


async def test_an_address_that_is_no_utf8_is_refused(client: httpx2.AsyncClient) -> None:
    for address in ("/v1/pairs?q=%ff", "/v1/jobs/%ed%a0%80", "/v1/datasets?name=%c3"):
        assert_problem(await client.get(address), 422, "invalid_request", "", mend="as UTF-8")
    assert (await client.get("/v1/pairs?q=%E9%B7%BA+x")).status_code == 200


async def test_two_requests_in_each_others_way_are_told_to_try_again(sessions: Sessions) -> None:
    hold = text("SELECT pg_advisory_xact_lock(:key)")

    async def take(session: AsyncSession, key: int) -> Exception | None:
        try:
            await session.execute(hold, {"key": key})
        except DBAPIError as error:
            return error
        return None

    async with sessions() as one, sessions() as other:
        await take(one, 1)
        await take(other, 2)
        errors = [error for error in await asyncio.gather(take(one, 2), take(other, 1)) if error is not None]
        assert len(errors) == 1
    told = translate_exception(errors[0], {"type": "http"})
    assert (told.status, told.retry_after_s) == (503, 1)
    assert "try again" in told.detail
