"""The translations in a model's reply, by language, as JSON or as text under headings."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from app.pipeline.formats import normalise_text, parse_reply
from app.pipeline.formats.json_scan import Mender, find_json_start, scan_json
from app.pipeline.formats.json_shape import read_shape
from app.pipeline.formats.reading import Spoken, assemble_pairs
from app.pipeline.language_codes import find_asked
from app.pipeline.values import Pair

_HEADING = re.compile(
    r"^[ \t]*+(?:\#{1,6}[ \t]*+|[-•][ \t]*+|\d{1,2}[.)][ \t]*+)?(?:\*\*|\[|【)?[ \t]*+"
    r"(?P<name>[^\W\d_]{2,12}(?:[ -][^\W\d_]{2,12})?)"
    r"(?:[ \t]?[(（][^()\n]{1,30}[)）])?[ \t]*+(?:\*\*|\]|】)?[ \t]*+[:：]?[ \t]*+(?:\*\*)?[ \t]*+$",
    re.MULTILINE,
)
_HALVES = {"instruction", "response"}
_MOST_PLAIN = 100  # keys; more than the languages there are is no reply to a translator's request


def parse_translations(text: str, languages: Sequence[str], *, truncated: bool = False) -> dict[str, Pair]:
    """The translations in a reply, by language, in the order asked; a missing or torn one is simply not there.

    Reads JSON (by code or by the language's name, also nearly JSON), or text with a heading per language. Pairs with
    an empty half are returned as they are, for `check_translation` to refuse. Never raises.
    """
    text = normalise_text(text)
    found = _read_json(text, languages, truncated=truncated)
    if not found:
        found = _read_headings(text, languages, truncated=truncated)
    return {language: found[language] for language in languages if language in found}


def _read_json(text: str, languages: Sequence[str], *, truncated: bool) -> dict[str, Pair]:
    start = find_json_start(text)
    if start is None:
        return {}
    body = text[start:]
    plain = _read_plain(body, tuple(languages))
    if plain:
        return plain
    value = next(iter(scan_json(body)), None)
    if value is None:
        return {}
    cut_off = not value.closed and (truncated or not body.rstrip("` \n").endswith("}"))
    whole = body[value.start : value.whole_until if cut_off else value.end]  # the language it ended in is torn
    entries = list(_read_entries(Mender().mend(whole), tuple(languages))) if whole else []
    return dict(reversed(entries))  # a language said twice keeps what was said first


def _read_plain(body: str, languages: tuple[str, ...]) -> dict[str, Pair]:
    """The reply as it was asked for, `{code: {"instruction", "response"}}`; nothing where it is anything else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(value, dict) or len(value) > _MOST_PLAIN:
        return {}
    found: dict[str, Pair] = {}
    for key, inner in value.items():
        code = find_asked(key, languages)
        if code is None or not _is_plain(inner):
            return {}
        found.setdefault(code, Pair(normalise_text(inner["instruction"]), normalise_text(inner["response"])))
    return found


def _is_plain(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == _HALVES and all(type(text) is str for text in value.values())


def _read_entries(value: Any, languages: tuple[str, ...]) -> Iterator[tuple[str, Pair]]:
    if isinstance(value, list):
        for entry in value:
            code = _find_code(entry, languages)
            pair = _read_pair(entry)
            if code is not None and pair is not None:
                yield code, pair
            elif code is None:
                yield from _read_entries(entry, languages)
    elif isinstance(value, dict):
        named = [(code, inner) for key, inner in value.items() if (code := _name_key(key, languages)) is not None]
        if named:
            yield from ((code, pair) for code, inner in named if (pair := _read_pair(inner)) is not None)
        elif len(languages) == 1 and (pair := _read_pair(value)) is not None:
            yield languages[0], pair
        else:
            for inner in value.values():
                if isinstance(inner, dict | list):
                    yield from _read_entries(inner, languages)


def _find_code(entry: Any, languages: tuple[str, ...]) -> str | None:
    """The language that an entry of a list says it is in."""
    if not isinstance(entry, dict):
        return None
    return _name_key(entry.get("language") or entry.get("lang") or entry.get("code"), languages)


def _name_key(key: Any, languages: tuple[str, ...]) -> str | None:
    return find_asked(key, languages) if isinstance(key, str) else None


def _read_pair(value: Any) -> Pair | None:
    """The first pair in a JSON value, one with an empty half included."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) for text in value):
        return Pair(normalise_text(value[0]), normalise_text(value[1]))
    if not isinstance(value, dict | list):
        return None
    parsed = assemble_pairs(piece for piece in read_shape(value) if isinstance(piece, Spoken))
    if parsed.pairs:
        return parsed.pairs[0]
    return next((refused.pair for refused in parsed.rejections if refused.pair is not None), None)


def _read_headings(text: str, languages: Sequence[str], *, truncated: bool) -> dict[str, Pair]:
    asked = tuple(languages)
    matches = list(_HEADING.finditer(text))
    headings = [(code, match) for match in matches if (code := find_asked(match["name"], asked)) is not None]
    found: dict[str, Pair] = {}
    for index, (code, match) in enumerate(headings):
        last = index + 1 == len(headings)
        section = text[match.end() : len(text) if last else headings[index + 1][1].start()]
        parsed = parse_reply(section, truncated=truncated and last)
        if parsed.pairs and code not in found:
            found[code] = parsed.pairs[0]
    return found
