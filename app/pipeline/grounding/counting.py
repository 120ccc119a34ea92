"""Claims of number, against the boxes and against the numbers that remarks give."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.pipeline.grounding.annotations import Annotation
from app.pipeline.grounding.changing import read_changes, read_remarks
from app.pipeline.grounding.claims import (
    ReadPair,
    Standing,
    Verdict,
    is_after_negation,
    is_hedged,
    is_unrestricted,
    span_of,
)
from app.pipeline.grounding.nouns import COCO, KINDS, are_confusable, is_a
from app.pipeline.grounding.reading import Mention, Sentence, read_number
from app.pipeline.grounding.words import (
    NUMBERS,
    OTHER_PEOPLE,
    RELATIVE_NUMBERS,
    asks_about_whole,
    list_words,
    split_words,
)

_EARLY = 3
_MOST_SURE_BOXES = 9  # annotators stop at about ten of a kind
_THERE_ARE = tuple(
    list_words(words)
    for words in (
        "there are",
        "there is",
        "there's",
        "a total of",
        "can see",
        "i see",
        "i count",
        "shows",
        "contains",
        "features",
    )
)
_EXACTLY = split_words("exactly only just precisely")


@dataclass(frozen=True, slots=True)
class NumberClaim:
    """So many of a noun; `is_total` where no others of it are meant to be there."""

    noun: str
    count: int
    is_total: bool
    start: int
    end: int
    sentence: Sentence


@dataclass(slots=True)
class ToldNumbers:
    """What remarks say of the number of a noun.

    values: the numbers said, an article counted as one, with the line of each; is_said: a number was written
    sums: bit k is set where numbers of one line can add up to k; all_sums: those of all lines
    is_vague: some are named without a number, so that any number may be right
    """

    values: dict[int, int] = field(default_factory=dict)
    is_said: bool = False
    all_sums: int = 1
    is_vague: bool = False
    by_line: dict[int, int] = field(default_factory=dict)

    def add(self, count: int, line: int) -> None:
        self.values.setdefault(count, line)
        self.all_sums |= self.all_sums << count
        sums = self.by_line.get(line, 1)
        self.by_line[line] = sums | sums << count

    @property
    def sums(self) -> int:
        found = 1
        for sums in self.by_line.values():
            found |= sums
        return found


def check_counts(pair: ReadPair, annotation: Annotation) -> Iterator[Verdict]:
    """How many the response says there are."""
    for claim in find_numbers(pair):
        yield _judge(pair, annotation, claim)


def find_numbers(pair: ReadPair) -> Iterator[NumberClaim]:
    """The claims of number in a response; an answer to `how many` is one about what was asked for."""
    asked = _find_asked(pair)
    for place, sentence in enumerate(pair.response):
        if is_hedged(sentence):
            continue
        is_answer = place == 0 and asked is not None
        counted = [mention for mention in sentence.mentions if _is_counted(sentence, mention)]
        if asked is not None and is_answer and not counted:
            yield from _read_bare_number(sentence, asked)
        for mention in counted:
            if not is_after_negation(sentence, mention):
                is_total = (_is_total(sentence, mention) and _asks_about_all(pair)) or (
                    asked is not None and is_answer and mention is counted[0] and mention.noun == asked
                    and is_unrestricted(sentence, mention)
                )  # fmt: skip
                yield NumberClaim(mention.noun, mention.count or 0, is_total, *span_of(sentence, mention), sentence)


def _asks_about_all(pair: ReadPair) -> bool:
    return all(asks_about_whole(question.words, _name_things(question)) for question in pair.instruction)


def _name_things(question: Sentence) -> frozenset[str]:
    """The words of the things that a question names."""
    return frozenset(word for mention in question.mentions for word in question.words[mention.first : mention.at + 1])


def _find_asked(pair: ReadPair) -> str | None:
    """What `How many … are there?` asks for, where it asks for all of them."""
    for question in pair.instruction:
        words = question.words
        if len(question.mentions) != 1 or not (words[:2] == ["how", "many"] or "number" in words[:5]):
            continue
        mention = question.mentions[0]
        rest = [
            word for word in words[mention.at + 1 :] if word not in ("are", "is", "there", "do", "you", "see", "count")
        ]
        if mention.at <= 6 and not mention.colours and is_unrestricted(_cut(question, rest), mention):
            return mention.noun
    return None


def _cut(sentence: Sentence, rest: list[str]) -> Sentence:
    """The sentence with another end, long enough for its first mention."""
    at = sentence.mentions[0].at
    return Sentence(
        sentence.text, [*sentence.words[: at + 1], *rest], sentence.starts, sentence.ends, sentence.mentions
    )


def _is_counted(sentence: Sentence, mention: Mention) -> bool:
    """Whether a number is written, and says how many there are, not how many more."""
    words = sentence.words
    if sentence.text[sentence.ends[mention.first] : sentence.ends[mention.first] + 1] == "-":
        return False  # "four-legged animals"
    return (
        mention.count is not None
        and (words[mention.first] in NUMBERS or words[mention.first].isdecimal())
        and RELATIVE_NUMBERS.isdisjoint(words[mention.first : mention.at])
    )


def _read_bare_number(sentence: Sentence, asked: str) -> Iterator[NumberClaim]:
    """`Three.` or `There are three in the picture.`, with nothing else that is named."""
    places = [place for place, word in enumerate(sentence.words) if word in NUMBERS or word.isdecimal()]
    if len(places) == 1 and not sentence.mentions and places[0] <= _EARLY:
        place = places[0]
        rest = Mention(asked, place, place, plural=True)
        number = read_number(sentence.words[place])
        start, end = sentence.starts[place], sentence.ends[place]
        yield NumberClaim(asked, number, is_unrestricted(sentence, rest), start, end, sentence)


def _is_total(sentence: Sentence, mention: Mention) -> bool:
    """`There are three dogs in the picture.`"""
    before = sentence.words[: mention.first]
    if before and before[-1] in _EXACTLY:
        before = before[:-1]
    is_listed = any(before[-len(opening) :] == opening for opening in _THERE_ARE)
    is_listed = is_listed or (not before and mention.at + 1 < len(sentence.words))  # `Two dogs are visible.`
    return is_listed and not mention.colours and mention.at - mention.first == 1 and is_unrestricted(sentence, mention)


def _judge(pair: ReadPair, annotation: Annotation, claim: NumberClaim) -> Verdict:
    span = (claim.start, claim.end)
    told = read_told_numbers(annotation, claim.noun)
    line = told.values.get(claim.count)
    if line is not None:
        return pair.judge("count", Standing.SUPPORTED, span, annotation.text_of(line), line)
    by_boxes = _judge_by_boxes(pair, annotation, claim, told)
    if by_boxes is not None:
        return by_boxes
    if _leaves_open(claim, told):
        told = read_told_numbers(annotation, claim.noun, annotation.lines_like(claim.sentence))
    if _leaves_open(claim, told) or _may_be_others(annotation, claim, told):
        return pair.judge("count", Standing.UNKNOWN, span, "no number is told")
    number, line = next(iter(told.values.items()))
    fact = f"{number}: {annotation.text_of(line)}"
    return pair.judge("count", Standing.CONTRADICTED, span, fact, line)


def _may_be_others(annotation: Annotation, claim: NumberClaim, told: ToldNumbers) -> bool:
    """Whether more may be there than remarks count: people in other words, or what two pictures have in common."""
    if read_remarks(annotation)[0]:
        return not annotation.lines_like(claim.sentence) and not any(read_changes(claim.sentence))
    if not is_a(claim.noun, "person"):
        return False
    return not told.is_said or any(not OTHER_PEOPLE.isdisjoint(one.words) for _, one in annotation.sentences)


def _leaves_open(claim: NumberClaim, told: ToldNumbers) -> bool:
    """Whether what is told does not speak against a number."""
    is_any = claim.count == 1 and not claim.is_total
    return is_any or told.is_vague or not told.values or bool(told.all_sums >> claim.count & 1)


def _judge_by_boxes(pair: ReadPair, annotation: Annotation, claim: NumberClaim, told: ToldNumbers) -> Verdict | None:
    """By the boxes of the noun; None where there are none."""
    counted_as = claim.noun if claim.noun in COCO else "person" if "person" in KINDS[claim.noun] else ""
    found = [boxes for block in annotation.blocks if (boxes := block.of_kind(counted_as))] if counted_as else []
    if not found:
        return None
    span = (claim.start, claim.end)
    line = found[0][0].line
    counts = [len(boxes) for boxes in found]
    fact = f"{' and '.join(map(str, counts))} box(es) of {counted_as!r}, the first: {annotation.text_of(line)}"
    if any(box.is_crowd for boxes in found for box in boxes) or max(counts) > _MOST_SURE_BOXES:
        return pair.judge("count", Standing.UNKNOWN, span, fact, line)
    is_own = counted_as == claim.noun
    if is_own and (claim.count in counts or claim.count == sum(counts)):
        return pair.judge("count", Standing.SUPPORTED, span, fact, line)
    most = sum(are_confusable(box.noun, counted_as) for block in annotation.blocks for box in block.boxes)
    is_too_many = claim.count > most and not told.sums >> claim.count & 1
    is_too_few = is_own and claim.is_total and 1 < claim.count < min(counts) and not told.is_said
    standing = Standing.CONTRADICTED if is_too_many or is_too_few else Standing.UNKNOWN
    return pair.judge("count", standing, span, fact, line)


def read_told_numbers(annotation: Annotation, noun: str, lines: frozenset[int] | None = None) -> ToldNumbers:
    """The numbers that remarks give of a noun, its kinds counted in; wider words leave the number open.

    lines: those that are looked at; None for all
    """
    numbers = ToldNumbers()
    for other, all_told in annotation.told.items():
        if is_a(noun, other) and noun != other and (lines is None or any(one.line in lines for one in all_told)):
            numbers.is_vague = True
        if not is_a(other, noun):
            continue
        for told in (told for told in all_told if lines is None or told.line in lines):
            mention = told.mention
            numbers.is_said |= bool(mention.parts) or (mention.count or 0) > 1
            if mention.parts:
                numbers.is_vague = True
                for part in mention.parts:
                    numbers.values.setdefault(part, told.line)
            elif mention.count is not None:
                numbers.add(mention.count, told.line)
            elif mention.plural:
                numbers.is_vague = True
            else:
                numbers.add(1, told.line)
    return numbers
