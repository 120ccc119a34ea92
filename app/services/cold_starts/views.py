"""Cold starts, rounds and candidates as the API shows them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import encode_id
from app.pipeline.candidate_scores import mean_scores
from app.pipeline.formats import read_content
from app.pipeline.values import Rejection
from app.services.cold_starts.candidates import Candidate, Course
from app.services.cold_starts.standing import mean_worth, read_conditions, score_rounds
from app.services.jobs import view_jobs
from app.services.prompts import show_content
from app.store.jobs import get_job
from app.store.models import ColdStart, ColdStartRound
from app.store.prompts import get_prompt


def list_entry(row: ColdStart) -> dict[str, Any]:
    """A cold start without what takes a look at its rounds."""
    held_out = sum(each["held_out"] for each in row.chosen)
    return {
        "id": encode_id("cold_start", row.id),
        "object": "cold_start",
        "name": row.name,
        "state": row.state,
        "reason": row.reason,
        "dataset_id": encode_id("dataset", row.dataset_id),
        "system_message": row.system_message,
        "reply_format": row.reply_format,
        "model": row.model,
        "parameters": row.parameters,
        "limits": row.limits,
        "vision": row.vision,
        "seed": row.seed,
        "counts": {
            "items": len(row.chosen),
            "working": len(row.chosen) - held_out,
            "held_out": held_out,
            "clusters": row.clusters,
        },
        "stop_rule": row.stop_rule,
        "automatic": row.automatic,
        "prompt_id": None if row.prompt_id is None else encode_id("prompt", row.prompt_id),
        "created_at": row.created_at,
        "frozen_at": row.frozen_at,
    }


async def view_cold_start(session: AsyncSession, course: Course) -> dict[str, Any]:
    """One cold start with its items, and how far its stop rule is met."""
    row = course.cold_start
    conditions = await read_conditions(session, course)
    return {
        **list_entry(row),
        "rounds": len(course.rounds),
        "accepted": len(course.examples),
        "satisfactory": all(each.is_met for each in conditions),
        "conditions": [each.describe() for each in conditions],
        "items": [
            {
                "item_id": encode_id("item", each["item_id"]),
                "position": each["position"],
                "cluster": each["cluster"],
                "held_out": each["held_out"],
            }
            for each in row.chosen
        ],
    }


async def view_rounds(session: AsyncSession, course: Course) -> list[dict[str, Any]]:
    """Rounds side by side: yield, scores, cost and state of each, and what changed since the one before."""
    jobs = {each.id: each for each in [await get_job(session, one.job_id) for one in course.rounds]}
    shown = dict(zip(jobs, await view_jobs(session, list(jobs.values())), strict=True)) if jobs else {}
    held_out = score_rounds(course)
    views = []
    for index, each in enumerate(course.rounds):
        prompt = await get_prompt(session, each.prompt_id)
        view = _show_round(each, course.of_round(each.number), shown[each.job_id])
        view["system_message"], view["examples"] = prompt.system_message, len(prompt.in_context) // 2
        before = held_out[index - 1] if index else None
        now = held_out[index]
        view["improvement"] = None if before is None or now is None else round(now - before, 4)
        views.append(view)
    return views


def show_candidate(candidate: Candidate) -> dict[str, Any]:
    """A candidate with its reply, scores and decision."""
    row = candidate.row
    content = show_content(candidate.content)
    has_rounds = any("rounds" in each for each in content)
    return {
        "id": encode_id("candidate", row.id),
        "object": "cold_start.candidate",
        "cold_start_id": encode_id("cold_start", row.cold_start_id),
        "round": row.round,
        "item_id": encode_id("item", row.item_id),
        "source_id": candidate.source_id,
        "position": candidate.position,
        "sentences": candidate.sentences,
        "cluster": row.cluster,
        "held_out": row.is_held_out,
        "state": candidate.state,
        "detail": candidate.detail,
        "pairs": [
            {"instruction": pair.instruction, "response": pair.response} for pair in read_content(candidate.content)
        ],
        "conversations": content if has_rounds else None,
        "refused": [_show_refusal(each) for each in candidate.refused],
        "scores": None if candidate.scores is None else candidate.scores.describe(),
        "contradicted": list(candidate.contradicted),
        "status": row.status,
        "decided_by": row.decided_by,
        "note": row.note,
        "verdict": row.verdict,
        "decided_at": row.decided_at,
    }


def _show_round(row: ColdStartRound, candidates: Sequence[Candidate], job: dict[str, Any]) -> dict[str, Any]:
    scored = [each.scores for each in candidates if each.scores is not None]
    aside = [each for each in candidates if each.row.is_held_out]
    return {
        "object": "cold_start.round",
        "number": row.number,
        "job_id": job["id"],
        "prompt_id": job["prompt_id"],
        "judge_job_id": None if row.judge_job_id is None else encode_id("job", row.judge_job_id),
        "with_examples": row.with_examples,
        "state": job["state"],
        "reason": job["reason"],
        "items": job["counts"]["items"],
        "yield": _show_yield(job),
        "scores": mean_scores(scored),
        "held_out": {
            "items": len(aside),
            "score": mean_worth(aside),
            "scores": mean_scores([each.scores for each in aside if each.scores is not None]),
        },
        "decisions": {
            status: sum(each.row.status == status for each in candidates)
            for status in ("open", "accepted", "edited", "rejected")
        },
        "usage": job["usage"],
        "cost_usd": job["cost_usd"],
        "created_at": row.created_at,
    }


def _show_yield(job: dict[str, Any]) -> dict[str, Any]:
    counts = job["counts"]
    said = counts["pairs"] + counts["rejected"]
    ended = counts["items"]["total"] - counts["items"]["pending"]
    return {
        "pairs": counts["pairs"],
        "rejected": counts["rejected"],
        "accepted_share": round(counts["pairs"] / said, 4) if said else None,
        "items_with_pairs_share": round(counts["items"]["done"] / ended, 4) if ended else None,
        "rejected_by_reason": counts["rejected_by_reason"],
    }


def _show_refusal(rejection: Rejection) -> dict[str, Any]:
    return {
        "reason": rejection.reason,
        "detail": rejection.detail,
        "instruction": rejection.pair.instruction if rejection.pair else None,
        "response": rejection.pair.response if rejection.pair else None,
        "text": None if rejection.pair else rejection.text or None,
    }
