"""Temporary files: gone whatever happens, and swept when their process died."""

import os
from pathlib import Path

import pytest

from app.errors import InvalidUploadError, TooLargeError
from app.services.uploads import Caps, Spool, sweep_incoming
from tests.datasets_api.files import list_leftovers, pack

CAPS = Caps(10_000_000, 100)
BODY = b'{"id": "1", "sentences": "a"}\n' * 1000


def age(path: Path) -> None:
    os.utime(path, (1, 1))


def test_a_spool_holds_the_content_and_removes_it(tmp_path: Path) -> None:
    with Spool(tmp_path, CAPS) as spool:
        spool.feed(BODY[:1])
        spool.feed(BODY[1:])
        spool.finish()
        assert spool.path.read_bytes() == BODY
        assert spool.bytes == len(BODY)
        assert spool.path.stat().st_mode & 0o777 == 0o600
    assert list_leftovers(tmp_path) == []


def test_gzip_that_arrives_byte_by_byte_is_unpacked(tmp_path: Path) -> None:
    packed = pack(BODY) + pack(BODY)
    with Spool(tmp_path, CAPS) as spool:
        for byte in packed:
            spool.feed(bytes([byte]))
        spool.finish()
        assert spool.path.read_bytes() == BODY * 2


def test_a_body_of_one_byte_is_kept(tmp_path: Path) -> None:
    with Spool(tmp_path, CAPS) as spool:
        spool.feed(b"\x1f")
        spool.finish()
        assert spool.path.read_bytes() == b"\x1f"


def test_a_refused_spool_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError), Spool(tmp_path, Caps(100, 100)) as spool:
        spool.feed(BODY)
    with pytest.raises(InvalidUploadError), Spool(tmp_path, CAPS, is_encoded=True) as spool:
        spool.feed(BODY)
    assert list_leftovers(tmp_path) == []


def test_the_files_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path: Path) -> None:
    orphan = tmp_path / "upload-1-dead"
    orphan.write_bytes(b"half")
    fresh = tmp_path / "upload-1-newborn"
    fresh.write_bytes(b"")
    age(orphan)
    with Spool(tmp_path, CAPS) as spool:
        age(spool.path)
        assert sweep_incoming(tmp_path) == 1
        assert sorted(list_leftovers(tmp_path)) == sorted([fresh, spool.path])
    assert sweep_incoming(tmp_path / "missing") == 0
