"""Provenance: everything that a pair came from and went through."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import encode_id
from app.pipeline.filtering import JOB_RULES
from app.services.examples import find_shown_examples
from app.store.edit_rows import list_edits, list_findings, list_reviews
from app.store.pairs import list_provenance
from app.store.reading import AnyRow

Shown = list[dict[str, Any]]


async def attach_provenance(session: AsyncSession, rows: Sequence[AnyRow], shown: Sequence[dict[str, Any]]) -> None:
    """Give each shown pair its `provenance`: annotation, prompt, model, call, what filters found, edits, reviews."""
    ids = [row[0] for row in rows]
    found = {row.pair_id: row for row in await list_provenance(session, ids)}
    examples = await find_shown_examples(session, ids)
    known = await _read_history(session, ids)
    for pair_id, pair in zip(ids, shown, strict=True):
        edits, reviews, findings = (family.get(pair_id, []) for family in known)
        pair["provenance"] = _describe(found[pair_id], examples.get(pair_id, []), edits, reviews, findings)


async def attach_review(session: AsyncSession, rows: Sequence[AnyRow], shown: Sequence[dict[str, Any]]) -> None:
    """Give each shown pair its `review`: the score, when it was judged, and by whom how."""
    ids = [row[0] for row in rows]
    found = {row.pair_id: row for row in await list_provenance(session, ids)}
    edits, reviews, findings = await _read_history(session, ids)
    for pair_id, pair in zip(ids, shown, strict=True):
        pair["review"] = {
            "score": len(pair["flags"]),
            "reviewed_at": found[pair_id].reviewed_at,
            "reviews": reviews.get(pair_id, []),
            "findings": findings.get(pair_id, []),
            "edits": edits.get(pair_id, []),
        }


def show_edit(row: AnyRow) -> dict[str, Any]:
    """A row of `list_edits` as the API shows it."""
    return {
        "id": encode_id("edit", row.id),
        "kind": row.kind,
        "rule": row.rule,
        "author": row.author,
        "note": row.note,
        "before": {"instruction": row.instruction_before, "response": row.response_before},
        "after": {"instruction": row.instruction_after, "response": row.response_after},
        "undoes": None if row.undoes is None else encode_id("edit", row.undoes),
        "created_at": row.created_at,
    }


async def _read_history(
    session: AsyncSession, ids: Sequence[int]
) -> tuple[dict[int, Shown], dict[int, Shown], dict[int, Shown]]:
    """Edits, reviews and findings of each pair that has any."""
    edits: dict[int, Shown] = {}
    reviews: dict[int, Shown] = {}
    findings: dict[int, Shown] = {}
    for row in await list_edits(session, ids):
        edits.setdefault(row.pair_id, []).append(show_edit(row))
    for row in await list_reviews(session, ids):
        edit_id = None if row.edit_id is None else encode_id("edit", row.edit_id)
        said = {"reviewer": row.reviewer, "verdict": row.verdict, "note": row.note, "edit_id": edit_id}
        reviews.setdefault(row.pair_id, []).append(said | {"created_at": row.created_at})
    for row in await list_findings(session, ids):
        told = {"code": row.code, "detail": row.detail, "evidence": _show_evidence(row)}
        findings.setdefault(row.pair_id, []).append(told)
    return edits, reviews, findings


def _show_evidence(row: AnyRow) -> Any:
    """The evidence of a finding; the pair that another one is like by its public id."""
    evidence = orjson.loads(row.evidence)
    if row.code in JOB_RULES:
        evidence["pair_id"] = encode_id("pair", evidence.pop("pair"))
    return evidence


def _describe(row: AnyRow, examples: list[Any], edits: Shown, reviews: Shown, findings: Shown) -> dict[str, Any]:
    policies = orjson.loads(row.policies)
    return {
        "annotation": {"position": row.position, "sentences": row.sentences},
        "prompt_id": encode_id("prompt", row.prompt_id),
        "prompt": {"name": row.prompt_name, "version": row.prompt_version, "turns": row.turns},
        "examples": examples,
        "model": row.model,
        "parameters": orjson.loads(row.parameters),
        "call_id": None if row.call_id is None else encode_id("call", row.call_id),
        "stage": row.stage,
        "worker": row.worker,
        "finish_reason": row.finish_reason,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "cached_tokens": row.cached_tokens,
        "cost_usd": None if row.cost_micros is None else row.cost_micros / 1e6,
        "latency_ms": row.latency_ms,
        "finished_at": row.finished_at,
        "filters": {"policies": policies, "findings": findings},
        "edits": edits,
        "reviews": reviews,
    }
