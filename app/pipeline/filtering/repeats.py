"""Instructions that come again in other words: within a reply, for the same pictures, in the whole job."""

from app.pipeline.filtering.rules import Candidate, ReplyContext, ReplyText, Rule
from app.pipeline.filtering.shingles import LEAST_SIMILARITY, measure_likeness, shingle_question
from app.pipeline.values import Prompt

IN_IMAGE, IN_JOB = "similar_in_image", "similar_in_dataset"
_FEWEST_SHINGLES = 3  # two words and the step between them


def _find_similar(candidate: Candidate, context: ReplyContext) -> str:
    """Among rounds of the same conversation; openings of conversations are compared with one another as well."""
    if not context.asked:
        return ""
    shingles = context.shingle(candidate)
    if len(shingles) < _FEWEST_SHINGLES:
        return ""
    for asked in context.asked:
        is_opening = candidate.round_number == asked.round_number == 0
        if asked.conversation != candidate.pair.conversation and not is_opening:
            continue
        if measure_likeness(shingles, asked.shingles) >= context.options.similarity:
            return f"much like {asked.text[:120]!r}"
    return ""


def _may_be_similar(reply: ReplyText, _: Prompt) -> bool:
    """Whether any two questions are as alike as the laxest order asks; the share is no larger than that of sizes."""
    cut = [shingle_question(question) for question in reply.questions]
    for place, one in enumerate(cut):
        for other in cut[:place]:
            fewer, more = (len(one), len(other)) if len(one) < len(other) else (len(other), len(one))
            if fewer >= LEAST_SIMILARITY * more and measure_likeness(one, other) >= LEAST_SIMILARITY:
                return True
    return False


def _find_nothing(_: Candidate, __: ReplyContext) -> str:
    return ""


REPEATS: tuple[Rule, ...] = (
    Rule(
        "similar_question",
        "repeats",
        "The instruction asks, in other words, what another one of the same reply asks.",
        _find_similar,
        gate=_may_be_similar,
    ),
    Rule(
        IN_IMAGE,
        "repeats",
        "The instruction is much like one of another item that shows the same pictures.",
        _find_nothing,
        is_on=False,
        scope="job",
    ),
    Rule(
        IN_JOB,
        "repeats",
        "The instruction is much like one of another item of the job, whatever that shows.",
        _find_nothing,
        is_on=False,
        scope="job",
    ),
)
