"""The desk: every kind of pixel comes out right, every hostile file is refused with a code, and the desk goes on."""

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.pictures.desk import PictureDesk
from app.pictures.values import PictureError, PictureLimits
from app.pipeline.image_features import read_features
from tests.pictures.files import decode, encode, huge_png, scene

REAL = {
    "astronaut.png": (512, 512),
    "camera.png": (512, 512),
    "chelsea.png": (451, 300),
    "clock_motion.png": (400, 300),
    "coffee.png": (600, 400),
    "coins.png": (384, 303),
    "horse.png": (400, 328),
    "hubble_deep_field.jpg": (1000, 872),
    "retina.jpg": (1411, 1411),
    "rocket.jpg": (640, 427),
}


@pytest.mark.parametrize("name", sorted(REAL))
async def test_real_photographs_keep_their_pixels_and_become_squares(
    desk: PictureDesk, shared_data: Callable[[str], Path], name: str
) -> None:
    data = shared_data(f"images/{name}").read_bytes()
    picture = await desk.inspect(data)
    assert (picture.width, picture.height) == REAL[name]
    assert np.array_equal(np.asarray(decode(picture.data)), np.asarray(decode(data)))
    square = decode(await desk.square_png(data))
    assert (square.format, square.mode, square.size) == ("PNG", "RGB", (224, 224))
    small = decode(await desk.shrink(data, 128))
    assert (small.format, max(small.size)) == ("JPEG", 128)


@pytest.mark.parametrize(
    ("image", "format_name"),
    [
        (scene().convert("1"), "PNG"),
        (scene().convert("L"), "PNG"),
        (scene().convert("LA"), "PNG"),
        (scene().convert("P"), "PNG"),
        (scene().convert("RGBA"), "PNG"),
        (Image.fromarray(np.asarray(scene().convert("L")).astype(np.uint16) * 257), "PNG"),
        (scene().convert("L"), "JPEG"),
        (scene().convert("CMYK"), "JPEG"),
        (scene(), "WEBP"),
        (scene().convert("P"), "GIF"),
        (scene(), "BMP"),
        (scene(), "TIFF"),
        (scene().convert("CMYK"), "TIFF"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.mode,
)
async def test_every_kind_of_pixel_looks_like_the_scene(
    desk: PictureDesk, image: Image.Image, format_name: str
) -> None:
    picture = await desk.inspect(encode(image, format_name))
    kept = decode(picture.data)
    assert kept.format in {"PNG", "JPEG", "WEBP"}
    assert f"image/{(kept.format or '').lower()}" == picture.media_type
    seen = np.asarray(decode(await desk.square_png(picture.data)), dtype=float)
    grey = Image.fromarray((np.asarray(image) // 257).astype(np.uint8)) if image.mode == "I;16" else image.convert("L")
    expected = np.asarray(grey.resize((224, 224), Image.Resampling.BICUBIC), dtype=float)
    tolerance = 60 if image.mode in {"1", "P"} else 30  # those dither
    assert np.abs(seen @ [0.299, 0.587, 0.114] - expected).mean() < tolerance


async def test_transparent_pixels_lie_on_white(desk: PictureDesk) -> None:
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    square = decode(await desk.square_png(encode(clear)))
    assert square.getpixel((100, 100)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
async def test_a_picture_is_turned_as_its_camera_was(desk: PictureDesk, orientation: int, format_name: str) -> None:
    image = Image.new("RGB", (60, 40), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 30, 20))  # the upper left quarter, as stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = await desk.inspect(encode(image, format_name, exif=exif))
    assert (picture.width, picture.height) == ((60, 40) if orientation < 5 else (40, 60))
    bright = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}[orientation]
    for data in (picture.data, encode(image, format_name, exif=exif)):
        square = np.asarray(decode(await desk.square_png(data)).convert("L"))
        corners = {(x, y): int(square[10 + 200 * y, 10 + 200 * x]) for x in (0, 1) for y in (0, 1)}
        assert max(corners, key=corners.__getitem__) == bright


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
async def test_metadata_and_what_hides_behind_the_picture_are_gone(desk: PictureDesk, format_name: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret garden"
    if format_name != "TIFF":
        exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0)}
    data = encode(scene(), format_name, exif=exif) + b"PK\x03\x04 a secret archive"
    kept = (await desk.inspect(data)).data
    assert b"secret" in data
    assert b"secret" not in kept
    assert dict(decode(kept).getexif()) == {}
    assert np.array_equal(np.asarray(decode(kept)), np.asarray(decode(data)))


async def test_comments_of_a_jpeg_are_gone_and_its_colour_profile_stays(desk: PictureDesk) -> None:
    data = encode(scene(), "JPEG", comment=b"secret", icc_profile=b"p" * 200, progressive=True)
    kept = decode((await desk.inspect(data)).data)
    assert "comment" not in kept.info
    assert kept.info["icc_profile"] == b"p" * 200


async def test_of_an_animation_the_first_frame_is_kept(desk: PictureDesk) -> None:
    frames = [scene(seed=number) for number in range(30)]
    for format_name in ("GIF", "WEBP", "PNG"):
        data = encode(frames[0], format_name, save_all=True, append_images=frames[1:], duration=40)
        picture = await desk.inspect(data)
        assert picture.media_type == "image/png"
        assert getattr(decode(picture.data), "n_frames", 1) == 1
        first = np.asarray(decode(picture.data).convert("RGB"), dtype=float)
        assert np.abs(first - np.asarray(frames[0], dtype=float)).mean() < 25


def _tiff_bomb() -> bytes:
    head = struct.pack("<2sHIH", b"II", 42, 8, 5)
    tags = [(256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 1, 8), (259, 3, 1, 1), (273, 4, 1, 8)]
    return head + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)


def _gif_bomb() -> bytes:
    size = struct.pack("<HH", 60_000, 60_000)
    return b"GIF89a" + size + bytes(3) + b"," + bytes(4) + size + b"\0" + b"\2\2\x44\1\0" + b";"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (huge_png(), "too_many_pixels"),
        (encode(Image.new("1", (5001, 5001)), "PNG"), "too_many_pixels"),
        (encode(Image.new("P", (5001, 5001)), "GIF"), "too_many_pixels"),
        (_tiff_bomb(), "too_many_pixels"),
        (_gif_bomb(), "too_many_pixels"),
        (encode(scene(300, 200), "PNG")[:-2000], "truncated"),
        (encode(scene(300, 200), "JPEG")[:-2000], "truncated"),
        (encode(scene(300, 200), "WEBP")[:-500], "undecodable"),
        (b"", "unknown_format"),
        (b"hello", "unknown_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "unknown_format"),
        (encode(scene(), "ICO"), "unknown_format"),
        (encode(scene(), "PPM"), "unknown_format"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "unknown_format"),
        (encode(Image.fromarray(np.ones((4, 4), dtype=np.float32)), "TIFF"), "unsupported_pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[:6]!r}-{len(value)}",
)
async def test_what_is_not_taken_has_a_code(desk: PictureDesk, data: bytes, code: str) -> None:
    with pytest.raises(PictureError) as refused:
        await desk.inspect(data)
    assert refused.value.code == code


async def test_more_bytes_than_allowed_are_refused_before_they_are_read() -> None:
    desk = PictureDesk(PictureLimits(picture_bytes=1000))
    with pytest.raises(PictureError) as refused:
        await desk.inspect(bytes(1001))
    assert refused.value.code == "too_many_bytes"
    await desk.close()


async def test_the_same_picture_gives_the_same_bytes_in_any_process(desk: PictureDesk) -> None:
    data = encode(scene(300, 200))
    other = PictureDesk(PictureLimits(processes=1))
    for task in (PictureDesk.square_png, lambda desk, data: desk.shrink(data, 100), PictureDesk.inspect):
        assert await task(desk, data) == await task(other, data)
    await other.close()


async def test_a_clerk_that_dies_or_takes_too_long_is_replaced(tmp_path: Path) -> None:
    desk = PictureDesk(PictureLimits(processes=1))
    data = encode(scene())
    await desk.inspect(data)
    child, _ = desk._idle[0]
    child._process.kill()
    assert (await desk.inspect(data)).width == 60
    hurried = PictureDesk(PictureLimits(processes=1, cpu_s=0))  # no time at all: the kernel ends it
    with pytest.raises(PictureError) as refused:
        await asyncio.wait_for(hurried.inspect(encode(scene(4900, 4900), "WEBP", quality=80)), 60)
    assert refused.value.code == "too_costly"
    await desk.close()
    await hurried.close()


async def test_a_picture_that_needs_more_memory_than_allowed_is_refused() -> None:
    desk = PictureDesk(PictureLimits(processes=1, memory_bytes=256 * 2**20))
    with pytest.raises(PictureError) as refused:
        await desk.inspect(encode(Image.new("RGB", (4900, 4900)), "PNG"))
    assert refused.value.code in {"too_costly", "undecodable"}
    assert (await desk.inspect(encode(scene()))).width == 60
    await desk.close()


async def test_many_at_once_share_few_processes_and_a_caller_may_leave(desk: PictureDesk) -> None:
    data = encode(scene(400, 300))
    waiting = [asyncio.ensure_future(desk.inspect(data)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[3].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 19
    assert len(desk._idle) <= desk.limits.processes


async def test_a_clerk_knows_nothing_of_its_surroundings(desk: PictureDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    alone = PictureDesk(PictureLimits(processes=1))
    await alone.inspect(encode(scene()))
    child, _ = alone._idle[0]
    environment = Path(f"/proc/{child._process.pid}/environ")
    if environment.exists():
        assert b"secret" not in environment.read_bytes()
    await alone.close()


async def test_the_feature_sees_through_size_and_compression(desk: PictureDesk) -> None:
    pictures = [scene(300, 200, seed) for seed in range(8)]
    first = [(await desk.inspect(encode(picture))).feature for picture in pictures]
    again = [
        (await desk.inspect(encode(picture.resize((140, 90)), "JPEG", quality=60))).feature for picture in pictures
    ]
    cosines = read_features(first) @ read_features(again).T
    assert (cosines.argmax(axis=1) == np.arange(8)).all()
    assert np.diag(cosines).min() > 0.95
