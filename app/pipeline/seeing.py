"""Jobs that show the model the pictures: which of an item's images are sent, how large, and where in the text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isqrt
from typing import Any, Literal

import orjson

from app.errors import Fault
from app.pipeline.prompting import frame_query
from app.pipeline.values import Prompt

Detail = Literal["auto", "low", "high"]
Carrier = Literal["data", "url"]

PIXELS_PER_TOKEN = 750
MIN_SIDE, MAX_SIDE = 64, 2048
MOST_IMAGES = 100
MOST_TOKENS = 100_000
TOKENS_MARGIN = 2

_NOTE = (
    "Each picture stands after its label, `image a:`, `image b:` and so on, in the order in which they belong; "
    "the pictures of a video are frames of it in the order of time. Speak of what the pictures show: the annotation "
    "tells what people saw in them, and where a picture plainly shows otherwise, leave that point out."
)
_BOUNDS: dict[str, tuple[int, int]] = {"max_images": (1, MOST_IMAGES), "tokens": (50, MOST_TOKENS)}
_CHOICES: dict[str, tuple[str, ...]] = {"detail": ("auto", "low", "high"), "images": ("data", "url")}


@dataclass(frozen=True, slots=True)
class Vision:
    """How pictures are shown.

    max_images: at most so many of an item; of more, as a video has, a sample at even distances is sent
    tokens: about what all pictures of one call may cost, at a token for each 750 pixels; it decides their size
    detail: passed on to the endpoint with each picture
    images: `data` puts the bytes into the request, `url` a signed address of this service that soon expires
    """

    max_images: int = 8
    tokens: int = 2000
    detail: Detail = "auto"
    images: Carrier = "data"

    def side_for(self, count: int) -> int:
        """The longest side, in pixels, of each of `count` pictures within the token budget."""
        return max(MIN_SIDE, min(MAX_SIDE, isqrt(self.tokens * PIXELS_PER_TOKEN // max(1, count))))

    def describe(self) -> dict[str, Any]:
        """The settings as JSON; `read_vision` reads them again."""
        return asdict(self)


def read_vision(value: object, pointer: str = "/vision") -> tuple[Vision | None, list[Fault]]:
    """What an order says: true, false, nothing, or an object of settings; with every fault of it."""
    if value is None or value is False:
        return None, []
    if value is True:
        return Vision(), []
    if not isinstance(value, Mapping):
        return None, [Fault(pointer, "wrong_type", "Send true, false, or an object of settings.")]
    known = {**_BOUNDS, **_CHOICES}
    faults = [
        Fault(f"{pointer}/{name}", "unknown_field", f"There is {', '.join(known)}.")
        for name in value
        if name not in known
    ]
    for name, (least, most) in _BOUNDS.items():
        number = value.get(name, least)
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            faults.append(Fault(f"{pointer}/{name}", "out_of_range", f"Send a whole number from {least} to {most:,}."))
    for name, choices in _CHOICES.items():
        if value.get(name, choices[0]) not in choices:
            faults.append(Fault(f"{pointer}/{name}", "unknown_value", f"Send one of: {', '.join(choices)}."))
    return (None, faults) if faults else (Vision(**value), [])


def add_seeing_note(prompt: Prompt) -> Prompt:
    """The prompt of a job that shows pictures: its system message says where they stand."""
    return Prompt(f"{prompt.system_message}\n\n{_NOTE}", prompt.in_context)


def choose_images(image_ids: Sequence[str], present: Sequence[str], most: int) -> tuple[tuple[str, ...], str | None]:
    """The images to show, in the item's order, and the first id that is missed although it is needed.

    An item of at most `most` images needs all of them. One of more, a video, is sampled at even distances, first and
    last included, out of the frames that are there, and needs one of them.
    """
    there = set(present)
    if len(image_ids) <= most:
        missed = next((image_id for image_id in image_ids if image_id not in there), None)
        return (tuple(image_ids), None) if missed is None and image_ids else ((), missed or "")
    frames = [image_id for image_id in image_ids if image_id in there]
    if not frames:
        return (), image_ids[0]
    count = min(most, len(frames))
    if count == 1:
        return (frames[len(frames) // 2],), None
    return tuple(frames[place * (len(frames) - 1) // (count - 1)] for place in range(count)), None


def label_of(place: int) -> str:
    """`image a` for the first picture, …, `image z`, `image aa`."""
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return f"image {letters}"


def place_images(query: str, urls: Sequence[str], detail: Detail = "auto", note: str = "") -> bytes:
    """The user's content as JSON: text and pictures in turns, and at its end the lines that follow an annotation.

    Where the annotation has a line `image a:` and one for each further picture, in order, each picture stands after
    its line, so that the text about it follows it. Otherwise all pictures stand before the annotation, each after a
    label of its own.
    """
    text = frame_query(query, note)
    cuts = _find_labels(text, len(urls))
    parts: list[dict[str, Any]] = []
    if cuts is None:
        for place, url in enumerate(urls):
            parts += [_text(f"{label_of(place)}:"), _image(url, detail)]
        parts.append(_text(text))
        return orjson.dumps(parts)
    start = 0
    for cut, url in zip(cuts, urls, strict=True):
        parts += [_text(text[start:cut]), _image(url, detail)]
        start = cut
    parts.append(_text(text[start:]))
    return orjson.dumps(parts)


def _find_labels(text: str, count: int) -> list[int] | None:
    """Where the lines that label the pictures end; None unless there is one for each, in order."""
    cuts: list[int] = []
    for place in range(count):
        found = re.compile(rf"^{label_of(place)}:", re.MULTILINE | re.IGNORECASE).search(text, cuts[-1] if cuts else 0)
        if found is None:
            return None
        cuts.append(found.end())
    return cuts


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(url: str, detail: Detail) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": detail}}
