"""Certificates find what would stop a reader of the files."""

import pytest

from app.services import certificates
from app.services.certificates import (
    Certificate,
    FileCheck,
    LineReader,
    NameSets,
    check_subset,
    read_instruction_line,
    read_pair_line,
    read_train_line,
)


def instructions(**links: list[str]) -> bytes:
    """An instructions file with these ids and their related ids."""
    lines = [
        f'"{name}":{{"instruction":"Q","answer":"A","image_ids":[],"rel_ins_ids":{related}}}'.replace("'", '"')
        for name, related in links.items()
    ]
    return b'{"meta":{},"data":{\n' + "\n,".join(lines).encode() + b"\n}}\n"


def check(content: bytes, reader: LineReader = read_instruction_line, block: int = 7) -> Certificate:
    certificate = Certificate()
    with NameSets() as names, FileCheck(certificate, "file", reader, names) as file:
        for start in range(0, len(content), block):
            file.feed(content[start : start + block])
        file.finish()
    return certificate


def test_a_sound_file_is_valid_and_counted() -> None:
    certificate = check(instructions(a=["b"], b=["a", "c"], c=[]))
    assert certificate.is_valid
    assert (certificate.entries, certificate.links) == ({"file": 3}, 3)
    assert certificate.describe()["valid"] is True


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (instructions(a=["x"]), "dangling_ids"),
        (instructions(a=["a"]), "self_links"),
        (instructions(a=[]).replace(b"\n}}", b"\n," + b'"a":{"instruction":"Q"}\n}}'), "unreadable_lines"),
        (instructions(a=[]).replace(b'"A"', b'""'), "unreadable_lines"),
        (instructions(a=[], b=[]).replace(b"\n,", b"\n"), "unreadable_lines"),
        (instructions(a=[], b=[]).replace(b'"b":', b'"a":'), "repeated_ids"),
        (b'{"meta":{},"data":{\nnonsense\n}}\n', "unreadable_lines"),
    ],
)
def test_each_fault_is_counted_as_what_it_is(content: bytes, fault: str) -> None:
    certificate = check(content)
    assert not certificate.is_valid
    assert certificate.describe()[fault] == 1
    assert certificate.problems


def test_a_train_file_may_name_only_what_the_instructions_name() -> None:
    certificate = Certificate()
    with NameSets() as names:
        with FileCheck(certificate, "instructions", read_instruction_line, names) as file:
            file.feed(instructions(a=[], b=[]))
            file.finish()
        with FileCheck(certificate, "train", read_train_line, names) as file:
            file.feed(b'{\n"a":["b"]\n,"x":["a"]\n}\n')
            file.finish()
    assert certificate.dangling_ids == 1
    assert certificate.entries == {"instructions": 2, "train": 2}


def test_a_language_may_not_have_ids_that_english_lacks() -> None:
    certificate = Certificate()
    with NameSets() as english, NameSets() as french:
        for name in ("a", "b"):
            english.add(name)
        for name in ("b", "c"):
            french.add(name)
        check_subset(certificate, "french", french, english)
    assert certificate.foreign_ids == 1


def test_a_translation_must_name_an_english_pair_that_is_there() -> None:
    line = b'{"id":"%s","translation_of":%s,"related_pair_ids":[]}\n'
    sound = line % (b"a", b"null") + line % (b"b", b'"a"')
    assert check(sound, read_pair_line).is_valid
    assert check(line % (b"b", b'"a"'), read_pair_line).dangling_ids == 1


def test_more_names_than_are_held_in_memory_are_checked_all_the_same() -> None:
    count = certificates.BUCKETS * certificates.BUCKET_ROOM + 1000
    certificate = Certificate()
    with NameSets() as names, FileCheck(certificate, "train", read_train_line, names) as file:
        for number in range(count):
            names.add(f"n{number}")
        file.feed(b"{\n")
        lines = (b'%b"n%d":["n%d"]\n' % (b"," if n else b"", n, (n + 1) % (count + 1)) for n in range(count))
        file.feed(b"".join(lines))
        file.finish()
    assert certificate.entries["train"] == count
    assert (certificate.dangling_ids, certificate.repeated_ids) == (1, 0)
