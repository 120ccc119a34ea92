"""One conversation: as many marks as images, roles that alternate, no empty turn."""

from dataclasses import dataclass
from itertools import pairwise

from app.certifying.pictures import check_data_url
from app.certifying.review import Review, are_texts, is_blank
from app.pipeline.export_schemas import MARKS

MARK = MARKS[0]


@dataclass(frozen=True, slots=True)
class Style:
    """How a format spells a conversation."""

    turns: str
    role: str
    text: str
    asks: str
    answers: str
    keys: tuple[frozenset[str], ...]


STYLES = {
    "llava": Style(
        "conversations",
        "from",
        "value",
        "human",
        "gpt",
        tuple(frozenset({"id", "conversations", *more}) for more in ((), ("image",), ("images",))),
    ),
    "sharegpt": Style("messages", "role", "content", "user", "assistant", (frozenset({"messages", "images"}),)),
    "openai": Style("messages", "role", "content", "user", "assistant", (frozenset({"messages"}),)),
}

Talk = dict[str, object]


def check_talk(review: Review, name: str, place: str, talk: Talk, style: Style) -> list[str]:
    """Note what is wrong with a conversation; the images it shows."""
    turns = talk[style.turns]
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        review.note("no_turns", name, place, "the conversation is a list of turns, and has some")
        return []
    if "id" in talk and is_blank(talk["id"]):
        review.note("blank_id", name, place, "the conversation has no id")
    _check_roles(review, name, place, [turn.get(style.role) for turn in turns], style)
    if review.manifest.format == "openai":
        return _check_parts(review, name, place, turns)
    images = _list_images(talk)
    if not are_texts(images):
        review.note("wrong_images", name, place, "images are names of files, or ids")
        return []
    if images and review.manifest.images == "none":
        review.note("unexpected_images", name, place, "the export was ordered without images")
    _check_texts(review, name, place, [turn.get(style.text) for turn in turns], len(images))
    return [str(image) for image in images]


def _check_roles(review: Review, name: str, place: str, roles: list[object], style: Style) -> None:
    unknown = [role for role in roles if role not in {style.asks, style.answers}]
    if unknown:
        review.note("unknown_role", name, place, f"{unknown[0]!r} is neither {style.asks} nor {style.answers}")
    elif roles[0] != style.asks:
        review.note("wrong_start", name, place, f"the conversation begins with {roles[0]}, not with {style.asks}")
    elif any(one == other for one, other in pairwise(roles)):
        review.note("roles_repeat", name, place, "two turns of the same role follow each other")
    elif roles[-1] != style.answers:
        review.note("no_answer", name, place, f"the conversation ends with {roles[-1]}, not with {style.answers}")


def _check_texts(review: Review, name: str, place: str, texts: list[object], images: int) -> None:
    for number, text in enumerate(texts):
        if is_blank(text) or is_blank(str(text).replace(MARK, "")):
            review.note("empty_turn", name, f"{place}, turn {number}", "the turn has no text")
    said = [str(text) for text in texts]
    marks = sum(text.count(MARK) for text in said)
    if marks != images:
        review.note("marks_differ", name, place, f"there are {marks} marks {MARK} for {images} images")
    elif marks != said[0].count(MARK):
        review.note("mark_not_first", name, place, f"a mark {MARK} stands outside the first turn")
    for mark in MARKS[1:]:
        if any(mark in text for text in said):
            review.note("strange_mark", name, place, f"{mark} would be taken for a medium that is not there")


def _check_parts(review: Review, name: str, place: str, turns: list[dict[str, object]]) -> list[str]:
    """The contents of OpenAI's messages: texts, or in the user's turns lists of texts and image URLs."""
    urls: list[str] = []
    for number, turn in enumerate(turns):
        content, spot = turn.get("content"), f"{place}, turn {number}"
        if isinstance(content, str):
            parts: list[object] = [{"type": "text", "text": content}]
        else:
            parts = content if isinstance(content, list) else []
        if not any(isinstance(part, dict) and not is_blank(part.get("text")) for part in parts):
            review.note("empty_turn", name, spot, "the turn has no text")
        for part in parts:
            url = _url_of(part)
            if url is None:
                continue
            urls.append(url)
            if turn.get("role") != "user":
                review.note("image_in_answer", name, spot, "only the user's turns may hold images")
    _check_urls(review, name, place, urls)
    return [] if review.manifest.images == "base64" else urls


def _check_urls(review: Review, name: str, place: str, urls: list[str]) -> None:
    if urls and review.manifest.images == "none":
        review.note("unexpected_images", name, place, "the export was ordered without images")
    for url in urls:
        if review.manifest.images != "base64":
            fault, code = ("an image has no id" if not url.strip() else None), "wrong_images"
        elif url.startswith("data:"):
            fault, code = check_data_url(url), "not_a_picture"
            review.certificate.images += 1
        else:
            fault, code = f"there is no picture for {url}; upload it", "missing_image"
        if fault:
            review.note(code, name, place, fault)


def _url_of(part: object) -> str | None:
    """The URL of an image part, which may be empty; None for a text."""
    if not isinstance(part, dict) or part.get("type") != "image_url":
        return None
    inner = part.get("image_url")
    return str(inner.get("url") or "") if isinstance(inner, dict) else ""


def name_images(talk: Talk) -> list[str]:
    """The images that a conversation shows, as far as they are texts."""
    urls = []
    messages = talk.get("messages")
    for turn in messages if isinstance(messages, list) else ():
        content = turn.get("content") if isinstance(turn, dict) else None
        urls += [url for part in (content if isinstance(content, list) else ()) if (url := _url_of(part))]
    return urls + [image for image in _list_images(talk) if isinstance(image, str)]


def _list_images(talk: Talk) -> list[object]:
    if "image" in talk:
        return [talk["image"]]
    images = talk.get("images", [])
    return images if isinstance(images, list) else [images]
