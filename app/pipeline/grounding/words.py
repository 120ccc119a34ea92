"""Numbers, colours and small words of English, as claims and annotations use them."""

import re
from collections.abc import Container
from itertools import pairwise


def list_words(text: str, separator: str = " ") -> list[str]:
    """The words of a list that is written as one text, in order."""
    return text.split(separator)


def split_words(text: str, separator: str = " ") -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(list_words(text, separator))


NUMBERS: dict[str, int] = {
    word: number
    for number, word in enumerate(
        list_words(
            "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty"
        ),
        start=1,
    )
}

COLOURS: dict[str, str] = {
    "red": "red", "maroon": "red", "crimson": "red", "scarlet": "red", "burgundy": "red",
    "blue": "blue", "navy": "blue", "teal": "teal", "turquoise": "teal",
    "green": "green", "yellow": "yellow", "golden": "gold", "gold": "gold",
    "orange": "orange", "brown": "brown", "tan": "tan", "beige": "tan", "cream": "tan", "bronze": "brown",
    "white": "white", "black": "black", "gray": "gray", "grey": "gray", "silver": "gray",
    "pink": "pink", "purple": "purple", "violet": "purple", "lavender": "purple",
}  # fmt: skip
"""What each word for a colour is taken for."""

_ALIKE = (
    "red maroon", "red orange", "red pink", "red brown", "pink purple", "purple blue", "blue teal", "green teal",
    "blue gray", "gray white", "gray black", "gray tan", "tan white", "tan brown", "tan gold", "tan yellow",
    "gold yellow", "gold brown", "gold orange", "orange yellow", "orange brown", "brown black", "green gray",
    "blue black", "gray gold",
)  # fmt: skip
ALIKE_COLOURS = frozenset(frozenset(pair.split()) for pair in _ALIKE)
"""Colours that two people may name for one thing; neither contradicts the other."""

DETERMINERS = split_words("a an the this that these those its his her their our my your another each every any some no")
STOPPERS = split_words(
    "of in on at to from with by for near beside behind under over above below into onto is are was were be been "
    "has have had there here and or but while as than like that which who whose where when then it he she they "
    "you i we see sees shows show shown seen sits sit sitting stands stand standing holds hold holding wearing "
    "wears riding rides walking walks running runs parked next not only just also both"
)
"""Words that no noun phrase reaches over, looked at from its noun backwards."""

RELATIVE_NUMBERS = split_words("more additional extra other fewer less further")
APPROXIMATE = split_words("least most about around than nearly almost over approximately roughly up maybe under")
HEDGES = split_words(
    "could might may would should if perhaps possibly probably likely suggest suggests suggesting imagine such "
    "like example typically usually often generally unlike than similar resemble resembles resembling reminiscent "
    "must need needs your will whether or maybe avoid prevent safety ensure because potential appears "
    "seems almost designed intended meant used called named pretend pretending"
)
"""A sentence with one of these may name things that are not there."""

PERCEIVED = split_words("be see find notice spot make observe tell count clearly also easily still even not")
"""What may follow `you` or `can` in a sentence about what is there."""

SCENE_WORDS = split_words("image picture photo photograph scene frame shot view video clip")
NEGATIONS = split_words("no not without never neither none nobody nothing isn't aren't doesn't don't wasn't")

OTHER_PEOPLE = split_words(
    "mother mom father dad parent parents friend friends sister brother husband wife son daughter coach coaches "
    "instructor trainer barber hairdresser customer client host guest guests reporter judge judges referee opponent "
    "opponents partner partners doctor nurse patient bride groom waiter waitress vendor clown magician musician band "
    "orchestra soldier soldiers guard guards student students class member members group others another crowd"
)
"""People whom the table of things does not name, so that where they are told of nobody can count people."""

_WHOLE = SCENE_WORDS | split_words(
    "what what's how many number total count describe who whom everything anything happening happens going tell me "
    "about please give altogether overall main subject content contents and can could do does did is are was were "
    "there the a an any of in this that you i we see seen visible shown show shows present depicted pictured contain "
    "contains it at all be being to exactly spot notice find which kind"
)
_PART_OF_SEVERAL = re.compile(r"[a-h]|one|two|\d+")


def asks_about_whole(words: list[str], nouns: Container[str] = ()) -> bool:
    """Whether a question asks about all that is shown, not about a part or a moment of it, or one of two images.

    nouns: words that may stand in it beside, the things that are asked about
    """
    if any(word in SCENE_WORDS and _PART_OF_SEVERAL.fullmatch(after) for word, after in pairwise(words)):
        return False
    return all(word in _WHOLE or word in nouns for word in words)


_REST_OF_SCENE = split_words(
    "in the this whole entire image picture photo photograph scene frame shot view video clip visible present "
    "here seen shown can be total altogether all at overall that i is are pictured depicted of them"
)


def are_alike(one: str, other: str) -> bool:
    """Whether two colours may be said of one thing."""
    return one == other or frozenset((one, other)) in ALIKE_COLOURS


def speaks_of_whole_scene(words: list[str]) -> bool:
    """Whether the words after a noun leave it as it is: "in the picture", "can be seen", or nothing."""
    return _REST_OF_SCENE.issuperset(words)
