"""Decisions about candidates: accept, edit, reject, or take that back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utc_now
from app.errors import ConflictError, Fault, InvalidRequestError, tell_faults
from app.ids import encode_id
from app.pipeline.filtering import filter_pairs
from app.pipeline.formats import read_content
from app.pipeline.values import Content, Pair, Prompt
from app.services.cold_starts.candidates import Candidate, Course, read_candidates
from app.services.cold_starts.making import check_open
from app.services.kinds import grammar_of, kind_of, prompt_of_text
from app.services.prompts import show_content
from app.store import cold_starts as store
from app.store.datasets import get_dataset
from app.store.models import ColdStart
from datasets.prompts import PromptError, check_prompt
from datasets.registry import KindInfo

STATUSES = ("open", "accepted", "edited", "rejected")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says of a candidate: a status, the whole reply as it is to stand in the prompt, or just a note."""

    status: str | None = None
    pairs: list[Any] | None = None
    conversations: list[Any] | None = None
    note: str | None = None

    @property
    def is_edit(self) -> bool:
        return self.status == "edited" or self.pairs is not None or self.conversations is not None

    @property
    def is_remark(self) -> bool:
        """A note, and nothing is decided."""
        return self.status is None and not self.is_edit and self.note is not None


async def open_candidate(session: AsyncSession, candidate_id: int) -> tuple[ColdStart, KindInfo, Candidate]:
    """A candidate to decide about, its cold start locked until commit; raises NotFoundError."""
    cold_start_id = (await store.get_candidate(session, candidate_id)).cold_start_id
    cold_start = await store.get_cold_start(session, cold_start_id, lock=True)
    row = await store.get_candidate(session, candidate_id, lock=True)
    kind = kind_of((await get_dataset(session, cold_start.dataset_id)).kind)
    rounds = await store.list_rounds(session, cold_start_id)
    (candidate,) = await read_candidates(session, kind, rounds, [row])
    return cold_start, kind, candidate


async def decide(
    session: AsyncSession, cold_start: ColdStart, kind: KindInfo, candidate: Candidate, decision: Decision
) -> None:
    """Write a person's decision about a candidate that `open_candidate` gave.

    Raises ConflictError (frozen; held out; no reply to accept), InvalidRequestError with a pointer for an edit that
    cannot stand in a prompt.
    """
    check_open(cold_start)
    _check_target(candidate, decision)
    row = candidate.row
    row.revision += 1
    row.note = row.note if decision.note is None else decision.note or None
    if decision.is_remark:
        await session.flush()
        return
    if decision.is_edit:
        row.content, row.status = show_content(_read_edit(decision, kind, candidate)), "edited"
    elif decision.status == "accepted":
        row.content = row.content or show_content(candidate.content)
        row.status = "edited" if row.status == "edited" else "accepted"
    else:
        row.content, row.status = None, str(decision.status)
    is_open = row.status == "open"
    row.decided_by, row.decided_at = (None, None) if is_open else ("person", utc_now())
    await session.flush()


def decide_alone(candidate: Candidate, *, accepts: bool, decided_by: str) -> None:
    """The same without a person: `decided_by` is `judge` or `score`."""
    row = candidate.row
    row.content = show_content(candidate.content) if accepts else None
    row.status = "accepted" if accepts else "rejected"
    row.decided_by, row.decided_at = decided_by, utc_now()
    row.revision += 1


def pick_best(course: Course, ranked: Sequence[Candidate], wanted: int) -> list[Candidate]:
    """Of candidates, best first, those to accept: one of each cluster without an example, then the next best."""
    taken = course.examples
    items, clusters = {each.row.item_id for each in taken}, {each.row.cluster for each in taken}
    picked: list[Candidate] = []
    for is_new_cluster in (True, False):
        for each in ranked:
            is_free = each.row.item_id not in items and (not is_new_cluster or each.row.cluster not in clusters)
            if is_free and len(items) < wanted:
                picked.append(each)
                items.add(each.row.item_id)
                clusters.add(each.row.cluster)
    return picked


def _check_target(candidate: Candidate, decision: Decision) -> None:
    if decision.is_remark:
        return
    has_texts = decision.pairs is not None or decision.conversations is not None
    if (decision.status is None and not has_texts) or (decision.status or "open") not in STATUSES:
        fault = Fault(
            "/status", "missing", f"Give a status, one of {', '.join(STATUSES)}, the texts of an edit, or a note."
        )
        raise InvalidRequestError("The decision is not valid.", errors=[fault])
    if has_texts and decision.status not in (None, "edited"):
        pointer = "/pairs" if decision.pairs is not None else "/conversations"
        fault = Fault(pointer, "not_an_edit", 'Texts make it "edited"; leave them out, or the status.')
        raise InvalidRequestError("The decision is not valid.", errors=[fault])
    if not decision.is_edit and decision.status != "accepted":
        return
    name = encode_id("candidate", candidate.row.id)
    if candidate.row.is_held_out:
        raise ConflictError(f"{name} is held out: it measures the prompt and is no example; accept another one.")
    if decision.is_edit:
        return
    if candidate.state == "pending":
        raise ConflictError(f"{name} has no reply yet; wait for its round.", retry_after_s=1)
    if not candidate.content:
        raise ConflictError(f"{name} has no pair left to accept; edit or reject it.")


def _read_edit(decision: Decision, kind: KindInfo, candidate: Candidate) -> Content:
    """The edited reply, which must pass what every reply must pass."""
    field = "conversations" if grammar_of(kind).keeps_order else "pairs"
    given = decision.conversations if field == "conversations" else decision.pairs
    other = decision.pairs if field == "conversations" else decision.conversations
    if given is None or other is not None:
        fault = Fault(f"/{field}", "missing", f"An edit of {kind.name} brings `{field}`, the whole reply.")
        raise InvalidRequestError("The edit is not valid.", errors=[fault])
    if not given:
        fault = Fault(f"/{field}", "empty", f"Give at least one of the {field}; to keep none, reject the candidate.")
        raise InvalidRequestError("The edit is not valid.", errors=[fault])
    turns = [{"role": "user", "content": "-"}, {"role": "assistant", "content": given}]
    try:
        checked = prompt_of_text(check_prompt({"system_message": "-", "in_context": turns}))
    except PromptError as error:
        pointer = _in_our_words(error.pointer.replace("/in_context/1/content", f"/{field}"))
        message = _in_our_words(error.message)
        fault = Fault(pointer, "invalid_edit", message)
        raise InvalidRequestError(f"The edit is not valid: {message}", errors=[fault]) from error
    content = checked.in_context[1].content
    if isinstance(content, str):
        fault = Fault(f"/{field}", "wrong_type", f"Give a list of {field}.")
        raise InvalidRequestError("The edit is not valid.", errors=[fault])
    _check_rules(read_content(content), field, kind, candidate)
    return content


def _check_rules(pairs: tuple[Pair, ...], field: str, kind: KindInfo, candidate: Candidate) -> None:
    result = filter_pairs(
        pairs,
        house_rules=kind.house_rules,
        prompt=Prompt(""),
        sentences=candidate.sentences,
        grammar=grammar_of(kind),
        most=kind.most_pairs,
    )
    faults = [
        Fault(f"/{field}/{each.ordinal}", each.reason, f"{each.detail}; no pair of a job may, so no example does.")
        for each in result.rejections
    ]
    if faults:
        raise InvalidRequestError(tell_faults("edit", faults), errors=faults)


def _in_our_words(text: str) -> str:
    """Prompt files say Question and Answer; the API says instruction and response."""
    return text.replace("Question", "instruction").replace("Answer", "response")
