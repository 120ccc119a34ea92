"""What each kind makes of its fixture: a row for every kind in `datasets/`."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class KindCase:
    """A kind and its fixture, a file in the published format in `tests/datasets/fixtures`.

    items: query inputs that the fixture holds; errors: records of it that are refused
    images: what every image id of an item matches; "" where the annotations cannot list them
    says: the model's answer about every item, where invented pairs would break a rule of the kind
    """

    kind: str
    fixture: str
    items: int
    errors: int
    images: str
    says: str = ""


_FROM_MY_EYES = json.dumps(
    {
        "pairs": [
            {"instruction": "Where did I leave the spoon?", "response": "You put it back into the white drawer."},
            {"instruction": "What should I wash?", "response": "The spoon that you used, and perhaps your cup."},
            {"instruction": "What does the camera wearer hold?", "response": "You hold a spoon."},
        ]
    }
)

_LONG = (
    "Question: What does the whole picture show?\nAnswer: A street in a town fills the picture. In the middle a bus "
    "stands beside the pavement, large enough to take up half of the width. People wait next to it, some with "
    "bags, and the one at the front lifts a hand towards the driver. Behind them houses stand close together, and the "
    "light of an early morning falls on their upper floors while the road lies in the shade."
)

CASES = (
    KindCase("change.CocoSpotTheDifference", "coco_spot_the_difference.json", 2, 1, r"CSD_IMG_\d{12}"),
    KindCase("change.SpotTheDifference", "spot_the_difference.json", 3, 5, r"SD_IMG_\d{5}_[12]"),
    KindCase("egocentric.Ego4D", "ego4d.json", 3, 8, r"E4D_IMG_\w{4}-uid_\d{8}", _FROM_MY_EYES),
    KindCase("funqa.CreativeQA", "funqa.json", 1, 12, ""),
    KindCase("funqa.FunQA", "funqa.json", 3, 5, ""),
    KindCase("funqa.HumorQA", "funqa.json", 1, 9, ""),
    KindCase("funqa.MagicQA", "funqa.json", 1, 12, ""),
    KindCase("llava.ComplexReasoning", "coco.json", 3, 14, r"LA_IMG_(\d{12}|harbour)"),
    KindCase("llava.Conversation", "conversation.jsonl", 5, 4, r"LA_IMG_(\d{12}|bus stop)"),
    KindCase("llava.DetailedDescription", "coco.json", 3, 14, r"LA_IMG_(\d{12}|harbour)", _LONG),
    KindCase("plain.PlainItems", "plain_items.jsonl", 2, 3, r"door_\d"),
    KindCase("scenes.SceneNavigation", "scene_navigation.json", 2, 7, r"SN_IMG_scene0000_00_color_\d{6}"),
    KindCase("video.DenseCaptions", "dense_captions.json", 1, 6, r"DC_IMG_v_one_\d{4}"),
    KindCase("video.TVCaptions", "tv_captions.jsonl", 3, 3, r"TVC_IMG_\w+_\d{4}"),
    KindCase("video.VisualStoryTelling", "visual_story_telling.json", 3, 10, r"VST_IMG_\d{4}"),
)
