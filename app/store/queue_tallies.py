"""The roll-ups that review queues are read from: pairs by status, those that were reviewed, flags of those that wait.

Accepted pairs that nobody looked at have no count of their own: they are what is left of `pairs` (or of
`translations.<language>`), so recording an accepted pair costs nothing here.
"""

from collections import Counter
from collections.abc import Iterable


def count_pair(
    tallies: Counter[tuple[int, str]],
    job_id: int,
    language: str,
    status: str,
    flags: Iterable[str],
    *,
    is_reviewed: bool,
    n: int = 1,
) -> None:
    """Add `n` pairs of this sort (negative: take them away)."""
    if status != "accepted":
        tallies[job_id, f"status.{language}.{status}"] += n
    if is_reviewed:
        tallies[job_id, f"reviewed.{language}.{status}"] += n
    else:
        for flag in flags:
            tallies[job_id, f"flag.{language}.{flag}"] += n
