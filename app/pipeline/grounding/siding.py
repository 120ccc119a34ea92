"""Claims of a side where there are no boxes: against the sides at which remarks place the same things."""

import re
from collections.abc import Iterator

from app.pipeline.grounding.annotations import Annotation
from app.pipeline.grounding.claims import ReadPair, Standing, Verdict
from app.pipeline.grounding.nouns import are_related
from app.pipeline.grounding.reading import Mention, Sentence

_SIDE = re.compile(
    r"\b(?:(?P<vertical>upper|lower|top|bottom)[ -])?(?:far )?(?P<side>left|right)(?:most)?\b"
    r"(?![- ]?(?:hand)?(?: side)? ?(?:image|picture|photo|frame|one)\b)"
)
_NOT_A_SIDE = re.compile(
    r"\b(?:has|have|had|just|already|they|who|that|people|persons?|man|men|woman|cars?|trucks?|suv|vehicles?|van|bus|be"
    r"|group|couple|pair|figures?|individuals?|pedestrians?|one|someone|bike|bicycle|is|are|was|were) left\b"
    r"|\b(?:turn(?:s|ed|ing)?|fac(?:es|ed|ing)|look(?:s|ed|ing)?|head(?:s|ed|ing)?|point(?:s|ed|ing)?|veer(?:s|ed|ing)?"
    r"|lean(?:s|ed|ing)?|mov(?:es|ed|ing)|walk(?:s|ed|ing)?|driv(?:es|ing)|going|goes)"
    r"(?: off| away)?(?: to(?:wards?)?(?: the)?)? (?:left|right)\b"
    r"|\bleft (?:the|and|behind|in the (?:second|after|first|before))\b"
    r"|\bright (?:next|beside|behind|now|in front|by|after)\b"
    r"|\b(?:image|picture|photo|frame|one) (?:on|to) the (?:left|right)\b"
    r"|\bon the (?:left|right) (?:image|picture|photo|frame)"
)
_MOST_WORDS_BETWEEN = 12
_ACROSS = frozenset(("left", "right"))


def check_told_sides(pair: ReadPair, annotation: Annotation, sentence: Sentence) -> Iterator[Verdict]:
    """The sides in a sentence; contradicted where every remark about such a thing tells the other one."""
    for subject, side, start, end in read_sides(sentence):
        told = list(_list_told(annotation, subject))
        like = annotation.lines_like(sentence)
        told = [(one, line) for one, line in told if line in like] or told
        if not told or not all(one for one, _ in told):
            continue
        line = next((line for one, line in told if one == side), None)
        standing = Standing.CONTRADICTED if line is None else Standing.SUPPORTED
        line = told[0][1] if line is None else line
        yield pair.judge("position", standing, (start, end), annotation.text_of(line), line)


def _list_told(annotation: Annotation, subject: Mention) -> Iterator[tuple[str, int]]:
    """For each remark about such a thing the side it tells, empty where it tells none, and its line."""
    for line, remark in annotation.sentences:
        alike = [m for m in remark.mentions if are_related(m.noun, subject.noun)]
        if not alike:
            continue
        placed = {m.at: side for m, side, _, _ in read_sides(remark)}
        yield from {(placed.get(m.at, ""), line) for m in alike}


def read_sides(sentence: Sentence) -> Iterator[tuple[Mention, str, int, int]]:
    """The things of a sentence with the side that is told of them; one with two goes from one to the other."""
    found: dict[int, tuple[Mention, set[str], int, int]] = {}
    sides = list(_SIDE.finditer(sentence.text, *sentence.span))
    barred = [match.span() for match in _NOT_A_SIDE.finditer(sentence.text, *sentence.span)] if sides else []
    for match in sides:
        if any(start < match.end() and match.start() < end for start, end in barred):
            continue
        subject = find_last_before(sentence, match.start()) or next(iter(sentence.mentions), None)
        if subject is None:
            continue
        new = (subject, set[str](), sentence.starts[subject.first], match.end())
        _, told, start, end = found.get(subject.at, new)
        found[subject.at] = (subject, told | {match["side"]}, min(start, match.start()), max(end, match.end()))
    for subject, told, start, end in found.values():
        if len(told & _ACROSS) == 1:
            yield subject, next(iter(told)), start, end


def find_last_before(sentence: Sentence, place: int) -> Mention | None:
    """The last thing that is named before a place of the text, near it and with no comma between."""
    found = None
    for mention in sentence.mentions:
        if sentence.ends[mention.at] <= place:
            found = mention
    if found is None:
        return None
    between = [word for word, start in zip(sentence.words, sentence.starts, strict=True) if start < place]
    between = between[found.at + 1 :]
    return None if "," in between or len(between) > _MOST_WORDS_BETWEEN else found
