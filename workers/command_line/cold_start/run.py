"""One command of `python main.py cold-start`, from the order to the exit status."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, InvalidRequestError, NotFoundError
from app.ids import decode_id
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.cold_starts.candidates import Candidate, Course, read_course
from app.services.cold_starts.deciding import Decision, decide, open_candidate
from app.services.cold_starts.freezing import freeze
from app.services.cold_starts.making import Change, change_cold_start
from app.services.cold_starts.rounds import RoundOrder, generate_round
from app.services.cold_starts.views import show_candidate, view_cold_start, view_rounds
from app.services.datasets import SourceFile
from app.services.jobs import act_on_job
from app.services.prompts import describe_prompt
from app.store.cold_starts import find_newest, get_cold_start, list_rounds
from app.store.jobs import get_job
from app.store.models import ColdStart
from app.wiring import open_resources
from workers.command_line.cold_start.reviewing import Answer, ask_person
from workers.command_line.cold_start.showing import tell_candidate, tell_conditions, tell_rounds
from workers.command_line.cold_start.starting import begin, given_rule, read_text
from workers.command_line.sources import Annotations
from workers.command_line.watching import Watch, look, pause
from workers.main import open_worker

_POOL_SIZE = 3


@dataclass(slots=True)
class ColdStartRun:
    """A command on open servers; `work` may be called once. `start` are the annotations that begin one."""

    order: Namespace
    watch: Watch
    start: tuple[Annotations, SourceFile] | None = None

    async def work(self) -> int:
        """The exit status, see the package."""
        commands: dict[str, Callable[[Resources], Awaitable[int]]] = {
            "start": self._start,
            "round": self._round,
            "show": self._show,
            "rounds": self._rounds,
            "review": self._review,
            "accept": self._decide,
            "reject": self._decide,
            "edit": self._decide,
            "change": self._change,
            "freeze": self._freeze,
        }
        async with open_resources(self.watch.settings, pool_size=_POOL_SIZE) as resources:
            return await commands[self.order.command](resources)

    async def _start(self, resources: Resources) -> int:
        if self.start is None:
            raise ValueError("a start needs annotations")
        view = await begin(resources, self.order, *self.start)
        counts = view["counts"]
        self._say(
            f"{view['name']}: {counts['items']} items in {counts['clusters']} clusters, {counts['held_out']} held out."
        )
        _print(view["id"])
        return 0

    async def _round(self, resources: Resources) -> int:
        """Order a round, or go on with the one under way; an automatic cold start is worked until it has ended."""
        self.watch.catch_signals()
        async with resources.sessions.begin() as session:
            course = await self._course(session, lock=True)
            job_id = await self._order_round(session, resources, course)
        is_automatic = course.cold_start.automatic is not None
        try:
            if is_automatic:
                is_done = await self._work_on(resources, course.cold_start.id)
            else:
                job, view = await self.watch.work_job(resources, job_id)
                self.watch.progress.show(view, is_last=True)
                is_done = job.state == "completed"
        finally:
            self.watch.progress.close()
        async with resources.sessions() as session:
            course = await self._course(session)
            _print(tell_rounds(await view_rounds(session, course)))
            _print(tell_conditions(await view_cold_start(session, course.cold_start)))
        return int(not is_done)

    async def _order_round(self, session: AsyncSession, resources: Resources, course: Course) -> int:
        """The job of the next round, or of the newest one where that is to be gone on with."""
        if course.rounds:
            newest = course.rounds[-1]
            job = await get_job(session, newest.job_id, lock=True)
            if job.state == "paused":
                await act_on_job(session, job.id, "resume")
            goes_on = course.cold_start.automatic is not None and course.cold_start.reason is None
            if job.state not in FINAL_STATES or (goes_on and course.cold_start.state == "open"):
                return job.id
        limits: dict[str, Any] = {"concurrency": self.watch.settings.concurrency}
        if self.order.max_cost_usd is not None:
            limits["max_cost_usd"] = self.order.max_cost_usd
        order = RoundOrder(self.order.with_examples, limits)
        return (await generate_round(session, resources.settings, course, order)).job_id

    async def _show(self, resources: Resources) -> int:
        async with resources.sessions() as session:
            found = _of_round(await self._course(session), self.order.round)
        if self.order.json:
            _print(_to_json([show_candidate(each) for each in found]))
        else:
            for each in found:
                _print(tell_candidate(show_candidate(each)))
        return 0

    async def _rounds(self, resources: Resources) -> int:
        async with resources.sessions() as session:
            course = await self._course(session)
            rounds = await view_rounds(session, course)
            view = await view_cold_start(session, course.cold_start)
        if self.order.json:
            _print(_to_json({**view, "rounds": rounds}))
        else:
            _print(tell_rounds(rounds))
            _print(tell_conditions(view))
        return 0

    async def _review(self, resources: Resources) -> int:
        """Ask about the open candidates, the best first, until all are decided or the person has enough."""
        async with resources.sessions() as session:
            found = _of_round(await self._course(session), self.order.round)
        waiting = [each for each in found if each.row.status == "open" and each.state == "ready"]
        waiting = [each for each in waiting if not each.row.is_held_out]
        waiting.sort(key=lambda each: each.worth or 0.0, reverse=True)
        for number, each in enumerate(waiting, start=1):
            answer = await self._ask(resources, each, f"{number}/{len(waiting)}")
            if answer is Answer.QUIT:
                break
        async with resources.sessions() as session:
            _print(tell_conditions(await view_cold_start(session, (await self._course(session)).cold_start)))
        return 0

    async def _ask(self, resources: Resources, candidate: Candidate, place: str) -> Answer:
        """One candidate; a decision that does not hold is told, and asked again."""
        shown = show_candidate(candidate)
        while True:
            answer, decision = await asyncio.to_thread(ask_person, f"[{place}]\n{tell_candidate(shown)}", shown)
            if decision is None:
                return answer
            try:
                await _write_decision(resources, candidate.row.id, decision)
            except (ConflictError, InvalidRequestError) as error:
                self._say(" ".join([error.detail, *(fault.message for fault in error.errors[:3])]))
            else:
                return answer

    async def _decide(self, resources: Resources) -> int:
        order = self.order
        for name in order.candidates:
            decision = Decision(f"{order.command}ed", note=order.note)
            if order.command == "edit":
                given = orjson.loads(order.file.read_bytes())
                decision = _edit_of(given, order.note)
            await _write_decision(resources, decode_id("candidate", name), decision)
            _print(f"{name}: {order.command}ed")
        return 0

    async def _change(self, resources: Resources) -> int:
        change = Change(None, read_text(self.order.system_message_file), given_rule(self.order) or None)
        async with resources.sessions.begin() as session:
            row = (await self._course(session, lock=True)).cold_start
            await change_cold_start(session, row, change)
            _print(tell_conditions(await view_cold_start(session, row)))
        return 0

    async def _freeze(self, resources: Resources) -> int:
        try:
            async with resources.sessions.begin() as session:
                prompt = await freeze(session, await self._course(session, lock=True))
        except ConflictError as error:
            self._say("\n".join(["Not satisfactory yet:", *(f"- {fault.message}" for fault in error.errors)]))
            return 1
        shown = describe_prompt(prompt)
        if self.order.out is not None:
            kept = {key: shown[key] for key in ("system_message", "in_context")}
            self.order.out.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2))
        self._say(f"{shown['name']} version {shown['version']}, {len(shown['in_context']) // 2} examples.")
        _print(shown["id"])
        return 0

    async def _work_on(self, resources: Resources, cold_start_id: int) -> bool:
        """Work what an automatic cold start orders by itself, until it is frozen (True) or says why not."""
        watch = self.watch
        async with open_worker(watch.settings, watch.worker_id) as engine:
            while not watch.stopping.is_set():
                async with resources.sessions() as session:
                    cold_start = await get_cold_start(session, cold_start_id)
                    newest = (await list_rounds(session, cold_start_id))[-1]
                if cold_start.state == "frozen":
                    return True
                if cold_start.reason is not None:
                    self._say(cold_start.reason)
                    return False
                job, view = await look(resources, newest.judge_job_id or newest.job_id)
                watch.progress.show(view, job.outage_since)
                if job.state == "paused":
                    self._say(f"The job {view['id']} is paused: {job.reason}.")
                    return False
                engine.ring()
                await watch.wait()
            async with resources.sessions() as session:
                newest = (await list_rounds(session, cold_start_id))[-1]
            await pause(resources, newest.judge_job_id or newest.job_id)
        return False

    async def _course(self, session: AsyncSession, *, lock: bool = False) -> Course:
        return await read_course(session, await _find_cold_start(session, self.order.cold_start, lock=lock))

    def _say(self, sentence: str) -> None:
        self.watch.progress.say(sentence)


async def _find_cold_start(session: AsyncSession, named: str, *, lock: bool) -> ColdStart:
    """By its id, or the newest of a name; raises NotFoundError."""
    try:
        number = decode_id("cold_start", named)
    except NotFoundError:
        found = await find_newest(session, named)
        if found is None:
            raise NotFoundError("cold start", named) from None
        number = found
    return await get_cold_start(session, number, lock=lock)


async def _write_decision(resources: Resources, candidate_id: int, decision: Decision) -> None:
    async with resources.sessions.begin() as session:
        cold_start, kind, candidate = await open_candidate(session, candidate_id)
        await decide(session, cold_start, kind, candidate, decision)


def _of_round(course: Course, number: int | None) -> list[Candidate]:
    if number is None:
        number = len(course.rounds)
    return course.of_round(number)


def _edit_of(given: Any, note: str | None) -> Decision:
    """The texts of a file as an edit."""
    if isinstance(given, list) and any(isinstance(each, dict) and "rounds" in each for each in given):
        return Decision("edited", conversations=given, note=note)
    return Decision("edited", pairs=given, note=note)


def _to_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
