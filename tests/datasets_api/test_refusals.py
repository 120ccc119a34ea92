"""Uploads that are refused: what is said, where it points, and that nothing half-made stays behind."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.service import assert_problem
from tests.datasets_api.files import in_chunks, list_leftovers, list_names, pack, plain_items, to_lines

LINES = to_lines(plain_items(3))
GZIP = {"Content-Encoding": "gzip"}


async def refuse(
    client: httpx2.AsyncClient, incoming: Path, status: int, code: str, *pointers: str, mend: str = "", **request: Any
) -> dict[str, Any]:
    """Upload, and check that it is refused like this and leaves nothing."""
    url = request.pop("url", "/datasets?name=refused")
    response = await client.request(request.pop("method", "PUT"), url, **request)
    problem = assert_problem(response, status, code, *pointers, mend=mend)
    assert await list_names(client) == []
    assert list_leftovers(incoming) == []
    return problem


async def test_an_unknown_kind_is_named_with_those_like_it(client: httpx2.AsyncClient, incoming: Path) -> None:
    url = "/datasets?kind=change.SpotTheDiference"
    mend = "Did you mean change.SpotTheDifference"
    await refuse(client, incoming, 422, "unknown_kind", "kind", mend=mend, url=url, content=LINES)


async def test_an_unknown_parameter_is_named_with_those_like_it(client: httpx2.AsyncClient, incoming: Path) -> None:
    url = "/datasets?knid=change.SpotTheDifference"
    await refuse(client, incoming, 422, "invalid_request", "knid", mend="'kind'", url=url, content=LINES)


@pytest.mark.parametrize("name", ["", "-dash", "a b", "x" * 101, "dots/../up"])
async def test_a_name_out_of_pattern_is_refused(client: httpx2.AsyncClient, incoming: Path, name: str) -> None:
    fields: dict[str, Any] = {"method": "POST", "url": f"/datasets?name={name}", "content": LINES}
    await refuse(client, incoming, 422, "invalid_request", "name", mend="letters, digits", **fields)


async def test_an_unknown_format_is_refused(client: httpx2.AsyncClient, incoming: Path) -> None:
    await refuse(
        client, incoming, 422, "invalid_request", "format", mend="jsonl", url="/datasets?format=csv", content=LINES
    )


async def test_a_name_that_is_taken_is_refused(client: httpx2.AsyncClient) -> None:
    assert (await client.put("/datasets?name=herons", content=LINES)).status_code == 201
    again = await client.put("/datasets?name=herons", content=LINES)
    assert_problem(again, 409, "name_taken", mend="'herons'")
    form = await client.post("/datasets", data={"name": "herons"}, files={"file": ("x", LINES)})
    assert_problem(form, 409, "name_taken")


async def test_two_uploads_at_once_under_one_name_make_one_dataset(client: httpx2.AsyncClient) -> None:
    uploads = [client.post("/datasets", data={"name": "herons"}, files={"file": ("x", LINES)}) for _ in range(4)]
    statuses = sorted(response.status_code for response in await asyncio.gather(*uploads))
    assert statuses == [201, 409, 409, 409]
    assert await list_names(client) == ["herons"]


@pytest.mark.parametrize("body", [b"hello\nworld\n", b"\x89PNG\r\n\x1a\n", b"id,sentences\n1,a\n", b"\xff\xfe{\x00"])
async def test_a_file_that_is_no_json_is_refused_with_its_line(
    client: httpx2.AsyncClient, incoming: Path, body: bytes
) -> None:
    problem = await refuse(client, incoming, 422, "invalid_upload", "", content=body)
    assert problem["errors"][0]["line"] == 1


async def test_a_file_of_the_wrong_kind_is_refused_with_what_is_missing(
    client: httpx2.AsyncClient, incoming: Path
) -> None:
    url = "/datasets?kind=change.SpotTheDifference"
    problem = await refuse(client, incoming, 422, "invalid_upload", *["/img_id"] * 3, url=url, content=LINES)
    assert [error["line"] for error in problem["errors"]] == [1, 2, 3]
    assert problem["total_errors"] == 3


async def test_records_of_a_kind_that_was_not_named_are_refused_with_a_word_about_kinds(
    client: httpx2.AsyncClient, incoming: Path
) -> None:
    body = b'[{"img_id": "1", "sentences": ["the cat has gone"]}]'
    problem = await refuse(client, incoming, 422, "invalid_upload", "/0/id", "kind", content=body)
    assert "GET /v1/kinds" in problem["errors"][1]["message"]


async def test_strict_refuses_the_whole_and_lists_the_first_thousand(
    client: httpx2.AsyncClient, incoming: Path
) -> None:
    body = LINES + b'{"id": "x"}\n' * 1500
    pointers = ["/sentences"] * 1000
    url = "/datasets?name=strict&strict=true"
    problem = await refuse(client, incoming, 422, "invalid_upload", *pointers, url=url, content=body)
    assert problem["total_errors"] == 1500
    assert problem["errors"][0]["line"] == 4
    assert "1,500 of 1,503" in problem["detail"]


@pytest.mark.parametrize("body", [b"", b"\n\n  \n"])
async def test_an_empty_body_is_refused(client: httpx2.AsyncClient, incoming: Path, body: bytes) -> None:
    await refuse(client, incoming, 422, "invalid_upload" if body else "empty_body", "", content=body)


async def test_an_empty_list_is_refused(client: httpx2.AsyncClient, incoming: Path) -> None:
    await refuse(client, incoming, 422, "invalid_upload", "", content=b"[]")
    await refuse(client, incoming, 422, "invalid_upload", "", method="POST", url="/datasets", json={"items": []})


async def test_a_body_over_the_cap_is_refused_declared_or_not(client: httpx2.AsyncClient, incoming: Path) -> None:
    body = LINES * 50_000
    assert len(body) > 8_000_000
    await refuse(client, incoming, 413, "too_large", mend="8,000,000", content=body)
    await refuse(client, incoming, 413, "too_large", mend="8,000,000", content=in_chunks(body, 1 << 16))


async def test_a_gzip_bomb_is_refused(client: httpx2.AsyncClient, incoming: Path) -> None:
    bomb = pack(b"\0" * 7_900_000)
    await refuse(client, incoming, 413, "gzip_bomb", content=bomb)
    await refuse(client, incoming, 413, "gzip_bomb", content=bomb, headers=GZIP)
    await refuse(client, incoming, 413, "gzip_bomb", content=pack(bomb), headers=GZIP)
    too_long = pack(b"".join(b"%d\n" % number for number in range(1_300_000)))
    await refuse(client, incoming, 413, "gzip_bomb", mend="8,000,000", content=too_long)


async def test_a_gzip_that_is_broken_is_refused(client: httpx2.AsyncClient, incoming: Path) -> None:
    packed = pack(to_lines(plain_items(1000)))
    damaged = packed[:200] + b"\xff" * 50 + packed[250:]
    for body in (packed[:-20], packed[:100], damaged, packed + b"trailing"):
        await refuse(client, incoming, 422, "corrupt_gzip", "", mend="Pack the file again", content=body)
    await refuse(client, incoming, 422, "corrupt_gzip", "", content=LINES, headers=GZIP)


async def test_other_media_types_and_encodings_are_refused(client: httpx2.AsyncClient, incoming: Path) -> None:
    for headers in ({"Content-Type": "image/png"}, {"Content-Encoding": "br"}):
        await refuse(client, incoming, 415, "unsupported_media", content=LINES, headers=headers)


async def test_a_form_that_is_not_right_is_refused(client: httpx2.AsyncClient, incoming: Path) -> None:
    form: dict[str, Any] = {"method": "POST", "url": "/datasets"}
    file = {"file": ("x.jsonl", LINES)}
    await refuse(client, incoming, 422, "invalid_request", "file", files={"name": (None, "herons")}, **form)
    two = [("file", ("a", LINES)), ("other", ("b", LINES))]
    await refuse(client, incoming, 422, "invalid_request", "other", files=two, **form)
    await refuse(client, incoming, 422, "invalid_request", "knid", mend="kind", files=file, data={"knid": "x"}, **form)
    await refuse(client, incoming, 422, "unknown_kind", "kind", files=file, data={"kind": "no.Such"}, **form)
    long = {"name": "x" * 5000}
    await refuse(client, incoming, 422, "invalid_request", "name", files=file, data=long, **form)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    cut = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + LINES
    await refuse(client, incoming, 400, "malformed_form", "", content=cut, headers=headers, **form)
    nameless = {"Content-Type": "multipart/form-data"}
    await refuse(client, incoming, 400, "malformed_form", "", content=cut, headers=nameless, **form)


async def test_an_inline_body_that_is_not_right_is_refused(client: httpx2.AsyncClient, incoming: Path) -> None:
    form: dict[str, Any] = {"method": "POST", "url": "/datasets"}
    items = plain_items(1)
    await refuse(client, incoming, 422, "invalid_request", "/items", json={"name": "herons"}, **form)
    await refuse(client, incoming, 422, "invalid_request", "/nmae", json={"items": items, "nmae": "x"}, **form)
    await refuse(client, incoming, 422, "invalid_request", "/name", json={"items": items, "name": 5}, **form)
    await refuse(client, incoming, 422, "invalid_request", "name", json={"items": items, "name": "a b"}, **form)
    twice = b'{"items": [{"id": "1", "sentences": "a", "id": "2"}]}'
    json_type = {"Content-Type": "application/json"}
    await refuse(client, incoming, 422, "invalid_request", "/items/0/id", content=twice, headers=json_type, **form)
    many = {"items": plain_items(2000)}
    await refuse(client, incoming, 413, "too_large", mend="curl -T", json=many, **form)


async def test_a_dataset_that_is_not_there_is_not_found(client: httpx2.AsyncClient) -> None:
    for path in ("ds_0000000000001", "job_0000000000001", "nonsense"):
        for rest in ("", "/items", "/errors"):
            assert_problem(await client.get(f"/datasets/{path}{rest}"), 404, "not_found")
        assert_problem(await client.delete(f"/datasets/{path}"), 404, "not_found")


async def test_inline_items_that_are_no_list_are_pointed_at(client: httpx2.AsyncClient, incoming: Path) -> None:
    body = {"name": "refused", "items": {"id": "1", "sentences": "A heron."}}
    await refuse(client, incoming, 422, "invalid_request", "/items", mend="an array", url="/datasets", json=body)


async def test_a_mistyped_field_before_inline_items_is_named_with_those_like_it(
    client: httpx2.AsyncClient, incoming: Path
) -> None:
    body = {"nmae": "refused", "items": plain_items(1)}
    await refuse(client, incoming, 422, "invalid_request", "/nmae", mend="'name'", url="/datasets", json=body)
