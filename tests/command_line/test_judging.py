"""A model as second judge: it answers by id, and its scores are held against the rule checks."""

from pathlib import Path

import orjson
import pytest
from sqlalchemy import text as sql

from app.ids import encode_id
from app.pipeline.chat import CompletionError
from app.pipeline.grounding.judging import build_judging_template, read_scores
from app.pipeline.values import Answer, Pair
from app.store.judged_rows import JudgedItem, sample_items
from app.store.session import Sessions
from tests.command_line.conftest import CommandLine
from tests.support.endpoint import Endpoint
from tests.support.orders import add_dataset, order, settings_for
from workers.command_line.judging import judge_items

ANNOTATION = "A cat beside a laptop.\ncat: [0, 0, 0.2, 0.2]\nlaptop: [0.5, 0, 0.4, 0.4]"
ITEM = JudgedItem(
    ANNOTATION,
    (
        (1, Pair("What lies there?", "There is a cat in the picture.")),
        (2, Pair("What else?", "There is a horse in the picture.")),
        (3, Pair("And what is it made of?", "It is made of silk.")),
    ),
)
NAMES = [encode_id("pair", number) for number, _ in ITEM.pairs]

ITEMS = sql("SELECT id FROM item WHERE dataset_id = :dataset ORDER BY position")
INSERT = sql(
    """
    INSERT INTO pair (job_id, item_id, ordinal, language, instruction, response, words, status)
    VALUES (:job, :item, :ordinal, 'en', 'What?', :status, 2, :status)
    """
)


class Judge:
    """Says these scores of the pairs, in order; refuses a schema where it is told to."""

    def __init__(self, *scores: object, refuses_schema: bool = False) -> None:
        self._scores = scores
        self._refuses_schema = refuses_schema
        self.bodies: list[bytes] = []

    async def complete(self, body: bytes, *, timeout_s: float) -> Answer:
        self.bodies.append(body)
        if self._refuses_schema and b"json_schema" in body:
            raise CompletionError("schema_unsupported", "no schema here", retryable=False)
        entries = [{"id": name, "score": score} for name, score in zip(NAMES, self._scores, strict=False)]
        message = {"content": orjson.dumps({"scores": entries}).decode()}
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        return Answer(orjson.dumps({"choices": [{"message": message}], "usage": usage}), 200, 1)


async def test_agreement_is_counted_pair_by_pair_and_what_is_disputed_is_named() -> None:
    report = await judge_items(Judge(4, 0, 1), "m", [ITEM], 1.0)
    assert report.agreement == {("holds", "holds"): 1, ("wrong", "wrong"): 1, ("holds", "wrong"): 1}
    assert report.disputed == [NAMES[2]]
    described = report.describe()
    assert described["scores"] == {"0": 1, "1": 1, "4": 1}
    assert orjson.dumps(described)
    assert b"horse" not in orjson.dumps(described)


async def test_a_pair_without_a_usable_score_is_unjudged() -> None:
    report = await judge_items(Judge(4, "four"), "m", [ITEM], 1.0)
    assert (report.pairs, report.unjudged) == (3, 2)


async def test_an_endpoint_without_schemas_is_asked_in_plain_text() -> None:
    judge = Judge(4, 0, 3, refuses_schema=True)
    report = await judge_items(judge, "m", [ITEM], 1.0)
    assert (len(judge.bodies), report.unjudged) == (2, 0)


def test_the_schema_has_no_field_for_text() -> None:
    body = orjson.loads(build_judging_template("m").body_of(b'"x"'))
    entry = body["response_format"]["json_schema"]["schema"]["properties"]["scores"]["items"]
    assert set(entry["properties"]) == {"id", "score"}
    assert entry["additionalProperties"] is False


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"scores": 3}', '{"scores": [3, {"id": 1, "score": 2}]}', '{"scores": [{"id": "x", "score": 1}]}'],
)
def test_what_is_no_score_of_a_pair_is_passed_over(text: str) -> None:
    assert read_scores(text, {"a": Pair("q", "a")}) == {}


async def test_the_sample_follows_its_seed_and_leaves_rejected_pairs_out(
    sessions: Sessions, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    dataset_id = await add_dataset(sessions, 6)
    settings = settings_for(database_url, redis_url, "http://127.0.0.1:1/v1", tmp_path)
    job_id = await order(sessions, settings, dataset_id)
    async with sessions.begin() as session:
        ids = (await session.execute(ITEMS, {"dataset": dataset_id})).scalars().all()
        for item_id in ids:
            for ordinal, status in enumerate(("accepted", "flagged", "rejected")):
                place = {"job": job_id, "item": item_id, "ordinal": ordinal, "status": status}
                await session.execute(INSERT, place)
    async with sessions() as session:
        sample = await sample_items(session, job_id, 2, 7)
        assert sample == await sample_items(session, job_id, 2, 7)
        assert [[pair.response for _, pair in item.pairs] for item in sample] == [["accepted", "flagged"]] * 2


async def test_the_command_judges_the_pairs_of_a_job(
    command_line: CommandLine, endpoint: Endpoint, sessions: Sessions
) -> None:
    ended = await command_line.run("--query_inputs_path", command_line.write_items(2), "--output_folder", "out")
    assert ended.status == 0, ended.err
    async with sessions() as session:
        pairs = (await session.execute(sql("SELECT id FROM pair WHERE language = 'en' ORDER BY id"))).scalars().all()
        (job_id,) = (await session.execute(sql("SELECT id FROM job"))).scalars()
    scores = [{"id": encode_id("pair", pair_id), "score": 4} for pair_id in pairs]
    await endpoint.set_mode(says=orjson.dumps({"scores": scores}).decode())
    judged = await command_line.run("judge", encode_id("job", job_id), "--items", "5")
    assert judged.status == 0, judged.err
    report = orjson.loads(judged.out)
    assert (report["items"], report["pairs"], report["unjudged"]) == (2, len(pairs), 0)
    assert report["agreement"]["observed"] == 1


async def test_a_job_that_is_not_there_is_refused_in_one_line(command_line: CommandLine) -> None:
    ended = await command_line.run("judge", encode_id("job", 7))
    assert ended.status == 2
    assert "job" in ended.line
