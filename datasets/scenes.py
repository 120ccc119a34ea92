"""Rooms that were scanned, with what people said of the things in them: ScanNet with ScanRefer."""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import ClassVar

from datasets.abstract_dataset import AbstractDataset, RelationRule, TrainRule, check_query_input
from datasets.activities import ACTIVITIES
from datasets.fields import Field
from datasets.house_rules import (
    MENTIONS_ANNOTATION,
    HouseRule,
    find_any_text,
    forbid,
    require_in_instruction,
)
from datasets.picture_names import stem_of
from datasets.record_values import InvalidRecordError, QueryInput, Record, RecordError

MAX_FRAME_NUMBER = 999_999

ASKS_FOR_THE_REASON = require_in_instruction(
    "asks_no_reason",
    "The first round of a conversation asks why the activity suits the room; this one does not.",
    r"\b(?:why|what makes|reasons?|how come|what (?:is it )?about (?:this|the) (?:\w+ )?(?:room|space|place))\b",
    round_number=0,
)
MENTIONS_CANDIDATES = forbid(
    "mentions_candidates",
    "The pair speaks of the activities to choose from; it must speak as somebody who is in the room.",
    r"\bcandidate activit(?:y|ies)\b|\b(?:listed|given|provided|suggested|proposed) activit(?:y|ies)\b",
    gate=find_any_text("activit"),
)

_SCENE = re.compile(r"scene[0-9]{4}_[0-9]{2}", re.IGNORECASE)
_FRAME = re.compile(r".*[^0-9](?P<number>[0-9]{1,6})(?:\.color)?", re.IGNORECASE | re.DOTALL)
_OTHER_LAYER = re.compile(r"depth|label|instance|pose|intrinsic|extrinsic", re.IGNORECASE)


class SceneNavigation(AbstractDataset):
    """A room by fifty of its descriptions, and nine things somebody could do there; three become conversations.

    Which descriptions and activities are drawn follows from the scene's id and `seed` alone: the same file gives the
    same query inputs wherever it is read. For another draw, give another seed to the constructor, or derive a class
    of your own with `seed = 7`; other activities are `activities` of such a class.
    """

    abbr = "SN"
    title = "Scene Navigation"
    file_format = (
        'json object {"scene0000_00": {"description": [["12", "the brown chair by the window"], …], "frames"?: [0, 20, '
        "…]}}; a description is [object id, text] or a text, a frame a number or the name of its file"
    )
    image_id_pattern = "SN_IMG_scene0000_00_color_000000, the frames of the scene"
    picture_files: ClassVar[tuple[str, ...]] = (
        "scene0000_00/color/20.jpg",
        "scene0000_00_color_000020.png",
        "scene0000_00/frame-000020.color.jpg",
        "scene0000_00/depth/20.png",
    )
    prompt_file = "scene_navigation.json"
    house_rules: ClassVar[tuple[HouseRule, ...]] = (MENTIONS_ANNOTATION, MENTIONS_CANDIDATES, ASKS_FOR_THE_REASON)
    relation_rule: ClassVar[RelationRule] = "earlier_rounds"
    train_rule: ClassVar[TrainRule] = "last_round"
    reply_grammar = "conversations"
    conversations = 3
    rounds = 3
    fewest_pairs = 9
    seed: int = 0
    descriptions_drawn = 50
    activities_drawn = 9
    activities: ClassVar[tuple[str, ...]] = ACTIVITIES

    def __init__(
        self,
        name: str | None = None,
        prompt_path: str | None = None,
        query_inputs_path: str | None = None,
        seed: int | None = None,
    ) -> None:
        """seed: what the draw goes by; None leaves it to the class."""
        if seed is not None:
            self.seed = seed
        super().__init__(name, prompt_path, query_inputs_path)

    def read_items(self, record: Record) -> Iterator[QueryInput | RecordError]:
        """The scene; a description that cannot be used is refused by itself."""
        refused: list[RecordError] = []
        try:
            query_input = check_query_input(self._read_scene(record, refused), record)
        except InvalidRecordError as error:
            yield from refused
            yield error.error
            return
        yield from refused
        yield query_input

    def read_record(self, record: Record) -> QueryInput:
        """The descriptions and activities that were drawn, a line each; faulty descriptions are passed over."""
        return self._read_scene(record, [])

    def _read_scene(self, record: Record, refused: list[RecordError]) -> QueryInput:
        root = Field.of(record)
        scene = record.key if record.key is not None else root.member("id").identifier()
        root = root.named(scene)
        field = root.member("description")
        texts = dict.fromkeys(_read_descriptions(field, refused))
        if not texts:
            raise field.refuse("empty_sentences", "The scene has no description; without one nothing can be asked.")
        descriptions = self.draw(list(texts), self.descriptions_drawn, scene)
        lines = ["descriptions:", *(text for text in texts if text in descriptions)]
        lines += ["candidate activities:", *self.draw(self.activities, self.activities_drawn, scene)]
        frames = root.optional("frames")
        image_ids = [] if frames is None else [self._read_frame(frame, scene) for frame in frames.elements()]
        return QueryInput(scene, "\n".join(lines), tuple(dict.fromkeys(image_ids)))

    def draw(self, options: Sequence[str], count: int, scene: str) -> list[str]:
        """`count` of the options in an order of their own, by the seed and the scene; all where there are fewer."""
        salt = f"{self.seed}\0{scene}\0"
        ranked = sorted(options, key=lambda option: blake2b(f"{salt}{option}".encode("utf-8", "replace")).digest())
        return ranked[:count]

    def _read_frame(self, frame: Field, scene: str) -> str:
        if isinstance(frame.value, int) and not isinstance(frame.value, bool):
            return self.frame_id_of(scene, int(frame.number(at_least=0, at_most=MAX_FRAME_NUMBER)))
        name = frame.identifier()
        image_id = self.image_id_of(name if scene in name else f"{scene}/{name}")
        if image_id is None:
            raise frame.refuse("not_a_picture", "This file is no colour frame of the scene; leave it out.")
        return image_id

    @classmethod
    def instruction_id(
        cls, serial: int, source_id: str, ordinal: int, conversation: int = 0, round_number: int = 0
    ) -> str:
        """Scene, activity and round, as published: `SN_INS_scene0000_00_activity2_round0`."""
        return f"{cls.abbr}_INS_{source_id}_activity{conversation}_round{round_number}"

    @classmethod
    def image_id_of(cls, file_name: str) -> str | None:
        """`scene0000_00/color/20.jpg`, `scene0000_00_color_000020.png`, `scene0000_00/frame-000020.color.jpg`.

        None for depth, labels and poses, which ScanNet keeps beside the colours.
        """
        stem = stem_of(file_name)
        path = file_name[: len(file_name) - len(file_name.rsplit("/", 1)[-1])] + stem
        scene = _SCENE.search(path)
        within = "" if scene is None else path[scene.end() :]
        frame = _FRAME.fullmatch(within)
        if _OTHER_LAYER.search(within):
            return None
        if scene is None or frame is None:
            return stem if stem.startswith(f"{cls.abbr}_IMG_") else f"{cls.abbr}_IMG_{stem}"
        return cls.frame_id_of(scene[0].lower(), int(frame["number"]))

    @classmethod
    def frame_id_of(cls, video: str, number: int) -> str:
        """Six digits, as published: `SN_IMG_scene0000_00_color_000020`."""
        return f"{cls.abbr}_IMG_{video.removesuffix('_color')}_color_{number:06d}"

    @classmethod
    def image_prefix(cls, source_id: str) -> str:
        """The annotations cannot list the frames of a scene; all that were uploaded are its pictures."""
        return f"{cls.abbr}_IMG_{source_id}_color_"


def _read_descriptions(field: Field, refused: list[RecordError]) -> Iterator[str]:
    for entry in field.elements():
        try:
            yield _read_description(entry)
        except InvalidRecordError as error:
            refused.append(error.error)


def _read_description(entry: Field) -> str:
    """`[object id, text]` or a text; one line with single spaces."""
    text = entry
    if isinstance(entry.value, list):
        parts = list(entry.elements())
        if len(parts) != 2:
            raise entry.refuse("wrong_length", f"A description is [object id, text], not {len(parts)} values.")
        text = parts[1]
    line = " ".join(text.text().split())
    if not line:
        raise text.refuse("empty_sentences", "The description is empty; write it or leave it out.")
    return line
