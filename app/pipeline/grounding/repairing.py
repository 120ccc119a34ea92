"""The lines of a request to write pairs again: each with its claims that do not hold, and what speaks against them."""

from collections.abc import Sequence

from app.pipeline.grounding.claims import Verdict
from app.pipeline.values import Pair

_MOST_PAIRS = 20
_OPENING = (
    "Pairs were written about this annotation before. Some of what they say does not agree with it: below are these "
    "pairs, each with the words that are wrong and what speaks against them."
)
_CLOSING = {
    False: (
        "Write {} in their place, in the same order. Correct every claim that is named and what depends on it; "
        "where the annotation does not settle a question, ask and answer another one that it does settle."
    ),
    True: (
        "Write the whole reply again, in the same form. Correct every claim that is named and what depends on it; "
        "leave the rest as it is, as far as you remember it, and say nothing that the annotation does not settle."
    ),
}
_NEVER = "Never mention this correction or the annotation."


def write_note(pairs: Sequence[Pair], wrong: Sequence[Sequence[Verdict]], *, is_whole: bool = False) -> str:
    """The lines that follow the annotation; `wrong` has the contradicted claims of each pair, in order.

    is_whole: whether the whole reply is asked for again, because its rounds stand on each other
    """
    lines = [_OPENING]
    found = [(pair, claims) for pair, claims in zip(pairs, wrong, strict=True) if claims]
    for number, (pair, claims) in enumerate(found[:_MOST_PAIRS], start=1):
        lines += ["", f"Pair {number}", f"Question: {_line_up(pair.instruction)}", f"Answer: {_line_up(pair.response)}"]
        lines += [f'- wrong: "{_line_up(claim.claim)}" against: {_line_up(claim.fact)}' for claim in claims]
    count = "one pair" if len(found) == 1 else f"{len(found)} pairs"
    return "\n".join([*lines, "", _CLOSING[is_whole].format(count), _NEVER])


def _line_up(text: str, most: int = 600) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
