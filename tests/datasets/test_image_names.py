"""Uploaded pictures find their image ids by the names they were published under."""

import pytest

from datasets.registry import find_kind

NAMES = [
    ("change.SpotTheDifference", "76.png", "SD_IMG_00076_1"),
    ("change.SpotTheDifference", "resized_images/76_2.png", "SD_IMG_00076_2"),
    ("change.SpotTheDifference", "76_1.png", "SD_IMG_00076_1"),
    ("change.SpotTheDifference", "76_diff.jpg", None),
    ("change.SpotTheDifference", "SD_IMG_00076_2.png", "SD_IMG_00076_2"),
    ("change.SpotTheDifference", "yard_2.png", "SD_IMG_yard_2"),
    ("change.CocoSpotTheDifference", "train2014/COCO_train2014_000000123456.jpg", "CSD_IMG_000000123456"),
    ("change.CocoSpotTheDifference", "000000123456.jpg", "CSD_IMG_000000123456"),
    ("llava.Conversation", "COCO_val2014_000000033471.jpg", "LA_IMG_000000033471"),
    ("llava.Conversation", "33471.png", "LA_IMG_000000033471"),
    ("llava.Conversation", "LA_IMG_bus stop.png", "LA_IMG_bus stop"),
    ("llava.Conversation", "bus stop.png", "LA_IMG_bus stop"),
    ("video.DenseCaptions", "DC_IMG_v_x_0000.png", "DC_IMG_v_x_0000"),
    ("plain.PlainItems", "door.png", "door"),
]


@pytest.mark.parametrize(("kind", "file_name", "image_id"), NAMES)
def test_a_picture_is_known_by_the_name_of_its_file(kind: str, file_name: str, image_id: str | None) -> None:
    assert find_kind(kind).cls.image_id_of(file_name) == image_id
