"""Claims of change between two pictures: what appeared and what vanished, against the remarks about differences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.pipeline.grounding.annotations import Annotation
from app.pipeline.grounding.claims import ReadPair, Standing, Verdict, is_hedged
from app.pipeline.grounding.nouns import are_confusable
from app.pipeline.grounding.reading import Mention, Sentence
from app.pipeline.grounding.words import are_alike, split_words

_PICTURE = r"(?:image|picture|photo|photograph|frame|view|shot|one)"
_LATER = (
    rf"(?:(?:second|after|later|new|latter) {_PICTURE}|(?:the )?second\b|right(?:[- ]hand)?(?: side)? {_PICTURE}"
    rf"|{_PICTURE} (?:on|to) the right|{_PICTURE} (?:b|two|2)\b|the after\b)"
)
_EARLIER = (
    rf"(?:(?:first|before|earlier|previous|former|original) {_PICTURE}|(?:the )?first\b"
    rf"|left(?:[- ]hand)?(?: side)? {_PICTURE}"
    rf"|{_PICTURE} (?:on|to) the left|{_PICTURE} (?:a|one|1)\b|\bbefore$|\bbefore\b(?! {_PICTURE}))"
)
_DENIED = (
    r"(?:\bnot|n't|\b(?:isn|doesn|aren|wasn|weren) t|\bno|\bnever|\bwithout|\black(?:s|ing)?|\babsent from"
    r"|\bmissing (?:from|in))"
)
_LACKS = (
    r"(?:is |has )?(?:lack(?:s|ing)?|missing|(?:does|do)(?: not|n't|n t)|doesn t|without|shows no|has no|contains no)"
)
_CHANGE = re.compile(
    rf"(?P<stays>\b(?:no longer|not|never) (?:missing|gone)|\bnew (?:position|place|spot|location|direction))"
    rf"|(?P<later_lacks>{_LATER} (?:is |also )?{_LACKS}\b)|(?P<earlier_lacks>{_EARLIER} (?:is |also )?{_LACKS}\b)"
    rf"|(?P<gone>{_DENIED}\b[^,;.]{{0,60}}?\b{_LATER})"
    rf"|(?P<come>{_DENIED}\b[^,;.]{{0,60}}?\b{_EARLIER})"
    rf"|(?P<first_only>{_EARLIER} only\b)|(?P<second_only>{_LATER} only\b)"
    rf"|(?P<only_first>\bonly\b[^,;.]{{0,30}}?\b{_EARLIER})"
    rf"|(?P<only_second>\bonly\b[^,;.]{{0,30}}?\b{_LATER})"
    r"|(?P<vanish>\b(?:gone|missing|vanish\w*|disappear\w*"
    r"|no longer (?:there|here|present|visible|seen|shown|in|on|a|any)"
    r"|absent|not (?:there|here|visible|present) any ?more|(?:has|have) left|removed"
    r"|driven (?:off|away)|drove (?:off|away)|departed)\b)"
    r"|(?P<appear>\b(?:appeared|appears?(?= (?:in|on|at|near|beside|next|behind))|arrived|newly|is new|are new|added"
    r"|(?:has|have) (?:come|entered|joined)"
    r"|new(?= (?:\w+ ){0,2}(?:car|person|people|truck|man|woman|van|vehicle|bus|suv))|shown up|emerged"
    r"|(?:is|are) now (?:a|an|two|three|four|five|several|some|people|visible|present)"
    r"|now (?:there|visible|present))\b)"
    r"|(?P<move>\b(?:moved|moves|shifted|relocated|different (?:position|place|spot|location)s?|no longer"
    r"|closer|further|turned|changed)\b)"
)
_GATE = re.compile(
    r"gone|missing|vanish|disappear|no longer|left|remov|driven|drove|depart|appear|arriv|new|added|emerge|moved|second"
    r"|first|before|after|earlier|later|shift|differ|image|chang|identical|same|more|absent|lack|come|enter|join|only|now|turned|closer|further"
)
_POLARITY = {
    **dict.fromkeys(("gone", "later_lacks", "first_only", "only_first", "vanish"), "vanished"),
    **dict.fromkeys(("come", "earlier_lacks", "second_only", "only_second", "appear"), "appeared"),
    "move": "moved",
    "stays": "",
}
_NOTHING = re.compile(
    r"\b(?:there (?:are|is|were|seems? to be|appears? to be) no"
    r" (?:visible |apparent |noticeable |obvious )?(?:differences?|changes?)"
    r"|no (?:visible |apparent )?differences?$|nothing (?:has |have |seems to have )?(?:changed|differs|is different)"
    r"|unchanged"
    r"|(?:pictures?|images?|photos?|scenes?) (?:are|look|is) (?:exactly |completely )?(?:identical|the same)"
    r"|(?:show|shows|see|spot|find|notice) (?:exactly )?(?:the same scene|no (?:difference|change)s?)"
    r"|(?:do|can|could) ?(?:not|n't) (?:notice|see|find|spot) any (?:differences?|changes?))"
)
_PLACING = split_words("near by at beside behind under against around along inside outside to in on from")
_BREAKS = split_words(", : while whereas but although though")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a thing from the first picture to the second: it appeared, vanished or moved."""

    mention: Mention
    polarity: str
    start: int
    end: int


Remarks = tuple[list[tuple[int, Change]], list[int]]


def check_differences(pair: ReadPair, annotation: Annotation) -> Iterator[Verdict]:
    """What the response says has changed; a remark that nothing differs counts only where no other tells a change."""
    if _GATE.search(pair.answer) is None:
        return
    remarks, sameness = read_remarks(annotation)
    if not remarks and not (sameness and len(annotation.sentences) == len(sameness)):
        return
    for sentence in pair.response:
        if is_hedged(sentence):
            continue
        nothing = _NOTHING.search(sentence.text, *sentence.span)
        if nothing is not None:
            if remarks and not _has_other(sentence):
                line = remarks[0][0]
                yield pair.judge("difference", Standing.CONTRADICTED, nothing.span(), annotation.text_of(line), line)
            continue
        for change in read_changes(sentence):
            yield from _judge(pair, annotation, change, remarks, sameness)


def read_remarks(annotation: Annotation) -> Remarks:
    """The changes that remarks tell, each with its line; and the lines that say that nothing differs.

    None of either where the annotation is no list of differences: boxes, events, numbered or labelled lines.
    """
    if annotation.events or annotation.has_boxes or annotation.is_labelled:
        return [], []
    if "changes" not in annotation.memo:
        annotation.memo["changes"] = _read_changes_told(annotation)
    found: Remarks = annotation.memo["changes"]
    return found


def _read_changes_told(annotation: Annotation) -> Remarks:
    told = [(line, change) for line, sentence in annotation.sentences for change in read_changes(sentence)]
    return told, [line for line, sentence in annotation.sentences if _NOTHING.search(sentence.text, *sentence.span)]


def _has_other(sentence: Sentence) -> bool:
    return not {"other", "else", "apart", "besides", "except"}.isdisjoint(sentence.words)


def read_changes(sentence: Sentence) -> Iterator[Change]:
    """The changes that a sentence tells, each of the thing named last before it, or first after it."""
    text = sentence.text
    if _GATE.search(text, *sentence.span) is None:
        return
    for match in _CHANGE.finditer(text, *sentence.span):
        polarity = _POLARITY[match.lastgroup or "stays"]
        if not polarity or not sentence.mentions:
            continue
        mention = _find_subject(sentence, match.start(), match.end())
        if mention is not None:
            start, end = sentence.starts[mention.first], sentence.ends[mention.at]
            yield Change(mention, polarity, min(start, match.start()), max(end, match.end()))


def _find_subject(sentence: Sentence, start: int, end: int) -> Mention | None:
    """The first thing of the clause up to the cue; where there is none, the first one inside or after the cue."""
    opening = 0
    for place, word in enumerate(sentence.words):
        if sentence.starts[place] >= start:
            break
        if word in _BREAKS or (word == "and" and _opens_clause(sentence, place, start)):
            opening = place + 1
    within = [m for m in sentence.mentions if m.first >= opening and not _is_a_place(sentence, m)]
    before = [m for m in within if sentence.ends[m.at] <= start]
    if before:
        return before[0]
    return next((m for m in within if sentence.ends[m.at] > start), None)


def _is_a_place(sentence: Sentence, mention: Mention) -> bool:
    """Whether a mention only tells where something is: "the figure by the pole is gone" is not about the pole."""
    return mention.first > 0 and sentence.words[mention.first - 1] in _PLACING


def _opens_clause(sentence: Sentence, place: int, before: int) -> bool:
    """Whether an `and` begins a clause: something is said of what was named before it."""
    between = [m for m in sentence.mentions if m.first > place and sentence.ends[m.at] <= before]
    earlier = sentence.words[:place]
    has_said = any(word in ("is", "are", "has", "have", "was", "were", "appeared", "moved") for word in earlier)
    return bool(between) and has_said


def _judge(
    pair: ReadPair, annotation: Annotation, change: Change, remarks: list[tuple[int, Change]], sameness: list[int]
) -> Iterator[Verdict]:
    span = (change.start, change.end)
    noun = change.mention.noun
    if not remarks:
        line = sameness[0]
        yield pair.judge("difference", Standing.CONTRADICTED, span, annotation.text_of(line), line)
        return
    alike = [(line, told) for line, told in remarks if _may_be_same(told.mention, change.mention)]
    supporting = next((line for line, told in alike if told.polarity == change.polarity), None)
    if supporting is not None:
        yield pair.judge("difference", Standing.SUPPORTED, span, annotation.text_of(supporting), supporting)
    elif not alike and not any(are_confusable(noun, known) for known in annotation.told):
        line, _ = remarks[0]
        fact = f"no remark names {noun!r}; one says: {annotation.text_of(line)}"
        yield pair.judge("object", Standing.CONTRADICTED, span, fact, line)
    elif alike and _all_oppose(annotation, change, alike):
        line = alike[0][0]
        yield pair.judge("difference", Standing.CONTRADICTED, span, annotation.text_of(line), line)
    else:
        yield pair.judge("difference", Standing.UNKNOWN, span, "no remark tells this change of it")


def _all_oppose(annotation: Annotation, change: Change, alike: list[tuple[int, Change]]) -> bool:
    """Whether every remark about such a thing tells the opposite change."""
    opposite = {"appeared": "vanished", "vanished": "appeared"}.get(change.polarity)
    if any(told.polarity != opposite for _, told in alike):
        return False
    told_of = {(line, told.mention.at) for line, told in alike}
    for noun, all_told in annotation.told.items():
        if not are_confusable(noun, change.mention.noun):
            continue
        for told in all_told:
            if (told.line, told.mention.at) not in told_of and _may_be_same(told.mention, change.mention):
                return False
    return True


def _may_be_same(told: Mention, claimed: Mention) -> bool:
    """Whether two mentions may be of one thing: what they are called and their colours, where both have one."""
    if not are_confusable(told.noun, claimed.noun):
        return False
    if not told.colours or not claimed.colours:
        return True
    return any(are_alike(one, other) for one in told.colours for other in claimed.colours)
