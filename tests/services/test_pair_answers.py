"""What becomes of the translations in a reply: kept, asked again with the reason, flagged, or read back first."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from app.pipeline.parity import Glossary, Term
from app.pipeline.scripts import decide_by_script
from app.pipeline.translating import (
    build_reading_back_template,
    build_translation_template,
    describe_refusal,
    source_fingerprint,
)
from app.pipeline.values import Pair
from app.services.claims import JobContext
from app.services.pair_answers import read_pair_answer
from app.services.units import PaidCall, PairUnit, RefusedTranslation
from app.store.outcomes import Outcome
from tests.services.test_answers import Scripts, job, reply

SOURCE = Pair("When does the red car stop?", "The red car stops at 0:45 beside 3 tall trees.")
UNIT = PairUnit(1, 0, 7, SOURCE, source_fingerprint(SOURCE), ("zh", "ko"))
ZH = Pair("红色汽车什么时候停下？", "红色汽车在0:45停在3棵大树旁边。")
KO = Pair("빨간 자동차는 언제 멈추나요?", "빨간 자동차는 0:45에 큰 나무 3그루 옆에 멈춰요.")
WRONG_KO = Pair(KO.instruction, "빨간 자동차는 0:46에 큰 나무 3그루 옆에 멈춰요.")
NOTHING_KO = Pair(SOURCE.instruction, SOURCE.response)


def ordered(**policy: Any) -> JobContext:
    return replace(job(), policies={"translation": policy})


def answer(**pairs: Pair) -> bytes:
    return reply({code: {"instruction": pair.instruction, "response": pair.response} for code, pair in pairs.items()})


def read(context: JobContext, unit: PairUnit, raw: bytes, rounds: int) -> tuple[Outcome, PairUnit | None]:
    return read_pair_answer(context, unit, PaidCall(9, "ok", unit.languages), raw, rounds, Scripts())


def user_content(body: bytes) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(orjson.loads(body)["messages"][-1]["content"])
    return content


def test_only_what_failed_is_asked_again_and_the_request_says_why() -> None:
    outcome, left = read(job(), UNIT, answer(zh=ZH, ko=WRONG_KO), 1)
    assert [(pair.language, pair.findings) for pair in outcome.pairs] == [("zh", ())]
    assert [(refused.language, refused.reason) for refused in outcome.rejections] == [("ko", "time")]
    assert left is not None
    template = build_translation_template("m", {}, "json_schema")
    told = {refused.language: describe_refusal(refused.pair, refused.reason, refused.tries) for refused in left.refused}
    asked = user_content(template.body(left.pair, left.languages, (), told))
    assert asked["languages"] == {"ko": "Korean"}
    assert asked["refused"]["ko"]["response"] == WRONG_KO.response
    assert "0:45" in asked["refused"]["ko"]["because"]
    assert asked["refused"]["ko"]["tries"] == 1


def test_a_language_that_is_right_the_second_time_is_no_longer_held_against_the_pair() -> None:
    _, left = read(job(), UNIT, answer(zh=ZH, ko=WRONG_KO), 1)
    assert left is not None
    outcome, rest = read(job(), left, answer(ko=KO), 2)
    assert [pair.language for pair in outcome.pairs] == ["ko"]
    assert (outcome.verdict, rest) == ("done", None)


def test_after_the_last_round_what_is_wrong_is_refused() -> None:
    outcome, left = read(ordered(rounds=1), UNIT, answer(zh=ZH, ko=WRONG_KO), 1)
    assert (outcome.verdict, outcome.code, outcome.detail, left) == ("failed", "languages_refused", "ko", None)
    assert [pair.language for pair in outcome.pairs] == ["zh"]


def test_or_kept_flagged_with_what_was_found_where_the_policy_says_so() -> None:
    outcome, left = read(ordered(on_failure="flag", rounds=1), UNIT, answer(zh=ZH, ko=WRONG_KO), 1)
    assert (outcome.verdict, outcome.code, left) == ("done", None, None)
    assert [(pair.language, pair.flags) for pair in outcome.pairs] == [("zh", ()), ("ko", ("time",))]
    (finding,) = outcome.pairs[1].findings
    assert dict(finding.evidence) == {"language": "ko", "side": "response"}
    assert outcome.rejections == ()


def test_an_earlier_text_is_kept_where_the_last_reply_lacks_the_language() -> None:
    context = ordered(on_failure="flag", rounds=2)
    _, left = read(context, UNIT, answer(zh=ZH, ko=WRONG_KO), 1)
    assert left is not None
    outcome, _ = read(context, left, reply({}), 2)
    assert [(pair.language, pair.response) for pair in outcome.pairs] == [("ko", WRONG_KO.response)]
    assert [refused.reason for refused in outcome.rejections] == ["missing"]


@pytest.mark.parametrize("rubbish", [NOTHING_KO, Pair("", ""), Pair(KO.instruction, KO.instruction), ZH])
def test_what_is_no_translation_is_never_stored(rubbish: Pair) -> None:
    outcome, _ = read(ordered(on_failure="flag", rounds=1), UNIT, answer(zh=ZH, ko=rubbish), 1)
    assert [pair.language for pair in outcome.pairs] == ["zh"]
    assert outcome.verdict == "failed"


def test_the_terms_that_a_pair_names_go_into_its_request() -> None:
    glossary = Glossary([Term("red car", {"zh": "红车"}), Term("blue bus", {"zh": "蓝巴士"}), Term("tall", keep=True)])
    found = glossary.find(f"{SOURCE.instruction}\n{SOURCE.response}")
    asked = user_content(build_translation_template("m", {}, "text").body(SOURCE, ("zh", "ko"), found))
    assert asked["glossary"] == {"red car": {"zh": "红车"}, "tall": {"zh": "tall", "ko": "tall"}}
    outcome, left = read(
        replace(job(), glossary=Glossary([Term("red car", {"zh": "红车"})])), UNIT, answer(zh=ZH, ko=KO), 1
    )
    assert [refused.reason for refused in outcome.rejections] == ["glossary"]
    assert left is not None
    assert left.languages == ("zh",)


def test_translations_are_read_back_before_they_are_stored() -> None:
    context = ordered(back_translation=True)
    first, drafts = read(context, UNIT, answer(zh=ZH, ko=KO), 1)
    assert (first.pairs, first.verdict) == ((), None)
    assert drafts is not None
    assert drafts.fingerprint != UNIT.fingerprint
    asked = user_content(build_reading_back_template("m", {}, "text").reading_back_body(drafts.drafts))
    assert asked == {
        "zh": {"instruction": ZH.instruction, "response": ZH.response},
        "ko": {"instruction": KO.instruction, "response": KO.response},
    }
    same = Pair("When does the red car stop?", "At 0:45 the red car stops next to 3 big trees.")
    other = Pair("When does the red car stop?", "The child buys 3 apples at 0:45.")
    second, left = read(context, drafts, answer(zh=same, ko=other), 1)
    assert [pair.language for pair in second.pairs] == ["zh"]
    assert [(refused.language, refused.reason) for refused in second.rejections] == [("ko", "back_translation")]
    assert left is not None
    assert (left.languages, left.drafts, left.fingerprint) == (("ko",), (), UNIT.fingerprint)
    third, again = read(context, left, answer(ko=KO), 2)
    assert (third.verdict, again is not None and again.drafts) == (None, (("ko", KO),))


def test_a_negation_or_a_number_that_does_not_come_back_is_a_disagreement() -> None:
    context = ordered(back_translation=True, rounds=1)
    _, drafts = read(context, replace(UNIT, languages=("zh",)), answer(zh=ZH), 1)
    assert drafts is not None
    for back in (
        "The red car does not stop at 0:45 beside 3 tall trees.",
        "The red car stops at 0:45 beside 4 tall trees.",
    ):
        outcome, _ = read(context, drafts, answer(zh=Pair(SOURCE.instruction, back)), 1)
        assert [refused.reason for refused in outcome.rejections] == ["back_translation"]


def test_a_refusal_carries_all_that_was_wrong() -> None:
    _, left = read(job(), UNIT, answer(zh=Pair(ZH.instruction, "红色汽车在0:44停在4棵大树旁边。"), ko=KO), 1)
    assert left is not None
    (refused,) = left.refused
    assert isinstance(refused, RefusedTranslation)
    assert "0:45" in refused.to_rejection().detail
    assert decide_by_script(refused.to_rejection().text) == "zh"
