"""What of a prompt may not come back in a pair: passages of its system message, and its examples word by word."""

import re
from dataclasses import dataclass
from functools import lru_cache

from app.pipeline.formats import read_content
from app.pipeline.prompting import frame_system_message
from app.pipeline.values import Pair, Prompt

_WINDOW = 30  # characters; an overlap of twice this is always found
_LONGEST_OVERLAP = 60
_KNOWN_PROMPTS = 64

_WORDLESS = re.compile(r"[\W_]+")
_BARE_BYTES = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)) + bytes(128)

PairKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PromptKnowledge:
    """A prompt made ready for comparing: all texts folded, the windows of the system message, its examples' keys."""

    system: str
    windows: frozenset[str]
    example_texts: tuple[str, ...]
    example_keys: frozenset[PairKey]


_known_by_identity: dict[int, tuple[Prompt, PromptKnowledge]] = {}


def know_prompt(prompt: Prompt) -> PromptKnowledge:
    """What is to be compared with; the work of it is done once per prompt, and hashing one once per object.

    A worker asks for the same object with every reply, and its hash would go through every text of it.
    """
    known = _known_by_identity.get(id(prompt))
    if known is not None and known[0] is prompt:
        return known[1]
    knowledge = _study_prompt(prompt)
    if len(_known_by_identity) >= _KNOWN_PROMPTS:
        _known_by_identity.clear()
    _known_by_identity[id(prompt)] = (prompt, knowledge)  # holding the prompt keeps its id its own
    return knowledge


def find_overlap(prompt: Prompt, text: str) -> str:
    """The first passage of at least 60 characters that a text shares with the system message, or nothing.

    Case and white space do not count. Blocks of 30 characters are looked up at every 30th place, then extended.
    """
    knowledge = know_prompt(prompt)
    system, windows = knowledge.system, knowledge.windows
    folded = fold_text(text)
    for start in range(0, len(folded) - _WINDOW + 1, _WINDOW):
        block = folded[start : start + _WINDOW]
        if block in windows:
            passage = _extend(system, folded, system.index(block), start)
            if len(passage) >= _LONGEST_OVERLAP:
                return passage
    return ""


def may_overlap(prompt: Prompt, texts: str) -> bool:
    """False only where `find_overlap` finds nothing in any of several texts, given joined by white space.

    A passage of 60 characters holds a whole block of 30, wherever the blocks begin.
    """
    return may_overlap_folded(prompt, fold_text(texts))


def may_overlap_folded(prompt: Prompt, folded: str) -> bool:
    """The same for texts that `fold_text` has folded."""
    windows = know_prompt(prompt).windows
    blocks = [folded[start : start + _WINDOW] for start in range(0, len(folded) - _WINDOW + 1, _WINDOW)]
    return not windows.isdisjoint(blocks)


def is_in_examples(passage: str, prompt: Prompt) -> bool:
    """Whether a folded passage stands in a pair of the prompt's examples."""
    return any(passage in text for text in know_prompt(prompt).example_texts)


def key_of(pair: Pair) -> PairKey:
    """What makes two pairs the same: their words, whatever the case, spaces and punctuation."""
    return _bare_words(pair.instruction), _bare_words(pair.response)


def fold_text(text: str) -> str:
    """The text without difference of case, every white space one space."""
    return " ".join(text.casefold().split())


@lru_cache(maxsize=_KNOWN_PROMPTS)
def _study_prompt(prompt: Prompt) -> PromptKnowledge:
    system = fold_text(frame_system_message(prompt))
    pairs = [pair for turn in prompt.in_context if turn.role == "assistant" for pair in read_content(turn.content)]
    return PromptKnowledge(
        system,
        frozenset(system[start : start + _WINDOW] for start in range(len(system) - _WINDOW + 1)),
        tuple(fold_text(text) for pair in pairs for text in (pair.instruction, pair.response)),
        frozenset(map(key_of, pairs)),
    )


def _extend(system: str, text: str, at: int, start: int) -> str:
    left = 0
    while at - left > 0 and start - left > 0 and system[at - left - 1] == text[start - left - 1]:
        left += 1
    right = 0
    while at + right < len(system) and start + right < len(text) and system[at + right] == text[start + right]:
        right += 1
    return text[start - left : start + right]


def _bare_words(text: str) -> str:
    if text.isascii():
        return b" ".join(text.encode().translate(_BARE_BYTES).split()).decode()
    return _WORDLESS.sub(" ", text.casefold()).strip()
