"""Tells what a FunQA record is about, and gathers the records of a video."""

import re
from dataclasses import dataclass, field
from typing import Literal

from datasets.record_values import FileFormatError

Part = Literal["moment", "description", "reason", "title", "score"]
Family = Literal["humor", "creativity", "magic"]

TEXTS_OF_A_PART = 3
HELD_CAP_BYTES = 512 * 1024 * 1024

FAMILIES: dict[str, Family] = {"H": "humor", "C": "creativity", "M": "magic"}

_ENTRY_BYTES = 200
_TASK = re.compile(r"([HCM])([1-5])")
_VIDEO = re.compile(r"([HCM])_", re.IGNORECASE)
_PARTS_BY_NUMBER: dict[str, Part] = {"1": "moment", "2": "description", "3": "reason", "4": "title", "5": "score"}

# In order: what asks for a title may also say "describe", what asks why may also say "detailed account".
_PARTS: tuple[tuple[Part, re.Pattern[str]], ...] = (
    (
        "moment",
        re.compile(
            r"\b(?:locali[sz]e|locate|localization|pinpoint|time ?stamps?|time ?(?:span|frame|interval|period|range)s?"
            r"|(?:start|beginning) and (?:the )?end|start and finish|frame (?:numbers?|range|interval)"
            r"|(?:at|in|during|between) (?:what|which) (?:time|moment|point|seconds?|frames?|part|segment|clip)"
            r"|which (?:part|segment|clip|frames?|seconds?|moments?|section)\b[^?.]*\b(?:is|are|do|does|occurs?)"
            r"|when (?:does|do|did|is|are)|find the (?:\w+ ){0,3}(?:part|segment|clip|moment|interval)s?)\b"
        ),
    ),
    (
        "score",
        re.compile(
            r"\b(?:scores?|scoring|rate|rates|rating|grade|grading|points|how creative|evaluate the (?:level|degree))\b"
            r"|\bon a scale\b|\bout of (?:\d+|ten|twenty|a hundred)\b|\blevel of creativity\b|\bdegree of creativity\b"
        ),
    ),
    (
        "title",
        re.compile(
            r"\b(?:titles?|captions?|headlines?|headings?|slogans?|entitle|name (?:for|of) the video|name the video)\b"
            r"|\b(?:suitable|fitting|appropriate|apt|catchy|witty|one-line|short|brief) (?:\w+ )?description\b"
        ),
    ),
    (
        "reason",
        re.compile(
            r"\b(?:why|reasons?|explains?|explanation|rationale|causes?|because|mechanism|secrets?|trick behind)\b"
            r"|\bwhat (?:\w+ ){0,2}(?:makes?|made|causes?|creates?|contributes?|renders?|gives?|leads?)\b"
            r"|\bwhat (?:factors?|elements?|aspects?|ingredients?|features?)\b"
            r"|\bhow (?:is|was|does|do|did|can|could|has) (?:the |this |an? )?(?:\w+ ){0,4}"
            r"(?:done|performed|achieved|accomplished|work|works|possible|funny|humorous|created?|executed)\b"
            r"|\bin what way\b|\bhow come\b|\banaly[sz]e\b|\breveal\b"
        ),
    ),
    (
        "description",
        re.compile(
            r"\b(?:describe|describes|describing|descriptions?|account|narrat\w+|depict\w*|portray\w*|details?|detailed"
            r"|recount|relate|retell|tell|summar\w+|outline|elaborate|report|overview|sketch|illustrate|present"
            r"|what (?:is|was|happens|happened|occurs|occurred|takes place|goes on|events?|actions?))\b"
        ),
    ),
)
_FAMILY_WORDS: tuple[tuple[Family, re.Pattern[str]], ...] = (
    ("magic", re.compile(r"\b(?:magic\w*|tricks?|illusions?|conjur\w+|sleight)\b")),
    ("creativity", re.compile(r"\b(?:creativ\w+|imaginative|inventive|original|artistic|ingenious)\b")),
    ("humor", re.compile(r"\b(?:fun|funny|funniest|humou?r\w*|laugh\w*|comic\w*|comed\w+|hilari\w+|amus\w+|jok\w+)\b")),
)


def tell_part(instruction: str, task: str) -> Part | None:
    """What the record's output is, by the words of its instruction, else by its task code (`H2`); None if neither says.

    Instructions of the first release and of today's say the same in many wordings, so words decide, not sentences.
    """
    folded = " ".join(instruction.lower().split())
    for part, pattern in _PARTS:
        if pattern.search(folded):
            return part
    match = _TASK.fullmatch(task)
    return _PARTS_BY_NUMBER[match.group(2)] if match else None


def tell_family(instruction: str, task: str, video: str) -> Family | None:
    """Which collection the record is of: its task code says, else its video's name, else its instruction's words."""
    match = _TASK.fullmatch(task) or _VIDEO.match(video)
    if match:
        return FAMILIES[match.group(1).upper()]
    folded = instruction.lower()
    return next((family for family, pattern in _FAMILY_WORDS if pattern.search(folded)), None)


@dataclass(slots=True)
class VideoNotes:
    """What is said of a video; `line` is where its first record stands."""

    line: int | None
    families: list[Family] = field(default_factory=list)
    texts: dict[Part, list[str]] = field(default_factory=dict)

    def write(self) -> str:
        """The text for the model; empty where neither a description nor a reason is known."""
        if not self.texts.get("description") and not self.texts.get("reason"):
            return ""
        lines = [f"about: {', '.join(self.families)}"] if self.families else []
        names: tuple[tuple[Part, str], ...] = (
            ("description", "description"),
            ("reason", "reason"),
            ("title", "title"),
            ("score", "creativity"),
        )
        for part, name in names:
            suffix = " of 20" if part == "score" else ""
            lines += [f"{name}: {text}{suffix}" for text in self.texts.get(part, [])]
        return "\n".join(lines)


class VideoShelf:
    """Holds the notes of every video until the file was read: records of one video may stand far apart."""

    def __init__(self, cap_bytes: int = HELD_CAP_BYTES) -> None:
        self._cap_bytes = cap_bytes
        self.notes: dict[str, VideoNotes] = {}
        self._held_bytes = 0

    def add(self, video: str, line: int | None, family: Family | None, part: Part, text: str) -> None:
        """Note a text; one that is known and those beyond TEXTS_OF_A_PART (one score) are passed over.

        Raises FileFormatError for a file that holds more than fits.
        """
        notes = self.notes.get(video)
        if notes is None:
            notes = self.notes[video] = VideoNotes(line)
            self._count(video)
        if family and family not in notes.families:
            notes.families.append(family)
        texts = notes.texts.setdefault(part, [])
        if text not in texts and len(texts) < (1 if part == "score" else TEXTS_OF_A_PART):
            texts.append(text)
            self._count(text)

    def _count(self, text: str) -> None:
        self._held_bytes += len(text) + _ENTRY_BYTES
        if self._held_bytes > self._cap_bytes:
            raise FileFormatError(None, "The file tells more than can be held at once; split it, video by video.")
