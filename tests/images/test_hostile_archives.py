"""Archives of an enemy: names that lead out, links, bombs, lies about sizes; the good pictures in them are taken."""

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import httpx2
import pytest

from app.services.archives.entries import ArchiveCaps, BrokenArchiveError, Entry, EntryError, Tally
from app.services.archives.tars import read_tar
from app.services.archives.zips import read_zip
from app.settings import Settings
from tests.images.archives import make_tar, make_zip, pair_files, tar_of_links, zip_with_link
from tests.images.conftest import MakeDataset
from tests.images.test_uploads import FILES, image_ids, upload

CAPS = ArchiveCaps(entries=1000, total_bytes=50_000_000, ratio=100)
BAD_NAMES = [
    "../1.png",
    "a/../../1.png",
    "/etc/1.png",
    "C:/1.png",
    "..\\1.png",
    "\\\\host\\1.png",
    "a\nb.png",
    "x" * 2000 + ".png",
    "..",
]


def walk(data: bytes, caps: ArchiveCaps = CAPS) -> list[tuple[Entry, bytes | EntryError]]:
    """Every entry with its bytes or why it has none."""
    file, tally = io.BytesIO(data), Tally(caps, len(data))
    is_zip = data.startswith(b"PK")
    entries = read_zip(file, len(data), tally, caps.ratio) if is_zip else read_tar(file, len(data), tally)
    found: list[tuple[Entry, bytes | EntryError]] = []
    for entry in entries:
        try:
            found.append((entry, entry.error or b"".join(entry.chunks)))
        except EntryError as error:
            found.append((entry, error))
    return found


def codes(data: bytes, caps: ArchiveCaps = CAPS) -> list[str]:
    return [outcome.code if isinstance(outcome, EntryError) else "taken" for _, outcome in walk(data, caps)]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("make", [make_zip, make_tar])
async def test_names_that_lead_out_are_refused_and_the_rest_is_taken(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, settings: Settings, name: str, make: object
) -> None:
    assert callable(make)
    before = {path for path in settings.home.rglob("*") if "blobs" not in path.parts}
    dataset = await make_dataset()
    report = await upload(client, dataset, make({name: FILES["2.png"], "1.png": FILES["1.png"]}))
    assert await image_ids(client, dataset) == ["SD_IMG_00001_1"]
    assert [refusal["code"] for refusal in report["refused"]] == ["unsafe_name"]
    after = {path for path in settings.home.rglob("*") if "blobs" not in path.parts}
    assert {path.name for path in after - before} <= {"incoming"}


@pytest.mark.parametrize(("data", "refused"), [(tar_of_links(), 3), (zip_with_link(), 1)], ids=["tar", "zip"])
async def test_links_and_devices_are_refused(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, data: bytes, refused: int
) -> None:
    dataset = await make_dataset()
    report = await upload(client, dataset, data)
    assert [refusal["code"] for refusal in report["refused"]] == ["not_a_file"] * refused
    assert await image_ids(client, dataset) == ["SD_IMG_00001_1"]


async def test_an_archive_that_is_cut_off_keeps_what_came_before(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, incoming: Path
) -> None:
    dataset = await make_dataset()
    tar = make_tar(FILES)
    problem = await upload(client, dataset, tar[: len(tar) // 2 - 6000], status=422)
    assert problem["code"] == "invalid_upload"
    stored = problem["report"]["counts"]["stored"]
    assert 0 < stored < 4
    assert len(await image_ids(client, dataset)) == stored
    report = await upload(client, dataset, tar)
    assert (report["counts"]["stored"], report["counts"]["already_there"]) == (4 - stored, stored)
    assert list(incoming.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (make_zip({f"{n}.png": b"x" for n in range(501)}), 413, "too_many_entries"),
        (make_tar({f"{n}.png": b"x" for n in range(501)}), 413, "too_many_entries"),
        (make_tar({"1.png": bytes(15_000_000)}, "w:gz"), 413, "gzip_bomb"),
        (make_zip({f"{n}.png": bytes(1_500_000) for n in range(20)}), 413, "archive_bomb"),
        (make_zip(FILES)[:-60], 422, "invalid_upload"),
        (b"PK\x05\x06" + bytes(18), 422, "invalid_upload"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(100), 422, "invalid_upload"),
        (b"PAR1" + bytes(100) + b"PAR1", 422, "invalid_upload"),
        (b'{"a": {"b": 1}}', 422, "invalid_upload"),
        (b'{"a": "aGk=", "b"', 422, "invalid_upload"),
        (b'{"a" "aGk="}', 422, "invalid_upload"),
        (b"{}", 422, "invalid_upload"),
    ],
    ids=[
        *("entries", "tarentries", "gzipbomb", "zipbomb", "torn", "empty", "rar", "parquet"),
        *("nested", "torn-json", "no-colon", "nothing"),
    ],
)
async def test_what_cannot_be_read_says_why_and_leaves_no_file(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, incoming: Path, data: bytes, status: int, code: str
) -> None:
    problem = await upload(client, await make_dataset(), data, status=status)
    assert problem["code"] == code
    assert problem["errors"] or code == "gzip_bomb"
    assert list(incoming.iterdir()) == []


def test_an_archive_that_unpacks_to_much_more_than_its_size_ends_there() -> None:
    with pytest.raises(BrokenArchiveError, match="unpacks to more than"):
        walk(make_zip({"bomb.png": bytes(20_000_000), "1.png": FILES["1.png"]}))
    assert codes(make_zip({"flat.bmp": bytes(3_000_000)})) == ["taken"]  # small enough to be a flat picture


def test_an_archive_of_good_size_with_one_bomb_in_it_gives_the_rest() -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("pad.bin", bytes(1_000_000), zipfile.ZIP_STORED)
        archive.writestr("bomb.png", bytes(9_000_000), zipfile.ZIP_DEFLATED)
        archive.writestr("1.png", FILES["1.png"], zipfile.ZIP_DEFLATED)
    assert codes(output.getvalue()) == ["taken", "entry_bomb", "taken"]


def test_sizes_and_sums_that_lie_are_found_out() -> None:
    data = bytearray(make_zip({"1.png": FILES["1.png"], "2.png": FILES["2.png"]}))
    place = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, place + 16, 0)  # the sum of the second
    assert codes(bytes(data)) == ["taken", "corrupt"]
    struct.pack_into("<I", data, place + 42, 7)  # where it is
    assert codes(bytes(data)) == ["taken", "corrupt"]
    struct.pack_into("<H", data, place + 10, 99)  # how it is packed
    assert codes(bytes(data)) == ["taken", "unsupported_method"]
    struct.pack_into("<H", data, place + 8, 1)  # that it is encrypted
    assert codes(bytes(data)) == ["taken", "encrypted"]


def test_a_zip_of_the_large_form_is_read() -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("1.png", "w", force_zip64=True) as entry:
            entry.write(FILES["1.png"])
        archive.comment = b"PK\x05\x07 a comment"
    assert [outcome for _, outcome in walk(output.getvalue())] == [FILES["1.png"]]


def test_a_directory_that_overlaps_itself_cannot_unpack_without_end() -> None:
    """All entries share one stream of bytes, as in zips that unpack to terabytes."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = stream.compress(bytes(3_000_000)) + stream.flush()
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0, zlib.crc32(bytes(3_000_000)), 0, 0, 1, 0) + b"a"
    one = struct.pack(
        *("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, zlib.crc32(bytes(3_000_000)), len(packed)),
        *(3_000_000, 1, 0, 0, 0, 0, 0, 0),
    )
    directory = (one + b"a") * 300
    place = len(local) + len(packed)
    data = (
        local + packed + directory + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 300, 300, len(directory), place, 0)
    )
    with pytest.raises(BrokenArchiveError, match="unpacks to more than"):
        walk(data)


def test_tar_names_without_end_and_broken_headers_are_refused() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 10**9
    with pytest.raises(BrokenArchiveError, match="name without end"):
        walk(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    data = bytearray(make_tar(pair_files(1)))
    data[0] ^= 1
    with pytest.raises(BrokenArchiveError, match="broken"):
        walk(bytes(data))


def test_a_sparse_tar_is_refused() -> None:
    info = tarfile.TarInfo("1.png")
    info.type = tarfile.GNUTYPE_SPARSE
    assert codes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)) == ["not_a_file"]
