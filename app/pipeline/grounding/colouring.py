"""Claims of colour, against the colours that remarks give to the same thing."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.pipeline.grounding.annotations import Annotation
from app.pipeline.grounding.changing import read_changes, read_remarks
from app.pipeline.grounding.claims import ReadPair, Standing, Verdict, is_hedged, span_of
from app.pipeline.grounding.nouns import are_confusable, are_related, is_a
from app.pipeline.grounding.reading import Sentence
from app.pipeline.grounding.words import COLOURS, NEGATIONS, are_alike, split_words

_IS = split_words("is are was were")
_BETWEEN = split_words("and , or with mostly all entirely bright dark light deep pale solid completely")


@dataclass(frozen=True, slots=True)
class ColourClaim:
    """Colours of a noun, said before it or after `is`."""

    noun: str
    colours: tuple[str, ...]
    plural: bool
    start: int
    end: int
    sentence: Sentence
    is_denied: bool = False


@dataclass(frozen=True, slots=True)
class _ToldColours:
    """is_same: it bears the noun of the claim; a white van beside a blue truck may be another thing"""

    colours: tuple[str, ...]
    line: int
    is_same: bool


def check_colours(pair: ReadPair, annotation: Annotation) -> Iterator[Verdict]:
    """The colours that the response gives to things the annotation names."""
    for claim in find_colours(pair):
        if is_a(claim.noun, "person"):
            continue  # a person in red, of which the remark may name the shirt
        yield _judge(pair, annotation, claim)


def find_colours(pair: ReadPair) -> Iterator[ColourClaim]:
    """The colours in a response; a bare one answers the question for the colour of a thing."""
    for place, sentence in enumerate(pair.response):
        if is_hedged(sentence):
            continue
        claims = [claim for claim in read_colours(sentence) if not claim.is_denied]
        if place == 0 and not claims:
            claims = list(_read_bare_colour(pair, sentence))
        yield from claims


def read_colours(sentence: Sentence) -> Iterator[ColourClaim]:
    """The things of a sentence that have a colour."""
    for mention in sentence.mentions:
        start, end = span_of(sentence, mention)
        colours = mention.colours
        if sentence.words[mention.at + 1 : mention.at + 2] and sentence.words[mention.at + 1] in _IS:
            said, last = _read_row(sentence, mention.at + 2)
            if said:
                colours, end = (*colours, *said), sentence.ends[last]
        if colours:
            before = sentence.words[mention.first - 1] if mention.first else ""
            is_denied = mention.determiner == "no" or before in NEGATIONS
            yield ColourClaim(mention.noun, colours, mention.plural, start, end, sentence, is_denied)


def _read_row(sentence: Sentence, place: int) -> tuple[tuple[str, ...], int]:
    """The colours from a place on, as in `is red and white`; none where they belong to a noun that follows."""
    colours: list[str] = []
    last = place
    while place < len(sentence.words):
        word = sentence.words[place]
        if word in COLOURS:
            colours.append(COLOURS[word])
            last = place
        elif word not in _BETWEEN:
            break
        place += 1
    belongs_on = any(mention.first <= last < mention.at for mention in sentence.mentions)
    return ((), last) if belongs_on else (tuple(colours), last)


def _read_bare_colour(pair: ReadPair, sentence: Sentence) -> Iterator[ColourClaim]:
    """`It is red.` to `What colour is the car?`"""
    if len(pair.instruction) != 1 or sentence.mentions:
        return
    question = pair.instruction[0]
    if question.words[:2] not in (["what", "color"], ["what", "colour"]) or len(question.mentions) != 1:
        return
    colours = tuple(COLOURS[word] for word in sentence.words if word in COLOURS)
    if colours and len(sentence.words) <= 6:
        mention = question.mentions[0]
        yield ColourClaim(mention.noun, colours, mention.plural, *sentence.span, sentence)


def _judge(pair: ReadPair, annotation: Annotation, claim: ColourClaim) -> Verdict:
    span = (claim.start, claim.end)
    like = annotation.lines_like(claim.sentence)
    told, has_plain = _list_told(annotation, claim.noun, like)
    if not told and like:
        told, has_plain = _list_told(annotation, claim.noun)
    for one in told:
        if any(are_alike(colour, known) for colour in claim.colours for known in one.colours):
            return pair.judge("colour", Standing.SUPPORTED, span, annotation.text_of(one.line), one.line)
    is_change_told = bool(like) or not read_remarks(annotation)[0] or any(read_changes(claim.sentence))
    told = [one for one in told if one.is_same]
    if not told or not is_change_told or not _is_the_only_one(annotation, claim, has_plain=has_plain):
        return pair.judge("colour", Standing.UNKNOWN, span, "no colour is told of all that may be meant")
    line = told[0].line
    return pair.judge("colour", Standing.CONTRADICTED, span, annotation.text_of(line), line)


def _list_told(
    annotation: Annotation, noun: str, lines: frozenset[int] = frozenset()
) -> tuple[list[_ToldColours], bool]:
    """The colours that remarks give to this or what may be called so, and whether one is named without a colour.

    lines: those that are looked at; none stands for all
    """
    told, has_plain = [], False
    for other in annotation.told:
        if not are_confusable(other, noun):
            continue
        for one in (one for one in annotation.told[other] if not lines or one.line in lines):
            colours = next((c.colours for c in read_colours(one.sentence) if c.noun == other), one.mention.colours)
            if one.mention.colours or colours:
                is_same = annotation.has_boxes or are_related(other, noun)
                told.append(_ToldColours(one.mention.colours or colours, one.line, is_same))
            else:
                has_plain = True
    return told, has_plain


def _is_the_only_one(annotation: Annotation, claim: ColourClaim, *, has_plain: bool) -> bool:
    """Whether the thing of the claim must be one whose colour is told."""
    boxes = [box for block in annotation.blocks for box in block.boxes if are_confusable(box.noun, claim.noun)]
    if boxes:
        return len(boxes) == 1 and not boxes[0].is_crowd and not claim.plural
    return not has_plain and not annotation.has_boxes
