"""CSV and parquet: the rows of jsonl, in other clothes."""

import csv
from io import BytesIO, StringIO
from typing import Any

import httpx2
import orjson
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from app.pipeline.export_schemas import PAIR_COLUMNS
from app.resources import Resources
from app.services.exporting import parquet
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs
from tests.exports.orders import add_kind_dataset, fetch, finish_export, order_export

WILD = '=SUM(A1), "quoted"\r\nline two\t熊猫 😀'


async def make_rows(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, file_format: str
) -> tuple[list[dict[str, Any]], bytes]:
    """The rows of a job as jsonl has them, and its file in another format."""
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 3)
    job_id = await add_job(sessions, dataset_id)
    pairs = await add_pairs(sessions, job_id, items, languages=["zh"])
    async with sessions.begin() as session:
        statement = text("UPDATE pair SET response = :wild, flags = ARRAY['url', 'markup'] WHERE id = :id")
        await session.execute(statement, {"wild": WILD, "id": pairs[0]})
    files = []
    for name in ("jsonl", file_format):
        export = await finish_export(client, resources, await order_export(client, job_id, file_format=name))
        files.append(await fetch(client, export, f"DC_pairs.{name}"))
    return [orjson.loads(line) for line in files[0].split(b"\n") if line], files[1]


async def test_csv_has_the_same_rows_and_no_formula(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    rows, content = await make_rows(client, resources, sessions, "csv")
    read = list(csv.DictReader(StringIO(content.decode(), newline="")))
    assert read[0]["response"] == "'" + WILD
    for row, cells in zip(rows, read, strict=True):
        assert list(cells) == list(row)
        assert {**cells, "response": ""} == {
            **{
                key: orjson.dumps(value).decode() if isinstance(value, list) else str(value)
                for key, value in row.items()
            },
            "translation_of": row["translation_of"] or "",
            "response": "",
        }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
async def test_a_quote_goes_before_what_a_spreadsheet_would_run(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, start: str
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 1)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, per_item=1)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET instruction = :start || '1+1'"), {"start": start})
        await session.execute(text("UPDATE item SET source_id = :start || 'a'"), {"start": start})
    export = await finish_export(client, resources, await order_export(client, job_id, file_format="csv"))
    (row,) = csv.DictReader(StringIO((await fetch(client, export, "DC_pairs.csv")).decode(), newline=""))
    assert (row["instruction"], row["source_id"]) == (f"'{start}1+1", f"'{start}a")


async def test_parquet_has_the_same_rows_typed(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    rows, content = await make_rows(client, resources, sessions, "parquet")
    table = pq.read_table(BytesIO(content))
    assert table.to_pylist() == rows
    assert table.schema.equals(parquet.pair_schema())


async def test_rows_are_cut_into_groups_of_a_fixed_size() -> None:
    async def chunks() -> Any:
        for number in range(25_000):
            values: dict[str, Any] = {"texts": [], "number": number, "text": "x"}
            row = {name: values[kind] for name, kind in PAIR_COLUMNS.items()}
            yield orjson.dumps(row) + b"\n"

    content = b"".join([block async for block in parquet.encode_pairs(chunks())])
    file = pq.ParquetFile(BytesIO(content))
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [10_000, 10_000, 5_000]
