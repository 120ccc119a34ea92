"""Contradictions between the pairs of one item: a yes against a no, other numbers or colours of the same thing."""

from collections.abc import Iterator, Sequence

from app.pipeline.grounding.claims import ReadPair, Standing, Verdict
from app.pipeline.grounding.colouring import find_colours
from app.pipeline.grounding.counting import find_numbers
from app.pipeline.grounding.words import COLOURS, NEGATIONS, SCENE_WORDS, are_alike, split_words

_ASKS_YES_OR_NO = split_words("is are was were does do did has have can could")
_EMPTY = split_words(
    "is are was were do does did has have can could the a an any there this that these those it its "
    "you see be seen visible present shown here some also being currently what color "
    "colour to contain contains show shows depict depicts include includes exist exists anywhere within located"
) | SCENE_WORDS  # fmt: skip
_ASKS_FOR_COLOUR = (["what", "color"], ["what", "colour"])

_PLACING = split_words("in on at of")
_WHOLE = split_words("the this that whole entire")

Key = tuple[str, tuple[str, ...]]
Answer = tuple[str, ...]


def find_contradictions(pairs: Sequence[ReadPair]) -> Iterator[tuple[int, int, Verdict]]:
    """(pair, the earlier pair that it contradicts, verdict); `line` is None, for another pair is the evidence."""
    known: dict[Key, list[tuple[int, Answer]]] = {}
    for place, pair in enumerate(pairs):
        for key, answer, span in _list_answers(pair):
            earlier = known.setdefault(key, [])
            opposed = next((other for other, told in earlier if _oppose(key, told, answer)), None)
            if opposed is not None and opposed != place:
                fact = f"pair {opposed}: {pairs[opposed].pair.response[:200]}"
                yield place, opposed, pair.judge("consistency", Standing.CONTRADICTED, span, fact)
            earlier.append((place, answer))


def _list_answers(pair: ReadPair) -> Iterator[tuple[Key, Answer, tuple[int, int]]]:
    """What a pair answers, in a form in which two answers to one question can be told apart."""
    if not pair.response:
        return
    question = pair.instruction[0].words if len(pair.instruction) == 1 else []
    says_yes = pair.says_yes
    key = _tell_apart(question)
    if key and says_yes is not None and _asks_yes_or_no(question):
        yield ("yes or no", key), ("yes" if says_yes else "no",), pair.response[0].span
    for claim in find_numbers(pair):
        if claim.is_total:
            yield ("number", (claim.noun,)), (str(claim.count),), (claim.start, claim.end)
    if question[:2] in _ASKS_FOR_COLOUR and COLOURS.keys().isdisjoint(key):
        for colour in find_colours(pair):
            if colour.noun in {mention.noun for mention in pair.instruction[0].mentions} and not colour.plural:
                yield ("colour", key), colour.colours, (colour.start, colour.end)
                break


def _tell_apart(question: list[str]) -> tuple[str, ...]:
    """The words, in their order, that tell a question from others."""
    return tuple(
        word
        for place, word in enumerate(question)
        if (_places_something(question[place + 1 :]) if word in _PLACING else word not in _EMPTY)
    )


def _places_something(words: list[str]) -> bool:
    """Whether what follows an `in` or `of` is more than the picture."""
    first = next((word for word in words if word not in _WHOLE), "")
    return first != "" and first not in SCENE_WORDS


def _asks_yes_or_no(question: list[str]) -> bool:
    """Whether the answer to a question is yes or no, and a no means the opposite of a yes."""
    return question[0] in _ASKS_YES_OR_NO and NEGATIONS.isdisjoint(question) and "or" not in question


def _oppose(key: Key, one: Answer, other: Answer) -> bool:
    if key[0] == "colour":
        return not any(are_alike(first, second) for first in one for second in other)
    return one != other
