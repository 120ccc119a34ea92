"""Review rules: a replacement that a reviewer wants in all alike pairs, found in time linear in the texts.

`find` is a text, or a pattern: a text with places such as `{word}`. There are no alternatives, no repetitions
of a reader's own and no way back into what was read (each place takes a bounded run of one class of characters,
possessively), so no pattern can be made slow. Places of a pattern may stand in `replace` by number: `{1}`, `{2}`.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import Fault
from app.pipeline.values import Pair

LONGEST_FIND = 500
LONGEST_REPLACE = 2000
MOST_PLACES = 8

_LETTER = r"[^\W\d_]"
_PLACES = {
    "word": rf"(?<!{_LETTER})({_LETTER}{{1,64}}+)(?!{_LETTER})",
    "letter": rf"(?<!\w)({_LETTER})(?!\w)",
    "number": r"(?<!\d)(\d{1,20}+(?:[.,:]\d{1,20}+){0,4}+)(?!\d)",
    "space": r"(\s{1,16}+)",
}
PLACES = tuple(_PLACES)
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class TextRule:
    """What is replaced: by what, in `instruction`, `response` or `both`; `match` is `literal` or `pattern`."""

    find: str
    replace: str
    side: str = "both"
    match: str = "literal"
    ignore_case: bool = False
    whole_words: bool = False


@dataclass(frozen=True, slots=True)
class Replaced:
    """One place of a diff: at which character of which side, what went and what came."""

    side: str
    at: int
    removed: str
    added: str


def check_rule(rule: TextRule) -> list[Fault]:
    """What is wrong with a rule, a fault each."""
    faults = []
    for name, value, most in (("find", rule.find, LONGEST_FIND), ("replace", rule.replace, LONGEST_REPLACE)):
        if len(value) > most:
            faults.append(Fault(f"/{name}", "too_long", f"It has {len(value)} characters; at most {most} are taken."))
    if not rule.find.strip():
        faults.append(Fault("/find", "empty", "Say what is to be replaced."))
    if rule.match == "pattern" and not faults:
        faults += _check_pattern(rule)
    if not faults and rule.match == "literal" and rule.find == rule.replace:
        faults.append(Fault("/replace", "unchanged", "This is what stands there already."))
    return faults


def _check_pattern(rule: TextRule) -> list[Fault]:
    names = [name for name in _names_in(rule.find) if name is not None]
    faults = []
    for name in dict.fromkeys(names):
        if name not in _PLACES:
            known = ", ".join(f"{{{known}}}" for known in _PLACES)
            message = f"There is no {{{name}}}; take any of {known}, and write {{{{ and }}}} for braces."
            faults.append(Fault("/find", "unknown_place", message))
    if None in _names_in(rule.find):
        faults.append(Fault("/find", "lone_brace", "Write {{ and }} for braces."))
    if len(names) > MOST_PLACES:
        faults.append(Fault("/find", "too_many_places", f"It has {len(names)} places; at most {MOST_PLACES}."))
    if names and not _BRACES.sub("", rule.find).strip() and "{{" not in rule.find and "}}" not in rule.find:
        faults.append(Fault("/find", "no_text", "A pattern needs some text of its own beside its places."))
    numbers = {str(number) for number in range(1, len(names) + 1)}
    if not set(_names_in(rule.replace)) <= numbers:
        message = f"Places are named by number here; find has {len(names)}. Write {{{{ and }}}} for braces."
        faults.append(Fault("/replace", "unknown_place", message))
    return faults


def _names_in(text: str) -> list[str | None]:
    """The places that a pattern names, in order; None for a brace that belongs to none."""
    return [piece[1] for piece in _BRACES.finditer(text) if piece[0] not in {"{{", "}}"}]


class Rewriter:
    """A checked rule, ready for many texts."""

    def __init__(self, rule: TextRule) -> None:
        is_pattern = rule.match == "pattern"
        body = _compile_pattern(rule.find) if is_pattern else re.escape(rule.find)
        if rule.whole_words:
            body = rf"(?<!\w){body}(?!\w)"
        self._found = re.compile(body, re.IGNORECASE if rule.ignore_case else 0)
        self._sides = ("instruction", "response") if rule.side == "both" else (rule.side,)
        self._replace = _split_replacement(rule.replace) if is_pattern else [rule.replace]
        self.needle = None if is_pattern or rule.ignore_case else rule.find
        """A text that every alike pair has in it, where there is one."""

    def rewrite(self, pair: Pair) -> Pair:
        """The pair with every place replaced; the same texts where it has none."""
        texts = {"instruction": pair.instruction, "response": pair.response}
        for side in self._sides:
            rewritten, n = self._found.subn(self._write, texts[side])
            if n:
                texts[side] = rewritten.strip()
        return Pair(texts["instruction"], texts["response"])

    def compare(self, pair: Pair) -> list[Replaced]:
        """Every place that `rewrite` replaces."""
        return [
            Replaced(side, found.start(), found[0], self._write(found))
            for side in self._sides
            for found in self._found.finditer(getattr(pair, side))
        ]

    def _write(self, found: re.Match[str]) -> str:
        return "".join(piece if isinstance(piece, str) else found[piece] for piece in self._replace)


def _compile_pattern(find: str) -> str:
    pieces, at = [], 0
    for brace in _BRACES.finditer(find):
        pieces.append(re.escape(find[at : brace.start()]))
        pieces.append(re.escape(brace[0][0]) if brace[0] in {"{{", "}}"} else _PLACES[brace[1]])
        at = brace.end()
    return "".join([*pieces, re.escape(find[at:])])


def _split_replacement(replace: str) -> list[str | int]:
    pieces: list[str | int] = []
    at = 0
    for brace in _BRACES.finditer(replace):
        pieces.append(replace[at : brace.start()])
        pieces.append(brace[0][0] if brace[0] in {"{{", "}}"} else int(brace[1]))
        at = brace.end()
    return [*pieces, replace[at:]]


def suggest_rule(before: Pair, after: Pair) -> TextRule | None:
    """The literal rule that an edit is an example of, None where it changed several things or nothing.

    Where the same replacement was made in both texts the rule is for both.
    """
    found: dict[str, tuple[str, str]] = {}
    for side in ("instruction", "response"):
        one, other = getattr(before, side), getattr(after, side)
        if one != other:
            replacement = _find_replacement(one, other)
            if replacement is None:
                return None
            found[side] = replacement
    if len(set(found.values())) != 1:
        return None
    find, replace = next(iter(found.values()))
    side = "both" if len(found) == 2 else next(iter(found))
    rule = TextRule(find, replace, side, whole_words=_is_wordy(find))
    return None if check_rule(rule) or Rewriter(rule).rewrite(before) != after else rule


def _find_replacement(before: str, after: str) -> tuple[str, str] | None:
    """What went and what came: the same at every place, or all between the first and the last change."""
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [_widen(old, new, *span) for kind, *span in matcher.get_opcodes() if kind != "equal"]
    if len(set(changes)) == 1 and changes[0][0]:
        return changes[0]
    start = _count_alike(old, new)
    end = _count_alike(old[start:][::-1], new[start:][::-1])
    change = _widen(old, new, start, len(old) - end, start, len(new) - end)
    return change if change[0] and len(change[0]) <= LONGEST_FIND else None


def _widen(
    old: Sequence[str], new: Sequence[str], old_start: int, old_end: int, new_start: int, new_end: int
) -> tuple[str, str]:
    """The texts of a changed span; an insertion takes the word before it along, so that there is something to find."""
    if old_start == old_end:
        while old_start > 0 and new_start > 0 and old[old_start - 1] == new[new_start - 1]:
            old_start, new_start = old_start - 1, new_start - 1
            if any(map(str.isalnum, old[old_start])):
                break  # a full stop stands in every pair
    return "".join(old[old_start:old_end]), "".join(new[new_start:new_end])


def _count_alike(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _is_wordy(find: str) -> bool:
    """Whether a text begins and ends within words, so that it should not be found inside longer ones."""
    return bool(re.match(r"\w", find) and re.search(r"\w\Z", find))
