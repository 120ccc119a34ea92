"""Reading a text: its sentences, and the things they name with their number, their colours and their determiner."""

import re
from dataclasses import dataclass

from app.pipeline.grounding.nouns import COMPOUND_HEADS, FORMS, PHRASES, UNCOUNTED
from app.pipeline.grounding.words import APPROXIMATE, COLOURS, DETERMINERS, NUMBERS, STOPPERS, split_words

_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:\.\d+)?|[.!?;,:\n]")
_ENDS = frozenset(".!?;\n")
_REACH = 7
_MOST_COUNTED = 100

_ALSO_VERBS = split_words(
    "train trains duck ducks bear bears tie ties book books box boxes ski skis phone phones sign signs post posts "
    "cap coat coats drum drums fork forks cone remote mouse ram cart carts bench shadow shadows bat house houses"
)
_BEFORE_VERBS = split_words("to he she they it who i you we then and that will can")


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing that a sentence names.

    first, at: the places of the phrase's first word and of the noun's last word in the sentence
    count: how many, where that is said exactly; parts: all numbers said, where that is more than one
    determiner: "a", "the", "no" and so on; empty where there is none
    """

    noun: str
    first: int
    at: int
    plural: bool
    count: int | None = None
    parts: tuple[int, ...] = ()
    colours: tuple[str, ...] = ()
    determiner: str = ""


@dataclass(slots=True)
class Sentence:
    """The words of a sentence in lower case, commas and colons among them, where each stands in `text`, and things."""

    text: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    mentions: list[Mention]
    is_question: bool = False

    @property
    def span(self) -> tuple[int, int]:
        """Where the sentence stands in the text."""
        return self.starts[0], self.ends[-1]

    def says(self, first: int, last: int) -> str:
        """The words from one place to before another."""
        return " ".join(self.words[first:last])


def lower(text: str) -> str:
    """The text in lower case, each character in its place."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow: then only ASCII is folded
        lowered = "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return lowered.replace("’", "'")


def read_sentences(text: str) -> list[Sentence]:
    """The sentences of a text, in order; what is no English word is passed over."""
    found: list[Sentence] = []
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    lowered = lower(text)
    for match in _TOKEN.finditer(lowered):
        word = match[0]
        if word not in _ENDS:
            words.append(word)
            starts.append(match.start())
            ends.append(match.end())
        elif words:
            found.append(Sentence(lowered, words, starts, ends, find_mentions(words), word == "?"))
            words, starts, ends = [], [], []
    if words:
        found.append(Sentence(lowered, words, starts, ends, find_mentions(words)))
    return found


def find_mentions(words: list[str]) -> list[Mention]:
    """The known things that these words name, in order."""
    found: list[Mention] = []
    after = 0
    for place, word in enumerate(words):
        if place < after:
            continue
        named = _name_at(words, place)
        if named is None:
            continue
        noun, plural, after = named
        if after < len(words) and _is_part_of_name(words, after, plural=plural):
            continue
        if _is_verb(words, place):
            continue
        single = words[after - 1] not in UNCOUNTED
        found.append(_describe(words, noun, place, after - 1, plural, counted=single and not word.endswith("'s")))
    return found


def _is_part_of_name(words: list[str], after: int, *, plural: bool) -> bool:
    """Whether the word after a noun makes another thing of it: `bus stop`, `baby elephant`."""
    following = words[after]
    return following in COMPOUND_HEADS or (not plural and following in FORMS and following not in _ALSO_VERBS)


def _name_at(words: list[str], place: int) -> tuple[str, bool, int] | None:
    """The noun that begins at a place, whether it is a plural, and where the words after it begin."""
    word = words[place]
    for phrase, noun, plural in PHRASES.get(word, ()):
        if tuple(words[place : place + len(phrase)]) == phrase:
            return noun, plural, place + len(phrase)
    form = FORMS.get(word.removesuffix("'s"))
    if form is None or (word in _ALSO_COLOURS and _is_colour_here(words, place)):
        return None
    return form[0], form[1], place + 1


def _is_colour_here(words: list[str], place: int) -> bool:
    """Whether `orange` is followed by what it colours, or told to be bright; or `jet` is followed by black."""
    following = words[place + 1 : place + 3]
    if words[place] == "jet":
        return following[:1] == ["black"]
    if place and words[place - 1] in _SHADES:
        return True
    return any(word in FORMS or word in COLOURS for word in following) or place == 0 or words[place - 1] in _BE


_ALSO_COLOURS = split_words("orange jet")
_SHADES = split_words("bright brightly dark light deep pale vivid vibrant burnt mostly")
_BE = split_words("is are was were in wearing")


def _is_verb(words: list[str], place: int) -> bool:
    if words[place] not in _ALSO_VERBS:
        return False
    before = words[place - 1] if place else ""
    return before in _BEFORE_VERBS or (before in FORMS and before not in COLOURS)


def _describe(words: list[str], noun: str, first: int, at: int, plural: bool, *, counted: bool) -> Mention:
    """Look backwards from a noun, over what can stand in its phrase."""
    colours: list[str] = []
    place = first - 1
    while place >= 0 and first - place <= _REACH:
        word = words[place]
        if word in COLOURS:
            colours.insert(0, COLOURS[word])
        elif word in NUMBERS or word.isdecimal():
            count, parts = _count_at(words, place)
            is_exact = counted and count is not None and (plural or count == 1)
            before = words[place - 1] if place and words[place - 1] in DETERMINERS else ""
            return Mention(noun, place, at, plural, count if is_exact else None, parts, tuple(colours), before)
        elif word in DETERMINERS:
            count = 1 if counted and not plural and word in ("a", "an", "another") else None
            return Mention(noun, place, at, plural, count, (), tuple(colours), word)
        elif _ends_phrase(words, place):
            break
        place -= 1
    return Mention(noun, place + 1, at, plural, None, (), tuple(colours))


def _ends_phrase(words: list[str], place: int) -> bool:
    """Whether no noun phrase reaches back over the word at a place; "red and white car" goes on over its "and"."""
    word = words[place]
    if word in ("and", ",", "or"):
        return not (place and words[place - 1] in COLOURS)
    return word in STOPPERS or word == ":" or word in FORMS


def _count_at(words: list[str], place: int) -> tuple[int | None, tuple[int, ...]]:
    """The number at a place, None where it is a range or a share; and every number that is said."""
    number = read_number(words[place])
    before = words[max(0, place - 3) : place]
    others = tuple(read_number(word) for word in before if word in NUMBERS or word.isdecimal())
    if others and before and before[-1] in ("of", "the", "or", "to", "and", "these", "those"):
        return None, (*others, number)
    is_vague = bool(before) and before[-1] in APPROXIMATE
    return (None if is_vague or number > _MOST_COUNTED else number), ((number,) if is_vague else ())


def read_number(word: str) -> int:
    """The number that a word of NUMBERS, or of digits, stands for."""
    return NUMBERS[word] if word in NUMBERS else int(word[:9])
