"""Decisions in a terminal: about named candidates, or one candidate after the other."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import orjson

from app.errors import ConflictError, InvalidRequestError
from app.ids import decode_id
from app.resources import Resources
from app.services.cold_starts.candidates import Candidate, Course
from app.services.cold_starts.deciding import Decision, decide, open_candidate
from app.services.cold_starts.views import show_candidate
from workers.command_line.cold_start.reviewing import Answer, Person
from workers.command_line.cold_start.showing import fold, tell_candidate
from workers.command_line.sources import StartError

STATUSES = {"accept": "accepted", "reject": "rejected", "edit": "edited", "reopen": "open"}


async def decide_named(resources: Resources, order: Namespace) -> int:
    """One decision about each candidate that the order names. Raises StartError, and what `decide` raises."""
    status = STATUSES[order.command]
    decision = Decision(status, note=order.note)
    if order.command == "edit":
        decision = _edit_of(_read_json(order.file), order.note)
    for name in order.candidates:
        await _write_decision(resources, decode_id("candidate", name), decision)
        sys.stdout.write(f"{name}: {status}\n")
    return 0


async def review(resources: Resources, found: list[Candidate]) -> None:
    """Ask about the open candidates, the best first, until all are decided or the person has enough."""
    waiting = [each for each in found if each.row.status == "open" and each.state == "ready"]
    waiting = [each for each in waiting if not each.row.is_held_out]
    waiting.sort(key=lambda each: each.worth or 0.0, reverse=True)
    person = Person()
    for number, each in enumerate(waiting, start=1):
        if await _ask(resources, person, each, f"{number}/{len(waiting)}") is Answer.QUIT:
            break
    if not waiting:
        sys.stdout.write("No open candidate of this round has a reply to look at.\n")


def pick_round(course: Course, number: int | None) -> list[Candidate]:
    """The candidates of a round, the newest by default. Raises StartError where there is no such round."""
    last = len(course.rounds)
    if not last:
        raise StartError(f"{course.cold_start.name} has no round yet; `round {course.cold_start.name}` runs one.")
    if number is not None and number > last:
        raise StartError(f"There is no round {number}; the newest is {last} (--round).")
    return course.of_round(number or last)


async def _ask(resources: Resources, person: Person, candidate: Candidate, place: str) -> Answer:
    """One candidate; a decision that does not hold is told, and asked again.

    The person is waited for on the loop itself: nothing else runs here.
    """
    shown = show_candidate(candidate)
    while True:
        answer, decision = person.ask(fold(f"[{place}]\n{tell_candidate(shown)}"), shown)
        if decision is None:
            return answer
        try:
            await _write_decision(resources, candidate.row.id, decision)
        except (ConflictError, InvalidRequestError) as error:
            told = " ".join([error.detail, *(fault.message for fault in error.errors[:3])])
            sys.stdout.write(f"{fold(told)}\n")
        else:
            return answer


async def _write_decision(resources: Resources, candidate_id: int, decision: Decision) -> None:
    async with resources.sessions.begin() as session:
        cold_start, kind, candidate = await open_candidate(session, candidate_id)
        await decide(session, cold_start, kind, candidate, decision)


def _read_json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise StartError(f"{str(path)!r} is no JSON: {error} (--file).") from error
    except OSError as error:
        raise StartError(f"{str(path)!r} cannot be read: {error.strerror} (--file).") from error


def _edit_of(given: Any, note: str | None) -> Decision:
    """The texts of a file as an edit."""
    if isinstance(given, list) and any(isinstance(each, dict) and "rounds" in each for each in given):
        return Decision("edited", conversations=given, note=note)
    return Decision("edited", pairs=given, note=note)
