"""One command of `python main.py cold-start`, from the order to the exit status."""

import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, NotFoundError
from app.ids import decode_id, encode_id
from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.cold_starts.candidates import Course, read_course, score_course
from app.services.cold_starts.freezing import freeze
from app.services.cold_starts.making import Change, change_cold_start, delete_cold_start
from app.services.cold_starts.rounds import RoundOrder, generate_round
from app.services.cold_starts.views import list_entry, show_candidate, view_cold_start, view_rounds
from app.services.jobs import act_on_job
from app.services.prompts import describe_prompt
from app.services.upload_requests import SourceFile
from app.store.cold_starts import find_newest, get_cold_start, list_cold_starts, list_rounds
from app.store.jobs import get_job
from app.store.models import ColdStart
from app.wiring import open_resources
from workers.command_line.cold_start.deciding import STATUSES, decide_named, pick_round, review
from workers.command_line.cold_start.showing import (
    find_width,
    fold,
    tell_candidate,
    tell_cold_starts,
    tell_conditions,
    tell_rounds,
)
from workers.command_line.cold_start.starting import begin, given_rule, read_text
from workers.command_line.sources import Annotations, StartError
from workers.command_line.watching import Watch, look, open_worker, pause

_POOL_SIZE = 3
_MOST_LISTED = 100


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
            "change": self._change,
            "list": self._list,
            "cancel": self._cancel,
            "delete": self._delete,
            "freeze": self._freeze,
        }
        async with open_resources(self.watch.settings, pool_size=_POOL_SIZE) as resources:
            if self.order.command in STATUSES:
                return await decide_named(resources, self.order)
            return await commands[self.order.command](resources)

    async def _start(self, resources: Resources) -> int:
        if self.start is None:
            raise ValueError("a start needs annotations")
        view = await begin(resources, self.order, *self.start)
        counts = view["counts"]
        self._say(
            f"{view['name']}: {counts['items']} items in {counts['clusters']} clusters, {counts['held_out']} held out."
        )
        for each in view["conditions"]:
            if "cannot be met" in each["message"]:
                self._say(each["message"])
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
        course = await self._look(resources)
        async with resources.sessions() as session:
            _print(tell_rounds(await view_rounds(session, course), find_width()))
            _print(tell_conditions(await view_cold_start(session, course)))
        if self.watch.stopping.is_set() and not is_done:
            self._say(f"Stopped; `round {course.cold_start.name}` goes on with it.")
        return int(not is_done)

    async def _order_round(self, session: AsyncSession, resources: Resources, course: Course) -> int:
        """The job of the next round, or of the newest one where that is to be gone on with."""
        if course.rounds:
            newest = course.rounds[-1]
            job = await get_job(session, newest.job_id, lock=True)
            if job.state == "paused":
                await act_on_job(session, job.id, "resume")
            goes_on = course.cold_start.automatic is not None and course.cold_start.reason is None
            if job.state not in FINAL_STATES:
                self._say(f"Going on with round {newest.number}; `cancel` ends it, so that another can begin.")
                return job.id
            if goes_on and course.cold_start.state == "open":
                return job.id
        limits: dict[str, Any] = {"concurrency": self.watch.settings.concurrency}
        if self.order.max_cost_usd is not None:
            limits["max_cost_usd"] = self.order.max_cost_usd
        order = RoundOrder(self.order.with_examples, limits)
        return (await generate_round(session, resources.settings, course, order)).job_id

    async def _list(self, resources: Resources) -> int:
        async with resources.sessions() as session:
            rows = await list_cold_starts(session, None, _MOST_LISTED)
        if self.order.json:
            _print(_to_json([list_entry(row) for row in rows]))
        else:
            _print(tell_cold_starts([list_entry(row) for row in rows]))
        return 0

    async def _cancel(self, resources: Resources) -> int:
        """Cancel the job of the newest round, and wait until it has ended."""
        self.watch.catch_signals()
        async with resources.sessions.begin() as session:
            course = await self._course(session)
            newest = course.rounds[-1] if course.rounds else None
            if newest is None:
                raise StartError(f"{course.cold_start.name} has no round yet.")
            await act_on_job(session, newest.job_id, "cancel")
        job, _ = await self.watch.work_job(resources, newest.job_id)
        self.watch.progress.close()
        _print(f"Round {newest.number} is {job.state}.")
        return int(job.state not in FINAL_STATES)

    async def _delete(self, resources: Resources) -> int:
        async with resources.sessions.begin() as session:
            row = await _find_cold_start(session, self.order.cold_start, lock=True)
            await delete_cold_start(session, row)
        _print(f"{row.name} ({encode_id('cold_start', row.id)}): deleted; the jobs of its rounds and its prompts stay.")
        return 0

    async def _show(self, resources: Resources) -> int:
        found = pick_round(await self._look(resources), self.order.round)
        if self.order.json:
            _print(_to_json([show_candidate(each) for each in found]))
        else:
            _print("\n".join(tell_candidate(show_candidate(each)) for each in found))
        return 0

    async def _rounds(self, resources: Resources) -> int:
        course = await self._look(resources)
        async with resources.sessions() as session:
            rounds = await view_rounds(session, course)
            view = await view_cold_start(session, course)
        if self.order.json:
            _print(_to_json({**view, "rounds": rounds}))
        else:
            _print(tell_rounds(rounds, find_width()))
            _print(tell_conditions(view))
        return 0

    async def _review(self, resources: Resources) -> int:
        await review(resources, pick_round(await self._look(resources), self.order.round))
        course = await self._look(resources)
        async with resources.sessions() as session:
            _print(tell_conditions(await view_cold_start(session, course)))
        return 0

    async def _change(self, resources: Resources) -> int:
        change = Change(self.order.title, read_text(self.order.system_message_file), given_rule(self.order) or None)
        if change == Change():
            raise StartError("Nothing is to change; `change --help` tells what can.")
        async with resources.sessions.begin() as session:
            course = await self._course(session, lock=True)
            await change_cold_start(session, course.cold_start, change)
            _print(tell_conditions(await view_cold_start(session, course)))
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

    async def _look(self, resources: Resources) -> Course:
        """Everything about the cold start; what is scored now is kept for the next command."""
        async with resources.sessions() as session:
            row = await _find_cold_start(session, self.order.cold_start, lock=False)
            course = await read_course(session, row, scores=False)
        return await score_course(resources.sessions, course)

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


def _to_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def _print(text: str) -> None:
    sys.stdout.write(f"{fold(text)}\n")
    sys.stdout.flush()
