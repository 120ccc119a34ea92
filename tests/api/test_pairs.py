"""Pairs: filters, pages, expansions and the stream."""

import httpx2
import orjson
import pytest

from app.ids import encode_id
from app.store.session import Sessions
from tests.api.service import add_dataset, add_job, add_pairs, assert_problem, pair_ids


async def test_a_pair_has_its_texts_its_images_and_where_it_comes_from(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, items = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id)
    first, second = await add_pairs(sessions, job_id, items[:1])
    [pair, _] = (await client.get("/v1/pairs")).json()["data"]
    assert pair.pop("created_at").endswith("Z")
    assert pair.pop("etag")
    assert pair == {
        "id": encode_id("pair", first),
        "object": "pair",
        "job_id": encode_id("job", job_id),
        "dataset_id": encode_id("dataset", dataset_id),
        "item_id": encode_id("item", items[0]),
        "source_id": "source-0",
        "ordinal": 0,
        "conversation": 0,
        "round": 0,
        "language": "en",
        "translation_of": None,
        "instruction": f"[en] What stands at place {items[0]}, question 0?",
        "response": "A Red car, 100% sure_0.",
        "words": 10,
        "status": "accepted",
        "flags": [],
        "image_ids": ["IMG_0"],
        "related_pair_ids": pair_ids([second]),
    }


async def test_a_pair_says_which_round_of_which_conversation_it_is(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, items = await add_dataset(sessions)
    await add_pairs(
        sessions, await add_job(sessions, dataset_id), items[:1], per_item=4, languages=["zh"], conversations=2
    )
    for language in ("en", "zh"):
        pairs = (await client.get(f"/v1/pairs?language={language}")).json()["data"]
        places = [(pair["ordinal"], pair["conversation"], pair["round"]) for pair in pairs]
        assert places == [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1)]


async def test_english_is_listed_unless_a_language_is_named(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, languages=["zh", "fr"])
    job = encode_id("job", job_id)

    async def languages_of(query: str) -> list[str]:
        return [pair["language"] for pair in (await client.get(f"/v1/pairs?job_id={job}{query}")).json()["data"]]

    assert await languages_of("") == ["en"] * 8
    assert await languages_of("&language=zh") == ["zh"] * 8
    assert sorted(await languages_of("&language=*")) == ["en"] * 8 + ["fr"] * 8 + ["zh"] * 8
    assert await languages_of("&language=ja") == []


async def test_a_translation_names_its_english_pair_and_shares_its_relations(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, items = await add_dataset(sessions)
    first, second = await add_pairs(sessions, await add_job(sessions, dataset_id), items[:1], languages=["zh"])
    pair = (await client.get("/v1/pairs?language=zh&limit=1")).json()["data"][0]
    assert pair["translation_of"] == encode_id("pair", first)
    assert pair["related_pair_ids"] == pair_ids([second])


@pytest.mark.parametrize("scope", ["", "&job_id={job}", "&dataset_id={dataset}", "&image_id=IMG_1", "&language=*"])
async def test_walking_the_pages_meets_each_pair_once_and_in_order(
    client: httpx2.AsyncClient, sessions: Sessions, scope: str
) -> None:
    dataset_id, items = await add_dataset(sessions, 6)
    jobs = [await add_job(sessions, dataset_id) for _ in range(3)]
    made = []
    for item_id in items:
        for job_id in jobs:
            made += [(job_id, pair) for pair in await add_pairs(sessions, job_id, [item_id], languages=["fr"])]
    query = scope.format(job=encode_id("job", jobs[1]), dataset=encode_id("dataset", dataset_id))
    url: str | None = f"/v1/pairs?limit=5{query}"
    seen = []
    while url:
        response = await client.get(url)
        body = response.json()
        seen += [pair["id"] for pair in body["data"]]
        url = response.links["next"]["url"] if body["has_more"] else None
        assert (body["next_cursor"] is None) == (url is None)
    assert seen == sorted(set(seen))
    expected = {"": 36, "&job_id": 12, "&dataset_id": 36, "&image_id": 12, "&language": 72}
    assert len(seen) == expected[scope.partition("=")[0]]
    if not scope:
        assert seen == pair_ids([pair for _, pair in made])


async def test_filters_narrow_the_list(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id)
    made = await add_pairs(sessions, job_id, items)

    async def ask(query: str) -> list[str]:
        return [pair["id"] for pair in (await client.get(f"/v1/pairs?{query}")).json()["data"]]

    assert await ask(f"item_id={encode_id('item', items[1])}") == pair_ids(made[2:4])
    assert await ask("image_id=IMG_1") == pair_ids(made[4:])
    assert await ask(f"image_id=IMG_1&job_id={encode_id('job', job_id)}&q=question 1") == pair_ids(made[5::2])
    assert await ask("min_words=11") == pair_ids(made[1::2])
    assert await ask("status=rejected") == []
    assert await ask("q=red CAR&limit=1") == pair_ids(made[:1])


async def test_a_search_takes_its_text_literally(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions)
    await add_pairs(sessions, await add_job(sessions, dataset_id), items)

    async def count(text: str) -> int:
        return len((await client.get("/v1/pairs", params={"q": text})).json()["data"])

    assert await count("100% sure_0") == 4
    assert await count("100%sure") == 0
    assert await count("sure_") == 8
    assert await count("sure_%") == 0
    assert await count("\\") == 0


async def test_a_cursor_of_another_list_or_a_changed_one_is_refused(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, items = await add_dataset(sessions)
    await add_pairs(sessions, await add_job(sessions, dataset_id), items)
    cursor = (await client.get("/v1/pairs?limit=2&min_words=1")).json()["next_cursor"]
    assert (await client.get(f"/v1/pairs?limit=3&min_words=1&cursor={cursor}")).status_code == 200
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for query in (f"cursor={cursor}", f"min_words=2&cursor={cursor}", f"min_words=1&cursor={changed}", "cursor=%C3%BC"):
        response = await client.get(f"/v1/pairs?{query}")
        assert_problem(response, 422, "invalid_request", "cursor", mend="repeat the filters")


async def test_every_character_of_a_cursor_counts(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions)
    await add_pairs(sessions, await add_job(sessions, dataset_id), items)
    cursor = (await client.get("/v1/pairs?limit=2")).json()["next_cursor"]
    for place in range(len(cursor)):
        changed = cursor[:place] + ("x" if cursor[place] != "x" else "y") + cursor[place + 1 :]
        assert (await client.get(f"/v1/pairs?cursor={changed}")).status_code == 422


async def test_pairs_of_a_job_that_is_not_there_are_a_404(client: httpx2.AsyncClient) -> None:
    for query in (f"job_id={encode_id('job', 5)}", f"dataset_id={encode_id('dataset', 5)}", "item_id=ds_1"):
        assert_problem(await client.get(f"/v1/pairs?{query}"), 404, "not_found", mend="There is no")


async def test_expansions_bring_translations_relations_and_provenance(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, items = await add_dataset(sessions)
    first, second = await add_pairs(sessions, await add_job(sessions, dataset_id), items[:1], languages=["zh", "fr"])
    query = "expand=translations,relations,provenance"
    listed = (await client.get(f"/v1/pairs?limit=1&{query}")).json()["data"][0]
    single = (await client.get(f"/v1/pairs/{encode_id('pair', first)}?{query}")).json()
    assert listed == single
    assert [entry["language"] for entry in single["translations"]] == ["fr", "zh"]
    assert [entry["id"] for entry in single["relations"]] == pair_ids([second])
    assert single["provenance"]["model"] == "gpt-4o-mini"
    assert single["provenance"]["call_id"] is None


async def test_translations_and_relations_are_found_from_either_side(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, items = await add_dataset(sessions)
    first, second = await add_pairs(sessions, await add_job(sessions, dataset_id), items[:1], languages=["zh", "fr"])
    translated = (await client.get("/v1/pairs?language=zh&limit=1")).json()["data"][0]["id"]
    for pair_id in (encode_id("pair", first), translated):
        translations = (await client.get(f"/v1/pairs/{pair_id}/translations")).json()["data"]
        assert [pair["language"] for pair in translations] == ["fr", "zh"]
        relations = (await client.get(f"/v1/pairs/{pair_id}/relations")).json()
        assert (relations["rule"], [pair["id"] for pair in relations["data"]]) == ("item", pair_ids([second]))
    missing = encode_id("pair", 10_000)
    for part in ("", "/translations", "/relations"):
        assert_problem(await client.get(f"/v1/pairs/{missing}{part}"), 404, "not_found", mend=missing)


async def test_a_pair_that_did_not_change_is_a_304(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions)
    [first] = await add_pairs(sessions, await add_job(sessions, dataset_id), items[:1], per_item=1)
    response = await client.get(f"/v1/pairs/{encode_id('pair', first)}")
    etag = response.headers["etag"]
    assert etag == f'"{response.json()["etag"]}"'
    for header in (etag, f'"other", W/{etag}', "*"):
        again = await client.get(response.url, headers={"If-None-Match": header})
        assert (again.status_code, again.content) == (304, b"")
    assert (await client.get(response.url, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_the_stream_ends_with_its_count(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions, 300)
    job_id = await add_job(sessions, dataset_id)
    made = await add_pairs(sessions, job_id, items, per_item=7)
    response = await client.get(f"/v1/pairs/stream?job_id={encode_id('job', job_id)}")
    assert response.headers["content-type"] == "application/x-ndjson"
    *pairs, end = [orjson.loads(line) for line in response.text.splitlines()]
    assert [pair["id"] for pair in pairs] == pair_ids(made)
    assert end == {"object": "stream.end", "count": 2100}
    assert_problem(await client.get(f"/v1/pairs/stream?job_id={encode_id('job', 3)}"), 404, "not_found")


async def test_a_large_page_is_zipped_for_who_takes_it(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions)
    await add_pairs(sessions, await add_job(sessions, dataset_id), items)
    zipped = await client.get("/v1/pairs", headers={"Accept-Encoding": "gzip"})
    plain = await client.get("/v1/pairs", headers={"Accept-Encoding": "identity"})
    refused = await client.get("/v1/pairs", headers={"Accept-Encoding": "gzip;q=0"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers | refused.headers
    assert zipped.json() == plain.json() == refused.json()
    assert zipped.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    streamed = await client.get("/v1/pairs/stream", headers={"Accept-Encoding": "gzip"})
    assert streamed.headers["content-encoding"] == "gzip"
    assert len(streamed.text.splitlines()) == 9


async def test_head_answers_like_get_without_a_body(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions)
    await add_pairs(sessions, await add_job(sessions, dataset_id), items)
    for path in ("/v1/pairs", "/v1/pairs/stream", "/healthz", "/docs", "/openapi.json"):
        head, full = await client.head(path), await client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == full.headers["content-type"]
    missing = await client.head("/v1/nothing")
    assert (missing.status_code, missing.content) == (404, b"")
