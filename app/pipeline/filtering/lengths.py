"""Lengths in words, where an order sets bounds."""

from app.pipeline.filtering.rules import Candidate, ReplyContext, Rule


def _find_wrong_length(candidate: Candidate, context: ReplyContext) -> str:
    options = context.options
    sides = (
        ("instruction", candidate.pair.instruction, options.instruction_words),
        ("response", candidate.pair.response, options.response_words),
    )
    for side, text, bounds in sides:
        if bounds is None:
            continue
        words = len(text.split())
        if not bounds[0] <= words <= bounds[1]:
            return f"the {side} has {words} words, not {bounds[0]} to {bounds[1]}"
    return ""


LENGTHS: tuple[Rule, ...] = (
    Rule(
        "wrong_length",
        "lengths",
        "The instruction or the response has fewer or more words than the order's `instruction_words` or "
        "`response_words` allow.",
        _find_wrong_length,
    ),
)
