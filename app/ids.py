"""Public ids: a prefix that names the noun, then 13 characters that sort as the number does.

Inside, every id is a 63-bit integer (8 bytes a row and an index entry); outside it is `job_1ab…`.
"""

from app.errors import NotFoundError

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_LENGTH = 13
_LARGEST = 2**63 - 1

PREFIXES = {
    "dataset": "ds",
    "item": "item",
    "image": "img",
    "prompt": "prm",
    "job": "job",
    "shard": "shard",
    "call": "call",
    "pair": "pair",
    "rejection": "rej",
    "export": "exp",
    "cold_start": "cs",
    "candidate": "cand",
    "edit": "edit",
    "rule": "rule",
    "run": "run",
    "judgement": "jdg",
}


def encode_id(noun: str, number: int) -> str:
    """The public form of a row's number, e.g. `encode_id("job", 5) == "job_0000000000005"`."""
    characters = []
    for _ in range(_LENGTH):
        characters.append(_ALPHABET[number & 31])
        number >>= 5
    return f"{PREFIXES[noun]}_{''.join(reversed(characters))}"


def decode_id(noun: str, text: str) -> int:
    """The row's number behind a public id.

    Raises NotFoundError for anything that is no such id: an id that cannot exist is not found.
    """
    prefix, _, body = text.partition("_")
    if prefix == PREFIXES[noun] and len(body) == _LENGTH and all(character in _VALUES for character in body):
        number = 0
        for character in body:
            number = number << 5 | _VALUES[character]
        if number <= _LARGEST:
            return number
    raise NotFoundError(noun.replace("_", " "), text)
