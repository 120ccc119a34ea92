"""Grounding: the claims of a pair that can be checked, against the annotation they were made from and each other."""

from app.pipeline.grounding.checking import ground_pairs, is_contradicted
from app.pipeline.grounding.claims import CLAIM_CLASSES, Standing, Verdict
from app.pipeline.grounding.policy import OFF, GroundingPolicy, check_grounding, read_grounding

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
]
