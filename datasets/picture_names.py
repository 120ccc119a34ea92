"""Names of pictures: COCO calls one image `33471`, `000000033471.jpg` and `COCO_train2014_000000033471.jpg`."""

import re

_COCO_NUMBER = re.compile(r"(?:COCO_\w+_)?([0-9]{1,12})")


def pad_coco_number(name: str) -> str:
    """The number of a COCO name, in twelve digits; any other name as it is."""
    match = _COCO_NUMBER.fullmatch(name)
    return match.group(1).zfill(12) if match else name


def stem_of(file_name: str) -> str:
    """The name of a file without its folders and its suffix."""
    return file_name.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def name_coco_image(abbr: str, file_name: str) -> str:
    """The image id of a file: `{abbr}_IMG_` and the padded number, or the name itself where it is an id already."""
    stem = stem_of(file_name)
    return stem if stem.startswith(f"{abbr}_IMG_") else f"{abbr}_IMG_{pad_coco_number(stem)}"
