"""MIMIC-IT as Otter's loader reads it: instructions, train files, related ids and pictures that all resolve."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from app.certifying.manifest import compare_counts
from app.certifying.names import Hashes, NameSets, find_repeated, find_shared, find_strange
from app.certifying.pictures import PictureSet, check_pictures
from app.certifying.reading import iter_members, load_member
from app.certifying.review import ENGLISH, Review, are_texts, is_blank, keep_first, skip_first, texts_of

_META = '{"meta"'
_KEYS = {"instruction", "answer", "image_ids", "rel_ins_ids"}


@dataclass(slots=True)
class _Set:
    """The files of one language in one split, and the names in them."""

    instructions: str
    names: NameSets
    images: NameSets
    links: NameSets
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Strange:
    """Links of a file that lead out of its set."""

    file: str
    split: str | None
    links: Hashes


@dataclass(slots=True)
class _Found:
    counts: dict[str, int] = field(default_factory=dict)
    english: dict[str | None, _Set] = field(default_factory=dict)
    strange: list[_Strange] = field(default_factory=list)


def check_mimic_it(review: Review) -> None:
    """Every rule of the loader, over all files of the export."""
    found = _Found()
    with ExitStack() as stack:
        pictures = check_pictures(review, stack)
        for split in review.manifest.splits:
            for language in dict.fromkeys((ENGLISH, *review.manifest.languages)):
                _check_language(review, found, pictures, language, split, stack)
        _check_splits(review, found)
        _check_links(review, found)
    compare_counts(review, found.counts)


def _check_language(
    review: Review, found: _Found, pictures: PictureSet | None, language: str, split: str | None, stack: ExitStack
) -> None:
    instructions = review.manifest.find("instructions", language, split)
    if instructions is None:
        name = f"instructions in {language}" + (f" of {split}" if split else "")
        review.note("missing_file", name, "", "the export has no such file")
        return
    is_english = language == ENGLISH
    with ExitStack() as short:
        keep = stack if is_english else short
        names, images = keep.enter_context(NameSets()), keep.enter_context(NameSets())
        files = _Set(instructions.name, names, images, short.enter_context(NameSets()))
        _read_instructions(review, files)
        found.counts[language] = found.counts.get(language, 0) + files.rows
        found.strange.append(_Strange(files.instructions, split, find_strange(files.links, files.names)))
        _check_names(review, files.instructions, files.names)
        train = review.manifest.find("train", language, split)
        if train is None:
            review.note("missing_file", f"train file of {instructions.name}", "", "the export has no such file")
        else:
            found.strange.append(_Strange(train.name, split, _check_train(review, train.name, files, short)))
        if pictures is not None:
            _check_images(review, files, pictures)
        if is_english:
            found.english[split] = files
        elif split in found.english:
            _check_subset(review, files, found.english[split])


def _read_instructions(review: Review, files: _Set) -> None:
    name = files.instructions
    for place, member in iter_members(review.folder, name, _META, review.certificate):
        try:
            key, value = load_member(member)
        except ValueError as error:
            review.note("not_json", name, place, str(error))
            continue
        files.rows += 1
        files.names.add(key)
        if not isinstance(value, dict) or set(value) != _KEYS:
            review.note("wrong_fields", name, f"{place}, {key}", f"an entry has {', '.join(sorted(_KEYS))}, no more")
            continue
        _check_entry(review, files, f"{place}, {key}", key, value)
    review.count(name, files.rows)


def _check_entry(review: Review, files: _Set, place: str, key: str, value: dict[str, object]) -> None:
    name = files.instructions
    for side in ("instruction", "answer"):
        if is_blank(value[side]):
            review.note(f"blank_{side}", name, place, f"the {side} has no text")
    images, links = value["image_ids"], value["rel_ins_ids"]
    if not (are_texts(images) and isinstance(images, list)):
        review.note("wrong_image_ids", name, place, "image_ids is a list of ids")
    else:
        for image in images:
            files.images.add(image)
        if images and review.manifest.images == "none":
            review.note("unexpected_images", name, place, "the export was ordered without images")
    if not (are_texts(links) and isinstance(links, list)):
        review.note("wrong_rel_ins_ids", name, place, "rel_ins_ids is a list of ids")
        return
    review.certificate.links += len(links)
    if key in links:
        review.note("self_link", name, place, "the pair is related to itself")
    if len(set(links)) != len(links):
        review.note("repeated_link", name, place, "a related id is named twice")
    for link in links:
        files.links.add(link)


def _check_names(review: Review, name: str, names: NameSets) -> None:
    for place, key in skip_first(review.locate(find_repeated(names), lambda: _iter_names(review, name))):
        review.note("repeated_id", name, f"{place}, {key}", "the id occurs twice in this file")


def _check_train(review: Review, name: str, files: _Set, stack: ExitStack) -> Hashes:
    """{id: [related ids]}: ids of the instructions, none twice, none related to itself; the links that are not."""
    keys, links = stack.enter_context(NameSets()), stack.enter_context(NameSets())
    rows = 0
    for place, member in iter_members(review.folder, name, "{", review.certificate):
        try:
            key, related = load_member(member)
        except ValueError as error:
            review.note("not_json", name, place, str(error))
            continue
        rows += 1
        keys.add(key)
        if not (are_texts(related) and isinstance(related, list)):
            review.note("wrong_rel_ins_ids", name, f"{place}, {key}", "the value is a list of ids")
            continue
        review.certificate.links += len(related)
        if key in related:
            review.note("self_link", name, f"{place}, {key}", "the pair is related to itself")
        for link in related:
            links.add(link)
    review.count(name, rows)
    _check_names(review, name, keys)
    for place, key in review.locate(find_strange(keys, files.names), lambda: _iter_names(review, name)):
        review.note("unknown_train_id", name, f"{place}, {key}", f"{files.instructions} has no such id")
    return find_strange(links, files.names)


def _check_images(review: Review, files: _Set, pictures: PictureSet) -> None:
    missing = find_strange(files.images, pictures.names)
    for place, image in keep_first(review.locate(missing, lambda: _iter_images(review, files.instructions))):
        review.note("missing_image", files.instructions, place, f"there is no picture for {image}; upload it")


def _check_subset(review: Review, files: _Set, english: _Set) -> None:
    name = files.instructions
    for place, key in review.locate(find_strange(files.names, english.names), lambda: _iter_names(review, name)):
        review.note("not_in_english", name, f"{place}, {key}", f"{english.instructions} has no such id")


def _check_splits(review: Review, found: _Found) -> None:
    """No id and no image on two sides."""
    sides = list(found.english.values())
    for number, one in enumerate(sides):
        for other in sides[number + 1 :]:
            name = other.instructions
            shared = find_shared(one.names, other.names)
            for place, key in review.locate(shared, lambda name=name: _iter_names(review, name)):  # type: ignore[misc]
                review.note("id_in_two_splits", name, f"{place}, {key}", f"the id is in {one.instructions} too")
            shared = find_shared(one.images, other.images)
            for place, image in review.locate(shared, lambda name=name: _iter_images(review, name)):  # type: ignore[misc]
                review.note("image_in_two_splits", name, place, f"{image} is shown in {one.instructions} too")


def _check_links(review: Review, found: _Found) -> None:
    """Name each link that leads nowhere, or to another side."""
    for strange in found.strange:
        others = [side for split, side in found.english.items() if split != strange.split]
        for place, link in review.locate(strange.links, lambda strange=strange: _iter_links(review, strange.file)):  # type: ignore[misc]
            side = next((side.instructions for side in others if side.names.has(link)), None)
            if side is None:
                review.note("dangling_link", strange.file, place, f"{link} is linked to, but is not in this set")
            else:
                review.note("cross_split_link", strange.file, place, f"{link} is linked to, but is in {side}")


def _iter_names(review: Review, name: str) -> Iterator[tuple[str, str]]:
    for place, key, _ in _iter_again(review, name):
        yield place, key


def _iter_links(review: Review, name: str) -> Iterator[tuple[str, str]]:
    for place, key, value in _iter_again(review, name):
        links = value.get("rel_ins_ids") if isinstance(value, dict) else value
        yield from ((f"{place}, {key}", link) for link in texts_of(links))


def _iter_images(review: Review, name: str) -> Iterator[tuple[str, str]]:
    for place, key, value in _iter_again(review, name):
        images = value.get("image_ids") if isinstance(value, dict) else ()
        yield from ((f"{place}, {key}", image) for image in texts_of(images))


def _iter_again(review: Review, name: str) -> Iterator[tuple[str, str, object]]:
    """Name and value of each entry; what cannot be read was noted before."""
    opener = _META if any(file.name == name and file.role == "instructions" for file in review.manifest.files) else "{"
    for place, member in iter_members(review.folder, name, opener, type(review.certificate)()):
        try:
            key, value = load_member(member)
        except ValueError:
            continue
        yield place, key, value
