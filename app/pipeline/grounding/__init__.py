"""Grounding: the claims of a pair that can be checked, against the annotation they were made from and each other."""

from app.pipeline.grounding.checking import ground_pairs, is_contradicted
from app.pipeline.grounding.claims import CLAIM_CLASSES, Standing, Verdict
from app.pipeline.grounding.policy import OFF, GroundingPolicy, check_grounding, read_grounding
from app.pipeline.grounding.repairing import write_note

__all__ = [
    "CLAIM_CLASSES",
    "OFF",
    "GroundingPolicy",
    "Standing",
    "Verdict",
    "check_grounding",
    "ground_pairs",
    "is_contradicted",
    "read_grounding",
    "write_note",
]
