"""What a new reading of a reply changes, by values: nothing where nothing changed, and never what people decided."""

from dataclasses import replace

import orjson

from app.pipeline.filtering import plan_filters
from app.pipeline.values import Finding, Pair, Rejection, Repair
from app.services.answers import ItemUnit, PaidCall, read_item_answer
from app.services.claims import JobContext
from app.services.rereading import UnitChange, compare, origin_of, place, reread
from app.store.outcomes import GROUNDING, NewPair, Outcome
from app.store.rereading import KnownPair, ReadUnit, StoredReply
from tests.services.test_answers import job, reply

_SAID = (
    Pair("What stands beside the red car?", "A tall tree stands beside the red car."),
    Pair("Question: Who waits at the gate?", "See https://example.org for  more."),
    Pair("What is the dog doing there?", "It is unclear what the dog is doing."),
    Pair("Where does the path lead?", "It leads to a pond with ducks."),
)
_RAW = reply({"pairs": [{"instruction": pair.instruction, "response": pair.response} for pair in _SAID]})


def _store(context: JobContext, **changes: object) -> ReadUnit:
    """The unit as it stands when the reply was recorded by these rules."""
    outcome = read_item_answer(context, ItemUnit(1, "a car"), PaidCall(9, None), _RAW)
    pairs = tuple(
        KnownPair(
            100 + new.ordinal,
            new.ordinal,
            0,
            Pair(new.instruction, new.response),
            "flagged" if new.flags else "accepted",
            new.flags,
            new.repairs[0].before if new.repairs else Pair(new.instruction, new.response),
            tuple(
                Finding(each.code, each.detail, orjson.loads(orjson.dumps(dict(each.evidence))))
                for each in new.findings
            ),
            new.repairs,
        )
        for new in outcome.pairs
    )
    assert outcome.verdict
    unit = ReadUnit(
        1,
        0,
        0,
        "a car",
        (),
        9,
        (StoredReply(9, _RAW),),
        outcome.verdict,
        outcome.code,
        outcome.detail,
        pairs,
        outcome.rejections,
        len(pairs),
    )
    return replace(unit, **changes)  # type: ignore[arg-type]  # fields of a unit


def _under(**rules: str) -> JobContext:
    return replace(job(), filters=plan_filters({"rules": rules}))


def _change(before: JobContext, after: JobContext, keep: int | None = None) -> UnitChange:
    unit = _store(before)
    if keep is not None:
        pairs = tuple(replace(each, is_kept=each.ordinal == keep) for each in unit.pairs)
        unit = replace(unit, pairs=pairs)
    return reread(after, unit)


def _texts(change: UnitChange) -> list[str]:
    return [each.texts.instruction if isinstance(each, KnownPair) else each.instruction for each, _ in place(change)]


def test_the_same_rules_change_nothing() -> None:
    for context in (job(), _under(url="reject"), _under(white_space="off", leftover_label="flag")):
        assert not _change(context, context).is_change


def test_a_pair_that_a_rule_refuses_now_goes_and_the_others_move_up() -> None:
    change = _change(job(), _under(url="reject"))
    [gone] = change.removed
    assert (gone.pair.id, gone.rule, gone.pair.origin) == (101, "url", _SAID[1])
    assert [(each.id, at) for each, at in place(change) if isinstance(each, KnownPair)] == [
        (100, 0),
        (102, 1),
        (103, 2),
    ]
    assert change.rejections is not None
    assert [rejection.reason for rejection in change.rejections] == ["url"]
    assert (change.added, change.rewritten, change.reflagged, change.state) == ((), (), (), None)


def test_a_pair_that_no_rule_refuses_any_more_comes_where_the_reply_has_it() -> None:
    change = _change(_under(url="reject"), job())
    [come] = change.added
    assert come.rule == "url"
    assert _texts(change) == [
        "What stands beside the red car?",
        "Who waits at the gate?",
        *(p.instruction for p in _SAID[2:]),
    ]
    assert [at for _, at in place(change)] == [0, 1, 2, 3]
    assert change.rejections == ()


def test_flags_come_and_go_with_their_findings() -> None:
    change = _change(job(), _under(url="off", question_without_answer="off"))
    assert [(each.before.id, each.gained, each.lost, each.flags) for each in change.reflagged] == [
        (101, (), ("url",), ()),
        (102, (), ("question_without_answer",), ()),
    ]
    back = _change(_under(url="off", question_without_answer="off"), job())
    assert [(each.before.id, each.gained, each.lost) for each in back.reflagged] == [
        (101, ("url",), ()),
        (102, ("question_without_answer",), ()),
    ]


def test_flags_of_a_comparison_stay_beside_those_of_rules() -> None:
    unit = _store(job())
    marked = replace(unit.pairs[1], flags=("url", "similar_in_dataset"))
    change = reread(_under(url="off"), replace(unit, pairs=(unit.pairs[0], marked, *unit.pairs[2:])))
    assert [each.flags for each in change.reflagged] == [("similar_in_dataset",)]


def test_a_text_that_is_repaired_in_another_way_is_written_anew() -> None:
    change = _change(job(), _under(white_space="off"))
    [text] = change.rewritten
    assert (text.before.id, text.rules) == (101, ("white_space",))
    assert (text.after.instruction, text.after.response) == ("Who waits at the gate?", _SAID[1].response)
    [back] = _change(_under(white_space="off"), job()).rewritten
    assert (back.rules, back.after.response) == (("white_space",), "See https://example.org for more.")


def test_a_pair_that_a_person_decided_about_stays_as_it_is() -> None:
    change = _change(job(), _under(url="reject", question_without_answer="reject"), keep=1)
    assert [gone.pair.id for gone in change.removed] == [102]
    assert [each.id for each in change.kept] == [101]
    assert [(each.id, at) for each, at in place(change) if isinstance(each, KnownPair)] == [
        (100, 0),
        (101, 1),
        (103, 2),
    ]
    assert change.rejections is not None
    assert [rejection.reason for rejection in change.rejections] == ["question_without_answer"]


def test_a_pair_that_a_person_left_is_not_repaired_or_flagged_otherwise() -> None:
    for rules in ({"white_space": "off"}, {"url": "off"}):
        change = _change(job(), _under(**rules), keep=1)
        assert not change.is_change
        assert [each.id for each in change.kept] == [101]


def test_an_edited_pair_is_known_by_what_the_model_wrote() -> None:
    unit = _store(job())
    edited = replace(unit.pairs[0], texts=Pair("Which tree is it?", "An oak."), status="edited", is_kept=True)
    change = reread(job(), replace(unit, pairs=(edited, *unit.pairs[1:])))
    assert (change.is_change, change.added) == (False, ())


def test_an_item_without_any_pair_left_fails_and_comes_back() -> None:
    strict = replace(job(), filters=plan_filters({"response_words": [500, 600], "rules": {"wrong_length": "reject"}}))
    change = _change(job(), strict)
    assert (len(change.removed), change.state and change.state[:2]) == (4, ("failed", "all_rejected"))
    back = _change(strict, job())
    assert (len(back.added), back.state) == (4, ("done", None, None))
    assert [at for _, at in place(back)] == [0, 1, 2, 3]


def test_an_item_with_a_pair_that_people_keep_does_not_fail() -> None:
    strict = replace(job(), filters=plan_filters({"response_words": [500, 600], "rules": {"wrong_length": "reject"}}))
    change = _change(job(), strict, keep=2)
    assert (len(change.removed), change.state) == (3, None)


def test_two_pairs_of_the_same_words_are_told_apart_by_their_order() -> None:
    twice = _SAID[0]
    raw = reply({"pairs": [{"instruction": twice.instruction, "response": twice.response}] * 2})
    loose = _under(duplicate="off")
    outcome = read_item_answer(loose, ItemUnit(1, "a car"), PaidCall(9, None), raw)
    assert len(outcome.pairs) == 2
    known = tuple(
        KnownPair(200 + n, n, 0, twice, "accepted", new.flags, twice, new.findings)
        for n, new in enumerate(outcome.pairs)
    )
    unit = ReadUnit(1, 0, 0, "a car", (), 9, (StoredReply(9, raw),), "done", None, None, known, (), 2)
    assert not reread(loose, unit).is_change
    change = reread(job(), unit)
    assert [gone.pair.id for gone in change.removed] == [201]


def test_a_pair_is_told_by_its_call_and_by_what_that_wrote_in_any_conversation() -> None:
    said = _SAID[0]
    known = tuple(
        KnownPair(300 + n, n, n, said, "accepted", (), replace(said, conversation=n), call_id=9 + n) for n in range(2)
    )
    replies = (StoredReply(9, _RAW), StoredReply(10, _RAW))
    unit = ReadUnit(1, 0, 0, "a car", (), 10, replies, "done", None, None, known, (), 2)
    new = NewPair(0, "en", said.instruction, said.response, 9, conversation=0, call_id=10)
    change = compare(unit, Outcome(1, "generate", 1, 0, "done", 10, pairs=(new,)))
    assert [gone.pair.id for gone in change.removed] == [300]
    assert [(each.id, number) for each, number in change.regrouped] == [(301, 0)]
    assert change.added == ()


def test_a_pair_that_mends_another_is_known_by_its_own_words() -> None:
    wrong = Repair(GROUNDING, Pair("What is there?", "A horse."), Pair("What is there?", "A laptop."))
    new = NewPair(0, "en", "What is there?", "A laptop.", 5, repairs=(wrong,))
    assert origin_of(new) == wrong.after
    spaced = Repair("white_space", Pair("What is  there?", "A laptop."), wrong.after)
    assert origin_of(replace(new, repairs=(spaced, wrong))) == spaced.before


def test_a_reply_that_cannot_be_read_changes_nothing() -> None:
    unit = _store(job())
    assert not reread(job(), replace(unit, replies=(StoredReply(9, b"{"),))).is_change


def test_repairs_and_rejections_of_the_unit_are_what_was_stored() -> None:
    unit = _store(_under(url="reject"))
    assert [type(each) for each in unit.rejections] == [Rejection]
    mended = _store(job()).pairs[1].repairs
    assert [repair.rule for repair in mended] == ["leftover_label", "white_space"]
    assert isinstance(mended[0], Repair)
    assert isinstance(_change(_under(url="reject"), job()).added[0].pair, NewPair)
