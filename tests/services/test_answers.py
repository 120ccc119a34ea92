"""From a raw reply to an outcome, by values: nothing that a reply or a rule does reaches the worker."""

from dataclasses import replace

import orjson
import pytest

from app.pipeline.filtering import plan_filters
from app.pipeline.formats import PAIRS
from app.pipeline.scripts import decide_by_script
from app.pipeline.translating import source_fingerprint
from app.pipeline.values import Pair, Prompt
from app.services.answers import ItemUnit, PaidCall, PairUnit, read_item_answer
from app.services.claims import JobContext, share_concurrency
from app.services.pair_answers import read_pair_answer
from datasets.house_rules import HouseRule

SOURCE = Pair("What stands beside the red car?", "A tall tree stands beside the red car.")
UNIT = PairUnit(1, 0, 7, SOURCE, source_fingerprint(SOURCE), ("zh", "ko"))


class Scripts:
    """A detector that knows languages by their letters only."""

    def detect(self, text: str) -> str | None:
        return decide_by_script(text)

    def tell(self, text: str, language: str) -> str | None:
        return None


def job(*rules: HouseRule) -> JobContext:
    return JobContext(
        job_id=1,
        dataset_id=2,
        model="m",
        parameters={},
        languages=("zh", "ko"),
        stages=("generate", "translate"),
        price=None,
        has_budget=False,
        seed=3,
        calls_per_shard=0,
        prompt=Prompt("Ask about the picture."),
        reply_format="json",
        house_rules=rules,
        fewest_pairs=1,
        grammar=PAIRS,
        most_pairs=None,
    )


def reply(content: object, finish_reason: str = "stop") -> bytes:
    message = {"role": "assistant", "content": content if isinstance(content, str) else orjson.dumps(content).decode()}
    usage = {"prompt_tokens": 11, "completion_tokens": 5}
    return orjson.dumps({"choices": [{"message": message, "finish_reason": finish_reason}], "usage": usage})


def test_a_reply_without_a_pair_fails_its_item_and_is_still_counted() -> None:
    outcome = read_item_answer(job(), ItemUnit(1, "a car"), PaidCall(9, "ok"), reply("Nothing to say."))
    assert (outcome.verdict, outcome.code, outcome.usage.prompt_tokens) == ("failed", "no_pairs", 11)
    assert outcome.rejections


def test_a_body_that_is_no_completion_leaves_the_item_pending() -> None:
    outcome = read_item_answer(job(), ItemUnit(1, "a car"), PaidCall(9, "ok"), b'{"choices": [')
    assert (outcome.verdict, outcome.call_state, outcome.code) == (None, "failed", "malformed_body")


def test_a_rule_that_breaks_fails_its_item_alone() -> None:
    def break_down(instruction: str, response: str) -> bool:
        raise ZeroDivisionError(instruction + response)

    rule = HouseRule("mine", "a rule of somebody's own", break_down)
    raw = reply({"pairs": [{"instruction": SOURCE.instruction, "response": SOURCE.response}]})
    outcome = read_item_answer(job(rule), ItemUnit(1, "a car"), PaidCall(9, "ok"), raw)
    assert (outcome.verdict, outcome.call_state, outcome.code) == ("failed", "failed", "unreadable")


def test_only_the_languages_that_are_missing_are_asked_for_again() -> None:
    chinese = {"instruction": "红色汽车旁边立着什么？", "response": "红色汽车旁边立着一棵高大的树。"}
    raw = reply({"zh": chinese, "ko": {"instruction": SOURCE.instruction, "response": SOURCE.response}})
    outcome, left = read_pair_answer(job(), UNIT, PaidCall(9, "ok", ("zh", "ko")), raw, 1, Scripts())
    assert [pair.language for pair in outcome.pairs] == ["zh"]
    assert [rejection.language for rejection in outcome.rejections] == ["ko"]
    assert outcome.verdict is None
    assert left is not None
    assert left.languages == ("ko",)


def test_after_three_replies_what_is_refused_stays_refused_and_the_rest_is_kept() -> None:
    outcome, left = read_pair_answer(job(), UNIT, PaidCall(9, "ok", ("zh", "ko")), reply({}), 3, Scripts())
    assert (outcome.verdict, outcome.code, left) == ("failed", "languages_refused", None)


@pytest.mark.parametrize("concurrency", [1, 2, 3, 7, 8, 20, 37, 64, 1000, 4096])
def test_a_bound_on_calls_is_shared_out_exactly(concurrency: int) -> None:
    shards, calls = share_concurrency(concurrency)
    assert shards * calls == concurrency
    assert 1 <= shards <= 64


def test_what_rules_find_and_mend_goes_with_the_pairs() -> None:
    asked = {"instruction": "Question: Who waits there?", "response": "See https://example.org  for the names."}
    outcome = read_item_answer(job(), ItemUnit(1, "a car"), PaidCall(9, "ok"), reply({"pairs": [asked]}))
    [pair] = outcome.pairs
    assert (pair.instruction, pair.response) == ("Who waits there?", "See https://example.org for the names.")
    assert pair.flags == ("url",)
    assert [repair.rule for repair in pair.repairs] == ["leftover_label", "white_space"]
    assert pair.repairs[0].before == Pair(asked["instruction"], asked["response"])


def test_a_refused_pair_is_kept_as_the_model_wrote_it() -> None:
    policy = plan_filters({"rules": {"url": "reject"}})
    asked = {"instruction": "Question: Who waits there?", "response": "See https://example.org for the names."}
    strict = replace(job(), filters=policy)
    outcome = read_item_answer(strict, ItemUnit(1, "a car"), PaidCall(9, "ok"), reply({"pairs": [asked]}))
    assert (outcome.pairs, outcome.code) == ((), "all_rejected")
    [rejection] = outcome.rejections
    assert (rejection.reason, rejection.pair) == ("url", Pair(asked["instruction"], asked["response"]))
