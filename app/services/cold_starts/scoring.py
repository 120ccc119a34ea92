"""Scores of candidates: made beside the loop, and kept with the candidate for as long as its reply stays the same."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import orjson

from app.pipeline.candidate_scores import Reply, Scores, measure_grounding, read_scores, score_reply
from app.pipeline.grounding import Standing
from app.services.grounding import find_verdicts

SCORING = 1
"""Goes up with every change of what scores come to: kept ones are then made anew, so that rounds stay comparable."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is scored: a reply about an annotation, of which the kind wants at least `fewest` pairs."""

    reply: Reply
    sentences: str
    fewest: int

    @property
    def digest(self) -> str:
        """The same for what comes to the same scores."""
        reply = self.reply
        pairs = [(pair.instruction, pair.response, pair.conversation) for pair in reply.pairs]
        refused = [(each.reason, each.pair is None) for each in reply.rejections]
        seen = [SCORING, pairs, refused, reply.flagged, self.sentences, self.fewest]
        return sha256(orjson.dumps(seen)).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Assessment:
    """Scores, and what the annotation speaks against: each claim as JSON with the number of its `pair`."""

    scores: Scores
    contradicted: tuple[dict[str, Any], ...] = ()

    def describe(self, subject: Subject) -> dict[str, Any]:
        """As JSON to keep; `recall` reads it again."""
        return {
            "digest": subject.digest,
            "scores": self.scores.describe(),
            "contradicted": list(self.contradicted),
        }


def assess(subject: Subject) -> Assessment:
    """Score a reply; about 2 ms of CPU."""
    reply = subject.reply
    verdicts = find_verdicts(subject.sentences, reply.pairs)
    scored = score_reply(replace(reply, grounding=measure_grounding(verdicts)), subject.sentences, subject.fewest)
    return Assessment(
        scores=read_scores(scored.describe()),  # rounded, so that those that were kept are no different
        contradicted=tuple(
            {"pair": number, **verdict.describe()}
            for number, of_pair in enumerate(verdicts)
            for verdict in of_pair
            if verdict.standing is Standing.CONTRADICTED
        ),
    )


async def assess_beside(subjects: Sequence[Subject]) -> list[Assessment]:
    """The same for many, in a thread: meanwhile the loop answers others."""
    return await asyncio.to_thread(lambda: [assess(subject) for subject in subjects])


def recall(kept: Mapping[str, Any] | None, subject: Subject) -> Assessment | None:
    """What was kept about a reply; None where that was another one."""
    if kept is None or kept.get("digest") != subject.digest:
        return None
    return Assessment(read_scores(kept["scores"]), tuple(kept["contradicted"]))
