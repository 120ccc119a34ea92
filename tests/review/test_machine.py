"""The review endpoints against a model of what they should do: any order of reviews, edits, rules and undoings."""

import asyncio
import re
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import httpx2
from hypothesis import HealthCheck
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.errors import ConflictError
from app.ids import decode_id
from app.main import create_app
from app.services.editing import undo_edit
from app.settings import Settings
from app.store.session import Sessions, make_engine, make_sessions
from tests.api.service import open_client
from tests.review.desk import add_review_job, check_queues

Result = TypeVar("Result")
Texts = tuple[str, str]
WORDS = st.sampled_from(["red", "blue", "car", "tree", "the"])
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
PLACES = st.integers(0, 5)
LANGUAGES = ("en", "zh", "fr")


class Service:
    """The application and its database on a loop of their own, for a test that is no coroutine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> "Service":
        self._thread.start()
        self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(60)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self.run(self.client.request(method, path, **options))

    async def _serve(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        engine = make_engine(str(self._settings.database_url))
        self.sessions: Sessions = make_sessions(engine)
        async with open_client(create_app(self._settings), "http://127.0.0.1:8000/v1") as client:
            self.client = client
            self._ready.set()
            await self._done.wait()
        await engine.dispose()


@dataclass(slots=True)
class Edit:
    """A change as the model knows it."""

    before: Texts
    after: Texts
    kind: str
    status_before: str
    source_before: Texts | None
    is_undone: bool = False


@dataclass(slots=True)
class Modelled:
    """A pair as it should be. `source`: the English texts that a translation says."""

    id: str
    english: "Modelled | None"
    texts: Texts
    source: Texts | None = None
    status: str = "accepted"
    is_reviewed: bool = False
    touches: int = 0
    edits: list[Edit] = field(default_factory=list)
    etag: str = ""
    old_etags: list[str] = field(default_factory=list)

    @property
    def is_stale(self) -> bool:
        return self.english is not None and self.source != self.english.texts


@dataclass(slots=True)
class Run:
    """What a rule changed, each with the touches that its pair had then."""

    rule: str
    changed: list[tuple[Modelled, Edit, int]]
    is_undone: bool = False


class ReviewMachine(RuleBasedStateMachine):
    service: ClassVar[Service]

    @initialize()
    def begin(self) -> None:
        self.job = self.service.run(add_review_job(self.service.sessions))
        listed = self.service.ask("GET", f"/pairs?job_id={self.job.id}&language=*").json()["data"]
        self.pairs: dict[tuple[int, str], Modelled] = {}
        by_id: dict[str, Modelled] = {}
        for shown in sorted(listed, key=lambda pair: pair["translation_of"] is not None):
            english = by_id.get(shown["translation_of"] or "")
            texts = (shown["instruction"], shown["response"])
            pair = Modelled(shown["id"], english, texts, english.texts if english else None, etag=shown["etag"])
            by_id[pair.id] = pair
            place = self.job.pairs.index(decode_id("pair", (english or pair).id))
            self.pairs[place, shown["language"]] = pair
        self.runs: list[Run] = []
        self.preview: tuple[str, str, dict[str, Texts]] | None = None

    @rule(place=PLACES, language=st.sampled_from(LANGUAGES), status=st.sampled_from(["accepted", "rejected"]))
    def judge(self, place: int, language: str, status: str) -> None:
        pair = self.pairs[place, language]
        self._patch(pair, {"status": status, "reviewer": "ann"})
        self._judged(pair, status)

    @rule(place=PLACES, language=st.sampled_from(LANGUAGES), instruction=TEXTS, response=TEXTS)
    def edit(self, place: int, language: str, instruction: str, response: str) -> None:
        pair, texts = self.pairs[place, language], (instruction, response)
        body = {"instruction": instruction, "response": response, "reviewer": "ben"}
        if texts == pair.texts:
            refused = self.service.ask("PATCH", f"/pairs/{pair.id}", json=body, headers={"If-Match": pair.etag})
            assert refused.status_code == 422
            return
        self._patch(pair, body)
        self._edited(pair, texts)

    @rule(place=PLACES, language=st.sampled_from(LANGUAGES), data=st.data())
    def come_too_late(self, place: int, language: str, data: st.DataObject) -> None:
        pair = self.pairs[place, language]
        if not pair.old_etags:
            return
        old = data.draw(st.sampled_from(pair.old_etags))
        body = {"status": "rejected"}
        assert self.service.ask("PATCH", f"/pairs/{pair.id}", json=body, headers={"If-Match": old}).status_code == 412
        assert self.service.ask("PATCH", f"/pairs/{pair.id}", json=body).status_code == 428

    @rule(
        rows=st.lists(
            st.tuples(PLACES, st.sampled_from(LANGUAGES), st.sampled_from(["accepted", "rejected", "late"]) | TEXTS),
            min_size=1,
            max_size=6,
        )
    )
    def send_batch(self, rows: list[tuple[int, str, str]]) -> None:
        """The etags are those from before the batch, so only the first row about a pair can fit."""
        before = {pair.id: (pair.etag, pair.is_stale) for pair in self.pairs.values()}
        touched: set[str] = set()
        sent, expected = [], []
        for place, language, what in rows:
            pair = self.pairs[place, language]
            row: dict[str, Any] = {"id": pair.id, "etag": "0-00000000" if what == "late" else before[pair.id][0]}
            verdict = what if what in {"accepted", "rejected"} else "accepted" if what == "late" else None
            sent.append(row | ({"status": verdict} if verdict else {"response": what}))
            fits = pair.id not in touched and what != "late" and before[pair.id][1] == pair.is_stale
            is_idle = verdict is None and what == pair.texts[1]
            expected.append(412 if not fits else 422 if is_idle else 200)
            if expected[-1] != 200:
                continue
            touched.add(pair.id)
            if verdict:
                self._judged(pair, verdict)
            else:
                touched |= {other.id for other in self._translations(pair) if not other.is_stale}
                self._edited(pair, (pair.texts[0], what))
        answer = self.service.ask("POST", "/pairs/batch-review", json={"rows": sent, "reviewer": "cleo"}).json()
        assert [result["status"] for result in answer["results"]] == expected

    @rule(place=PLACES, language=st.sampled_from(LANGUAGES))
    def undo_last(self, place: int, language: str) -> None:
        pair = self.pairs[place, language]
        open_edits = [n for n, edit in enumerate(pair.edits) if edit.kind != "undo" and not edit.is_undone]
        if not open_edits:
            return
        number = open_edits[-1]
        edit, texts_before = pair.edits[number], pair.texts
        listed = self.service.ask("GET", f"/pairs/{pair.id}?expand=review").json()["review"]["edits"]
        edit_id = decode_id("edit", listed[number]["id"])
        if edit.after != pair.texts:
            assert not self.service.run(self._undo(pair, edit_id))
            return
        assert self.service.run(self._undo(pair, edit_id))
        assert pair.texts == texts_before
        self._taken_back(pair, edit)
        if edit.kind == "edit":
            pair.is_reviewed = False
        pair.touches += 1

    @rule(
        find=WORDS,
        replace=WORDS,
        side=st.sampled_from(["instruction", "response", "both"]),
        language=st.sampled_from(LANGUAGES),
    )
    def preview_rule(self, find: str, replace: str, side: str, language: str) -> None:
        body = {"find": find, "replace": replace, "side": side, "language": language, "whole_words": True}
        made = self.service.ask("POST", "/review-rules", json=body | {"job_id": self.job.id, "reviewer": "ann"})
        if find == replace:
            assert made.status_code == 422
            return
        rule_id = made.json()["id"]
        expected = {}
        for (_, of), pair in self.pairs.items():
            result = _replace(pair.texts, find, replace, side)
            if of == language and pair.status != "rejected" and result != pair.texts:
                expected[pair.id] = result
        shown = self.service.ask("POST", f"/review-rules/{rule_id}/preview").json()
        found = {diff["pair_id"]: (diff["after"]["instruction"], diff["after"]["response"]) for diff in shown["data"]}
        assert found == expected
        assert shown["counts"]["pairs"] == len(expected)
        versions = {pair.id: pair.etag for pair in self.pairs.values()}
        self.preview = (rule_id, shown["preview_token"], expected)
        self.previewed = versions

    @precondition(lambda self: self.preview is not None)
    @rule()
    def apply_rule(self) -> None:
        assert self.preview is not None
        rule_id, token, expected = self.preview
        self.preview = None
        self._refresh()
        by_id = {pair.id: pair for pair in self.pairs.values()}
        is_fresh = all(by_id[pair_id].etag == self.previewed[pair_id] for pair_id in expected)
        answer = self.service.ask("POST", f"/review-rules/{rule_id}/apply", json={"preview_token": token})
        if answer.status_code == 409:
            assert answer.json()["code"] == "stale_preview"
            assert not is_fresh or self._has_new_matches(rule_id, expected)
            return
        assert is_fresh
        assert answer.json()["counts"]["changed"] == len(expected)
        changed = []
        for pair_id, texts in expected.items():
            pair = by_id[pair_id]
            edit = self._change(pair, texts, "rule")
            changed.append((pair, edit, pair.touches))
        self.runs.append(Run(rule_id, changed))

    @precondition(lambda self: any(not run.is_undone for run in self.runs))
    @rule()
    def undo_rule(self) -> None:
        run = next(run for run in reversed(self.runs) if not run.is_undone)
        run.is_undone = True
        untouched = [entry for entry in run.changed if entry[0].touches == entry[2] and entry[0].edits[-1] is entry[1]]
        answer = self.service.ask("POST", f"/review-rules/{run.rule}/undo").json()
        counts = answer["counts"]
        assert (counts["undone"], counts["left"]) == (len(untouched), len(run.changed) - len(untouched))
        for pair, edit, _ in untouched:
            self._taken_back(pair, edit)

    @rule(place=PLACES, instruction=TEXTS, response=TEXTS)
    def write_translation(self, place: int, instruction: str, response: str) -> None:
        pair, texts = self.pairs[place, "zh"], (instruction, response)
        assert pair.english is not None
        path = f"/pairs/{pair.english.id}/translations/zh"
        body = {"instruction": instruction, "response": response, "reviewer": "ben"}
        answer = self.service.ask("PUT", path, json=body, headers={"If-Match": pair.etag})
        assert answer.status_code == 200, answer.text
        if texts == pair.texts:
            self._judged(pair, "accepted")
        else:
            self._edited(pair, texts)

    @invariant()
    def everything_is_as_modelled(self) -> None:
        self._refresh()
        self.service.run(check_queues(self.service.sessions, self.job.number))
        summary = self.service.ask("GET", f"/jobs/{self.job.id}/review").json()
        assert summary["reviewed"] == sum(pair.is_reviewed for pair in self.pairs.values())
        assert summary["waiting"] == sum(not pair.is_reviewed for pair in self.pairs.values())

    def _refresh(self) -> None:
        """Compare every pair with its model, and learn the etags."""
        listed = self.service.ask("GET", f"/pairs?job_id={self.job.id}&language=*&expand=review").json()["data"]
        by_id = {pair.id: pair for pair in self.pairs.values()}
        assert {shown["id"] for shown in listed} == set(by_id)
        for shown in listed:
            pair = by_id[shown["id"]]
            assert (shown["instruction"], shown["response"]) == pair.texts
            assert shown["status"] == pair.status
            assert shown["flags"] == (["stale"] if pair.is_stale else [])
            assert (shown["review"]["reviewed_at"] is not None) == pair.is_reviewed
            edits = [(edit["kind"], tuple(edit["after"].values())) for edit in shown["review"]["edits"]]
            assert edits == [(edit.kind, edit.after) for edit in pair.edits]
            if shown["etag"] != pair.etag:
                pair.old_etags.append(pair.etag)
                pair.etag = shown["etag"]

    def _patch(self, pair: Modelled, body: dict[str, Any]) -> None:
        answer = self.service.ask("PATCH", f"/pairs/{pair.id}", json=body, headers={"If-Match": f'"{pair.etag}"'})
        assert answer.status_code == 200, answer.text

    def _judged(self, pair: Modelled, status: str) -> None:
        pair.status, pair.is_reviewed = status, True
        pair.touches += 1
        if status != "rejected":
            self._confirm(pair)

    def _edited(self, pair: Modelled, texts: Texts) -> None:
        self._change(pair, texts, "edit")
        self._confirm(pair)
        pair.is_reviewed = True
        pair.touches += 1

    def _taken_back(self, pair: Modelled, edit: Edit) -> None:
        edit.is_undone = True
        self._change(pair, edit.before, "undo", edit.status_before)
        pair.source = edit.source_before

    def _change(self, pair: Modelled, texts: Texts, kind: str, status: str = "edited") -> Edit:
        fresh = [other for other in self._translations(pair) if not other.is_stale]
        edit = Edit(pair.texts, texts, kind, pair.status, pair.source)
        pair.edits.append(edit)
        pair.texts, pair.status = texts, status
        for other in fresh:
            if other.is_stale:
                other.is_reviewed = False
        return edit

    def _confirm(self, pair: Modelled) -> None:
        if pair.english is not None:
            pair.source = pair.english.texts

    def _translations(self, pair: Modelled) -> list[Modelled]:
        return [other for other in self.pairs.values() if other.english is pair]

    async def _undo(self, pair: Modelled, edit_id: int) -> bool:
        try:
            async with self.service.sessions.begin() as session:
                await undo_edit(session, decode_id("pair", pair.id), edit_id, "ann")
        except ConflictError:
            return False
        return True

    def _has_new_matches(self, rule_id: str, expected: dict[str, Texts]) -> bool:
        shown = self.service.ask("POST", f"/review-rules/{rule_id}/preview").json()
        return {diff["pair_id"] for diff in shown["data"]} != set(expected)


def _replace(texts: Texts, find: str, replace: str, side: str) -> Texts:
    """The model's own way to replace whole words: word by word, and what stands between words as it is."""

    def write(text: str) -> str:
        return "".join(replace if word == find else word for word in re.split(r"(\W+)", text))

    instruction, response = texts
    return (
        write(instruction) if side != "response" else instruction,
        write(response) if side != "instruction" else response,
    )


def test_the_review_endpoints_do_what_their_model_does(settings: Settings, sessions: Sessions) -> None:
    with Service(settings) as service:

        class Machine(ReviewMachine):
            pass

        Machine.service = service
        run_state_machine_as_test(
            Machine,
            settings=how(
                max_examples=12,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            ),
        )
