"""Claims that something is there, or is not: judged where boxes tell all that is there."""

from collections.abc import Iterator

from app.pipeline.grounding.annotations import Annotation
from app.pipeline.grounding.claims import (
    ReadPair,
    Standing,
    Verdict,
    is_after_negation,
    is_hedged,
    is_unrestricted,
    span_of,
)
from app.pipeline.grounding.nouns import COCO, FORMS, UNRELIABLE, are_confusable, is_a
from app.pipeline.grounding.reading import Mention, Sentence
from app.pipeline.grounding.words import NEGATIONS, split_words

_NOT_THERE = split_words("for as than like about without no toward towards via per any before after until when once")
_MADE_OF = split_words(
    "group herd flock pair couple number row line bunch pile stack lot lots full front top side left right plate "
    "pack crowd set slice piece variety one two three four five six some all many most each both several middle "
    "inside outside ahead consists presence background back edge end corner collection assortment plenty dozens "
    "hundreds"
)
_CLOSE_TO = split_words("next close attached tied adjacent belonging connected hooked parallel")


def check_objects(pair: ReadPair, annotation: Annotation) -> Iterator[Verdict]:
    """What the response says is there, or is not there, against the boxes and remarks."""
    if not annotation.has_boxes or not annotation.is_complete:
        return
    yield from _check_short_answer(pair, annotation)
    for sentence in pair.response:
        if not sentence.mentions or is_hedged(sentence):
            continue
        for mention in sentence.mentions:
            if mention.noun not in COCO:
                continue
            if _is_denied(sentence, mention):
                yield _judge_absence(pair, annotation, mention.noun, span_of(sentence, mention))
            elif _is_asserted(sentence, mention):
                yield _judge_presence(pair, annotation, mention.noun, span_of(sentence, mention))


def _check_short_answer(pair: ReadPair, annotation: Annotation) -> Iterator[Verdict]:
    """`Is there a dog?` and a response of no more than yes or no."""
    says_yes = pair.says_yes
    if says_yes is None or len(pair.response) != 1 or pair.response[0].mentions or len(pair.instruction) != 1:
        return
    question = pair.instruction[0]
    if not question.mentions or question.words[:2] not in (["is", "there"], ["are", "there"]):
        return
    mention = question.mentions[0]
    is_any = mention.first <= 3 and (says_yes or _is_bare(question, mention))
    if is_any and mention.noun in COCO and is_unrestricted(question, mention):
        judge = _judge_presence if says_yes else _judge_absence
        yield judge(pair, annotation, mention.noun, pair.response[0].span)


def _is_bare(sentence: Sentence, mention: Mention) -> bool:
    """Whether nothing but `no`, `a` or `any` stands before the noun: `no other dogs` denies no dog that is there."""
    if mention.determiner not in ("no", "a", "an", "any", ""):
        return False
    return " ".join(sentence.words[mention.first + bool(mention.determiner) : mention.at + 1]) in FORMS


def _is_denied(sentence: Sentence, mention: Mention) -> bool:
    """`there is no dog`, `no dogs are visible`: nothing after it narrows the denial."""
    if not is_unrestricted(sentence, mention) or not _is_bare(sentence, mention):
        return False
    before = sentence.words[: mention.first]
    if mention.determiner == "no":
        return before in ([], ["no", ","]) or before[-1:] in (["is"], ["are"], ["contains"], ["shows"])
    is_any = mention.determiner in ("a", "an", "any")
    return is_any and before[-1:] in (["not"], ["isn't"], ["aren't"]) and "there" in before


def _is_asserted(sentence: Sentence, mention: Mention) -> bool:
    if is_after_negation(sentence, mention) or mention.determiner in ("no", "any", "every", "your", "another"):
        return False
    before = sentence.words[max(0, mention.first - 2) : mention.first]
    last = before[-1] if before else ""
    if last == "of":
        return before[0] in _MADE_OF
    if last == "to":
        return before[0] in _CLOSE_TO
    return last not in _NOT_THERE and last not in NEGATIONS


def _judge_presence(pair: ReadPair, annotation: Annotation, noun: str, span: tuple[int, int]) -> Verdict:
    for block in annotation.blocks:
        for box in block.boxes:
            if is_a(box.noun, noun):
                return pair.judge("object", Standing.SUPPORTED, span, annotation.text_of(box.line), box.line)
    for told in annotation.told.get(noun, ()):
        return pair.judge("object", Standing.SUPPORTED, span, annotation.text_of(told.line), told.line)
    if noun in UNRELIABLE or any(are_confusable(noun, known) for known in annotation.direct_names):
        return pair.judge("object", Standing.UNKNOWN, span, f"nothing that could be called {noun!r} for certain")
    return pair.judge("object", Standing.CONTRADICTED, span, f"no box and no remark names {noun!r}")


def _judge_absence(pair: ReadPair, annotation: Annotation, noun: str, span: tuple[int, int]) -> Verdict:
    for block in annotation.blocks:
        for box in block.boxes:
            if is_a(box.noun, noun):
                return pair.judge("object", Standing.CONTRADICTED, span, annotation.text_of(box.line), box.line)
    if annotation.told.get(noun):
        line = annotation.told[noun][0].line
        return pair.judge("object", Standing.UNKNOWN, span, annotation.text_of(line), line)
    return pair.judge("object", Standing.SUPPORTED, span, f"no box and no remark names {noun!r}")
