"""Conversations as trainers read them: as many marks as images, roles that alternate, no empty turn."""

from collections.abc import Iterator
from contextlib import ExitStack

import orjson

from app.certifying.certificate import Certificate
from app.certifying.names import NameSets, find_repeated, find_shared, find_strange
from app.certifying.pictures import PictureSet, check_pictures
from app.certifying.reading import iter_lines, iter_members
from app.certifying.review import ListedFile, Review, keep_first, skip_first
from app.certifying.talks import STYLES, Style, check_talk, name_images


def check_conversations(review: Review) -> None:
    """Every rule, over all files of the export."""
    style = STYLES[review.manifest.format]
    total = 0
    with ExitStack() as stack:
        pictures = check_pictures(review, stack)
        sides: list[tuple[list[str], NameSets]] = []
        for split in review.manifest.splits:
            shown = stack.enter_context(NameSets())
            files = review.manifest.list_role("conversations", split)
            for file in files:
                total += _check_file(review, file, style, pictures, shown)
            sides.append(([file.name for file in files], shown))
        _check_splits(review, sides)
    if review.manifest.format == "sharegpt":
        _check_info(review)
    said = review.manifest.counts.get("conversations")
    if said != total:
        message = f"the manifest says {said} conversations, the files have {total:,}"
        review.note("wrong_count", "manifest.json", "counts of conversations", message)


def _check_file(review: Review, file: ListedFile, style: Style, pictures: PictureSet | None, shown: NameSets) -> int:
    rows = 0
    with NameSets() as names, NameSets() as images:
        for place, talk in _iter_talks(review, file.name, review.certificate):
            rows += 1
            if not isinstance(talk, dict) or frozenset(talk) not in style.keys:
                keys = " or ".join(", ".join(sorted(keys)) for keys in style.keys)
                review.note("wrong_fields", file.name, place, f"a conversation has {keys}")
                continue
            if "id" in talk:
                names.add(str(talk["id"]))
            for image in check_talk(review, file.name, place, talk, style):
                images.add(image)
                shown.add(image)
        review.count(file.name, rows)
        _check_names(review, file.name, names)
        if pictures is not None:
            strange = find_strange(images, pictures.names)
            for place, image in keep_first(review.locate(strange, lambda: _iter_images(review, file.name))):
                review.note("missing_image", file.name, place, f"there is no picture for {image}; upload it")
    return rows


def _check_names(review: Review, name: str, names: NameSets) -> None:
    for place, key in skip_first(review.locate(find_repeated(names), lambda: _iter_ids(review, name))):
        review.note("repeated_id", name, f"{place}, {key}", "the id occurs twice in this file")


def _check_splits(review: Review, sides: list[tuple[list[str], NameSets]]) -> None:
    for number, (_, one) in enumerate(sides):
        for names, other in sides[number + 1 :]:
            shared = find_shared(one, other)
            for name in names if shared else ():
                for place, image in review.locate(shared, lambda name=name: _iter_images(review, name)):  # type: ignore[misc]
                    review.note("image_in_two_splits", name, place, f"{image} is shown on another side too")


def _check_info(review: Review) -> None:
    """dataset_info.json describes each file of conversations, as LLaMA-Factory looks it up."""
    name = "dataset_info.json"
    try:
        with review.folder.open(name) as stream:
            info = orjson.loads(stream.read())
        described = {entry["file_name"] for entry in info.values()}
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError) as error:
        review.note("wrong_dataset_info", name, "", f"it cannot be read: {type(error).__name__}: {error}")
        return
    review.count(name, len(described))
    listed = {file.name for file in review.manifest.list_role("conversations")}
    if described != listed:
        strange = ", ".join(sorted(described ^ listed))
        review.note("wrong_dataset_info", name, "", f"these are not in both: {strange}")


def _iter_ids(review: Review, name: str) -> Iterator[tuple[str, str]]:
    for place, talk in _iter_talks(review, name, Certificate()):
        if isinstance(talk, dict) and "id" in talk:
            yield place, str(talk["id"])


def _iter_images(review: Review, name: str) -> Iterator[tuple[str, str]]:
    for place, talk in _iter_talks(review, name, Certificate()):
        if isinstance(talk, dict):
            yield from ((place, image) for image in name_images(talk))


def _iter_talks(review: Review, name: str, certificate: Certificate) -> Iterator[tuple[str, object]]:
    for place, text in _iter_texts(review, name, certificate):
        try:
            yield place, orjson.loads(text)
        except ValueError as error:
            certificate.note("not_json", name, place, str(error))


def _iter_texts(review: Review, name: str, certificate: Certificate) -> Iterator[tuple[str, bytes]]:
    if review.manifest.format != "openai":
        yield from iter_members(review.folder, name, "[", certificate)
        return
    with review.folder.open(name) as stream:
        for number, line in enumerate(iter_lines(stream), 1):
            yield f"line {number}", line
