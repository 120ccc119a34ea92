"""What each kind makes of its fixture: a row for every kind in `datasets/`."""

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


CASES = (
    KindCase("change.CocoSpotTheDifference", "coco_spot_the_difference.json", 2, 1, r"CSD_IMG_\d{12}"),
    KindCase("change.SpotTheDifference", "spot_the_difference.json", 3, 5, r"SD_IMG_\d{5}_[12]"),
    KindCase("llava.Conversation", "conversation.jsonl", 5, 4, r"LA_IMG_(\d{12}|bus stop)"),
    KindCase("plain.PlainItems", "plain_items.jsonl", 2, 3, r"door_\d"),
    KindCase("video.DenseCaptions", "dense_captions.json", 1, 6, r"DC_IMG_v_one_\d{4}"),
    KindCase("video.TVCaptions", "tv_captions.jsonl", 3, 3, r"TVC_IMG_\w+_\d{4}"),
)
