"""Claims of position and size: between things that have boxes, in the image, or against the side a remark tells."""

import re
from collections.abc import Callable, Iterator, Sequence

from app.pipeline.grounding.annotations import Annotation, Block, Box
from app.pipeline.grounding.claims import ReadPair, Standing, Verdict, is_hedged
from app.pipeline.grounding.nouns import are_confusable
from app.pipeline.grounding.reading import Mention, Sentence
from app.pipeline.grounding.siding import check_told_sides, find_last_before

_MARGIN = 0.05
_SIDE_MARGIN = 0.1
_SIZE_FACTOR = 1.5

_RELATION = re.compile(
    r"\b(?:(?:to|on|at) the (?:far |immediate |upper |lower )?(?P<side>left|right)(?:[- ]hand)?(?: side)? of"
    r"|(?P<near>left|right) of"
    r"|(?P<above>above|higher(?: up)? than)"
    r"|(?P<below>below|beneath|underneath|under|lower(?: down)? than)"
    r"|(?P<inside>inside(?: of)?)"
    r"|(?:appears?|looks?|seems?|is|are) (?:much |far |visibly |clearly |slightly )?(?P<size>larger|bigger|smaller)"
    r"(?: (?:in|within) the (?:image|picture|photo|frame))? than"
    r"|takes? up (?:much |far )?(?P<room>more|less) (?:space |room )?(?:of |in )?"
    r"(?:the (?:image|picture|photo|frame) )?than"
    r")(?: the| a| an| its| his| her| their)?\b"
)
_GATE = re.compile(r"left|right|above|below|beneath|under|higher|lower|inside|larger|bigger|smaller|takes? up")
_IN_PICTURE = re.compile(r"\b(?:appear|look|image|picture|photo|frame)")
_IN_IMAGE = re.compile(
    r"\b(?:on|at|in|near) the (?:far |extreme |very )?(?P<side>left|right)(?:[- ](?:hand )?(?:side|half|part|edge))?"
    r"(?: of the (?:image|picture|photo|photograph|frame|scene))?\b"
    r"(?=\s*(?:$|[.,;:!?])|\s+(?:is|are|was|were|has|have|and|with|who|that|which|while|where|as|near|next|behind|beside"
    r"|in|on|at|appears?|can|there|\w+ing)\b)"
)

Holds = Callable[[Box, Box, float], bool]


def check_positions(pair: ReadPair, annotation: Annotation) -> Iterator[Verdict]:
    """Where the response says things are, and which are larger."""
    if _GATE.search(pair.answer) is None:
        return
    for place, sentence in enumerate(pair.response):
        if is_hedged(sentence) and _IN_PICTURE.search(sentence.text, *sentence.span) is None:
            continue
        if annotation.has_boxes:
            yield from _check_relations(pair, annotation, sentence, is_first=place == 0)
            if annotation.is_in_fractions:
                yield from _check_sides(pair, annotation, sentence)
        else:
            yield from check_told_sides(pair, annotation, sentence)


def _check_relations(
    pair: ReadPair, annotation: Annotation, sentence: Sentence, *, is_first: bool
) -> Iterator[Verdict]:
    start, end = sentence.span
    for match in _RELATION.finditer(sentence.text, start, end):
        if match["size"] and _IN_PICTURE.search(sentence.text, start, end) is None:
            continue  # which one is larger in the world is not for boxes to say
        anchor = next((m for m in sentence.mentions if sentence.starts[m.first] >= match.start()), None)
        if anchor is None or _words_between(sentence.text, match.end(), sentence.starts[anchor.first]) > 1:
            continue
        subjects = _find_subjects(pair, sentence, match.start(), anchor, is_first=is_first)
        verdict = _judge_relation(
            pair, annotation, match, subjects, anchor.noun, (match.start(), sentence.ends[anchor.at])
        )
        if verdict is not None:
            yield verdict


def _find_subjects(pair: ReadPair, sentence: Sentence, before: int, anchor: Mention, *, is_first: bool) -> list[str]:
    """What may be said to be there: all that is named before, or the first thing after, or what was asked for."""
    subjects = [m.noun for m in sentence.mentions if sentence.ends[m.at] <= before]
    if subjects:
        return subjects if "not" not in sentence.words else []
    following = [m.noun for m in sentence.mentions if m.first > anchor.at]
    if following and sentence.starts[0] + 3 >= before:
        return following[:1]
    if is_first and len(pair.instruction) == 1:
        asked = [m.noun for m in pair.instruction[0].mentions if m.noun != anchor.noun]
        return asked if len(asked) == 1 and pair.question.startswith("where") else []
    return []


def _judge_relation(
    pair: ReadPair,
    annotation: Annotation,
    match: re.Match[str],
    subjects: Sequence[str],
    anchor: str,
    span: tuple[int, int],
) -> Verdict | None:
    """Contradicted where it holds for no two boxes that could be meant, in any image."""
    relation, can_hold = _read_relation(match)
    seen: tuple[Box, Box] | None = None
    for subject in subjects:
        is_known = False
        for block in annotation.blocks:
            ones, others = _choose_boxes(block, subject), _choose_boxes(block, anchor)
            width = max((box.x + box.width for box in block.boxes), default=1.0)
            for one in ones:
                for other in others:
                    if one is other or one.is_crowd or other.is_crowd:
                        continue
                    if can_hold(one, other, width):
                        return pair.judge("position", Standing.SUPPORTED, span, _show(annotation, one, other), one.line)
                    seen, is_known = (one, other), True
        if not is_known:
            return None
    if seen is None:
        return None
    fact = f"not {relation}: {_show(annotation, *seen)}"
    return pair.judge("position", Standing.CONTRADICTED, span, fact, seen[0].line)


def _choose_boxes(block: Block, noun: str) -> list[Box]:
    """The boxes that a noun means: its own, or else those of what it may be mistaken for."""
    return block.of_kind(noun) or [box for box in block.boxes if are_confusable(box.noun, noun)]


def _read_relation(match: re.Match[str]) -> tuple[str, Holds]:
    side = match["side"] or match["near"]
    if side:
        return f"{side} of", _is_left if side == "left" else _is_right
    if match["above"]:
        return "above", _is_above
    if match["below"]:
        return "below", _is_below
    if match["inside"]:
        return "inside", _is_inside
    if match["size"] == "smaller" or match["room"] == "less":
        return "smaller than", _is_smaller
    return "larger than", _is_larger


def _is_left(one: Box, other: Box, width: float) -> bool:
    return one.centre_x <= other.centre_x + _MARGIN * width


def _is_right(one: Box, other: Box, width: float) -> bool:
    return one.centre_x >= other.centre_x - _MARGIN * width


def _is_above(one: Box, other: Box, width: float) -> bool:
    return one.centre_y <= other.centre_y + _MARGIN * width or one.y < other.y


def _is_below(one: Box, other: Box, width: float) -> bool:
    return one.centre_y >= other.centre_y - _MARGIN * width or one.y + one.height > other.y + other.height


def _is_inside(one: Box, other: Box, width: float) -> bool:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return across > 0 and down > 0


def _is_larger(one: Box, other: Box, width: float) -> bool:
    return one.area * _SIZE_FACTOR >= other.area


def _is_smaller(one: Box, other: Box, width: float) -> bool:
    return one.area <= other.area * _SIZE_FACTOR


def _check_sides(pair: ReadPair, annotation: Annotation, sentence: Sentence) -> Iterator[Verdict]:
    """`The dog is on the left.`: the side of the image, where the boxes are fractions of it."""
    if "not" in sentence.words:
        return
    for match in _IN_IMAGE.finditer(sentence.text, *sentence.span):
        subject = find_last_before(sentence, match.start())
        if subject is None:
            continue
        boxes = [b for block in annotation.blocks for b in block.boxes if are_confusable(b.noun, subject.noun)]
        if not boxes:
            continue
        is_left = match["side"] == "left"
        span = (sentence.starts[subject.first], match.end())
        fits = [b for b in boxes if (b.x < 0.5 - _SIDE_MARGIN if is_left else b.x + b.width > 0.5 + _SIDE_MARGIN)]
        if fits:
            yield pair.judge("position", Standing.SUPPORTED, span, annotation.text_of(fits[0].line), fits[0].line)
        else:
            line = boxes[0].line
            yield pair.judge("position", Standing.CONTRADICTED, span, annotation.text_of(line), line)


def _words_between(text: str, start: int, end: int) -> int:
    """How many words stand between two places; none where the second comes first."""
    return len(text[start:end].split()) if end > start else 0


def _show(annotation: Annotation, one: Box, other: Box) -> str:
    return f"{annotation.text_of(one.line)}; {annotation.text_of(other.line)}"
