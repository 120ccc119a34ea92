"""Claims of order and time, against events with their times; clauses are matched to events by their words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.pipeline.grounding.alike import stems_of
from app.pipeline.grounding.annotations import Annotation, Event
from app.pipeline.grounding.claims import ReadPair, Standing, Verdict

_CLAUSE_LEAST = 2
_SHARE = 0.5
_LEAD = 1.3

_BEFORE_AFTER = re.compile(
    r"(?:,? ?\b(?P<later>(?:shortly |right |immediately |just )?after(?! that\b| this\b|wards?\b)"
    r"|(?<![a-z] )once|once(?= (?:the|a|an|his|her|their|its|all|he|she|they|it|\w+(?:ing|ed))\b))"
    r"|,? ?\b(?P<earlier>(?:shortly |right |immediately |just )?before(?! that\b| this\b|hand\b)|prior to"
    r"|and then|, then|and next|followed by|, after which|and (?:later|afterwards?)|, and finally))\b"
)
_NEXT = re.compile(
    r"^\W*(?:and |only )?(?:then|next|after (?:that|this)|afterwards?|finally|later(?: on)?|lastly|subsequently"
    r"|following (?:that|this)|in the end)\b[ ,]*"
)
_FIRST = re.compile(r"^\W*(?:first(?: of all)?|firstly|initially|to (?:begin|start) with|at first)\b[ ,]*")
_ASKED_AFTER = re.compile(r"^(?:what|who)\b.*\b(?P<which>after|before|following)\b (?P<clause>[^?]{10,})\?")
_PART = r"(?:seconds?|moments?|minutes?|scenes?|part|half|third|shots?)"
_FILM = r"(?:video|clip|film|footage|scene|sequence|recording|movie|event)"
_OF_IT = rf"(?: (?:of|in|into) the {_FILM}\b|(?! of\b))"  # the end of a diving board is no time
_AT_START = re.compile(
    rf"\b(?:at|in|near|towards?|from) the (?:very )?(?:start|beginning|outset|opening)\b{_OF_IT}"
    rf"|\bin the (?:first|opening|initial) (?:few )?{_PART}\b{_OF_IT}|\bearly(?: on)?\b(?! \w+(?:ing|age)\b){_OF_IT}"
    r"|\b(?:when|as|while) the (?:video|clip|film|footage) (?:begins|starts|opens)\b"
    r"|^\W*(?:initially|the \w+ (?:starts|begins|opens) with)\b"
)
_AT_END = re.compile(
    rf"\b(?:at|in|near|towards?|by) the (?:very )?(?:end|close|conclusion)\b{_OF_IT}"
    rf"|\bin the (?:second half|(?:last|final|closing|latter) (?:few )?{_PART})\b{_OF_IT}|\blate(?: on)?\b{_OF_IT}"
    r"|\b(?:when|as|while|before) the (?:video|clip|film|footage) "
    r"(?:ends|closes|finishes|is about to end|comes to an end)\b"
    r"|^\W*(?:the \w+ (?:ends|concludes|closes|finishes) (?:with|by))\b"
)
_SECONDS = re.compile(
    r"\b(?P<how>at|around|about|by|after|from|for|lasts?(?: for| about)?|takes?)? ?(?:the |about |around |roughly )?"
    r"(?:(?P<minutes>\d{1,2}):(?P<rest>\d\d)|second (?P<at>\d+)|(?P<number>\d+(?:\.\d+)?)(?:[- ]?(?:s|secs?|seconds?)))"
    r"\b(?: mark)?(?: into the \w+| in\b)?"
)


@dataclass(frozen=True, slots=True)
class _Clause:
    text: str
    start: int
    end: int


def check_order(pair: ReadPair, annotation: Annotation) -> Iterator[Verdict]:
    """Which of two things the response says came first."""
    if len(annotation.events) < 2:
        return
    for one, other in _list_orders(pair):
        first, second = match_event(annotation, one.text), match_event(annotation, other.text)
        if first is None or second is None or first is second:
            continue
        span = (min(one.start, other.start), max(one.end, other.end))
        fact = f"{_show(first)}; {_show(second)}"
        if first.start < second.start or first.end < second.end:
            standing = Standing.SUPPORTED
        elif first.start > second.start and first.end > second.end:
            standing = Standing.CONTRADICTED
        else:
            standing = Standing.UNKNOWN
        yield pair.judge("order", standing, span, fact, second.line)


def _list_orders(pair: ReadPair) -> Iterator[tuple[_Clause, _Clause]]:
    """Pairs of clauses of which the first is said to happen first."""
    previous: _Clause | None = None
    for sentence in pair.response:
        start, end = sentence.span
        text = sentence.text[start:end]
        lead = _NEXT.match(text) or _FIRST.match(text)
        begin = lead.end() if lead else 0
        whole = _Clause(text[begin:], start + begin, end)
        if previous is not None and _NEXT.match(text):
            yield previous, whole
        previous = whole
        match = _BEFORE_AFTER.search(text, begin)
        if match is not None:
            yield from _split(text, start, begin, match)
    yield from _answer_order(pair)


def _split(text: str, start: int, begin: int, match: re.Match[str]) -> Iterator[tuple[_Clause, _Clause]]:
    """`A before B`, `before B, A` and the same with after; a connective at the start needs a comma between."""
    left = _Clause(text[begin : match.start()], start + begin, start + match.start())
    right = _Clause(text[match.end() :], start + match.end(), start + len(text))
    if len(left.text.split()) < 2:
        cut = right.text.find(",")
        if cut < 0:
            return
        left, right = (
            _Clause(right.text[cut + 1 :], right.start + cut + 1, right.end),
            _Clause(right.text[:cut], right.start, right.start + cut),
        )
    yield (right, left) if match["later"] else (left, right)


def _answer_order(pair: ReadPair) -> Iterator[tuple[_Clause, _Clause]]:
    """`What happens after B?` and a response that tells A."""
    match = _ASKED_AFTER.match(pair.question)
    if match is None or not pair.response:
        return
    start, end = pair.response[0].span
    answer = _Clause(pair.answer[start:end], start, end)
    if _BEFORE_AFTER.search(answer.text):
        return
    asked = _Clause(match["clause"], start, end)
    yield (answer, asked) if match["which"] == "before" else (asked, answer)


def check_times(pair: ReadPair, annotation: Annotation) -> Iterator[Verdict]:
    """When the response says something happens: at the start or the end, at a second, for so long."""
    if not annotation.events or annotation.duration <= 0:
        return
    for sentence in pair.response:
        start, end = sentence.span
        text = sentence.text[start:end]
        for pattern in (_AT_START, _AT_END, _SECONDS):
            match = pattern.search(text)
            if match is None or _BEFORE_AFTER.search(text):
                continue
            event = match_event(annotation, text[: match.start()] + " " + text[match.end() :])
            if event is None:
                continue
            standing = _place_in_time(match, event, annotation.duration, pattern)
            fact = f"{_show(event)} (of {annotation.duration:g} seconds)"
            yield pair.judge("time", standing, (start, end), fact, event.line)


def _place_in_time(match: re.Match[str], event: Event, duration: float, pattern: re.Pattern[str]) -> Standing:
    if pattern is _AT_START:
        fits = event.start <= duration / 2
    elif pattern is _AT_END:
        fits = event.end >= duration / 2
    else:
        fits = _fits_seconds(match, event, duration)
    return Standing.SUPPORTED if fits else Standing.CONTRADICTED


def _fits_seconds(match: re.Match[str], event: Event, duration: float) -> bool:
    number = float(match["number"] or match["at"] or 60 * int(match["minutes"]) + int(match["rest"]))
    slack = max(2.0, duration / 20)
    how = match["how"] or ""
    if how == "for" or how.startswith(("last", "take")):
        return abs(number - (event.end - event.start)) <= slack
    return event.start - slack <= number <= event.end + slack


def _show(event: Event) -> str:
    return f"[{event.start:g}, {event.end:g}] {event.text.strip()}"


def match_event(annotation: Annotation, clause: str) -> Event | None:
    """The one event that the words of a clause tell of; None where none does, or no single one."""
    words = stems_of(clause)
    if len(words) < _CLAUSE_LEAST:
        return None
    scores = sorted(
        ((_score(words, stems_of(event.text)), -place) for place, event in enumerate(annotation.events)), reverse=True
    )
    best, place = scores[0]
    if best < _SHARE or (len(scores) > 1 and scores[1][0] * _LEAD > best):
        return None
    return annotation.events[-place]


def _score(words: frozenset[str], event: frozenset[str]) -> float:
    """The share of the clause's words that the event has; none for fewer than two."""
    common = len(words & event)
    return common / len(words) if common >= _CLAUSE_LEAST else 0.0
