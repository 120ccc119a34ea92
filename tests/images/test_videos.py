"""Videos cut to frames: the right ones, with the ids of their kind; and items that find their pictures by prefix."""

import struct
import tempfile
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import av
import httpx2
import numpy as np
import pytest

from app.pictures.desk import PictureDesk
from app.pictures.sniffing import HEAD_BYTES, sniff
from app.pictures.values import CutEnd, CutPlan, Frame, PictureError
from tests.images.archives import make_tar, make_zip
from tests.images.conftest import MakeDataset
from tests.images.test_uploads import image_ids, upload
from tests.pictures.files import decode, encode, scene

BUNNY = "videos/bigbuckbunny.mp4"


def make_video(
    seconds: int = 3, fps: int = 10, *, format_name: str = "mp4", codec: str = "mpeg4", pixels: str = "yuv420p"
) -> bytes:
    """A video whose brightness grows from second to second."""
    options = {"movflags": "faststart"} if format_name == "mp4" else {}
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=format_name, options=options) as container:
            stream: Any = container.add_stream(codec, rate=fps)
            stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
            for number in range(seconds * fps):
                level = 20 + 25 * (number // fps)
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, dtype=np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return Path(file.name).read_bytes()


async def cut(desk: PictureDesk, path: Path, plan: CutPlan) -> tuple[list[Frame], CutEnd | None]:
    frames: list[Frame] = []
    async with aclosing(desk.cut(path, sniff(path.read_bytes()[:HEAD_BYTES]).demuxer or "", plan)) as items:
        async for item in items:
            if isinstance(item, CutEnd):
                return frames, item
            frames.append(item)
    return frames, None


async def test_a_real_video_gives_a_frame_for_each_second_and_as_many_as_asked_for(
    desk: PictureDesk, shared_data: Callable[[str], Path]
) -> None:
    path = shared_data(BUNNY)
    frames, end = await cut(desk, path, CutPlan())
    assert [(frame.number, frame.seconds) for frame in frames] == [(n, float(n)) for n in range(6)]
    assert end == CutEnd(5.28, 5.28, 0, is_cut_off=False, is_capped=False)
    first = frames[0].picture
    assert first is not None
    assert (first.media_type, first.width, first.height) == ("image/jpeg", 1280, 720)
    every, _ = await cut(desk, path, CutPlan(fps=25))
    assert len(every) == 132
    eight, _ = await cut(desk, path, CutPlan(frames=8))
    assert [round(frame.seconds, 2) for frame in eight] == [0.32, 0.96, 1.64, 2.28, 2.96, 3.6, 4.28, 4.92]
    assert (await cut(desk, path, CutPlan(frames=1)))[0][0].seconds == pytest.approx(2.64)
    again, _ = await cut(desk, path, CutPlan(frames=8))
    assert again == eight


@pytest.mark.parametrize(
    ("format_name", "codec", "pixels"),
    [
        ("mp4", "mpeg4", "yuv420p"),
        ("webm", "libvpx", "yuv420p"),
        ("matroska", "ffv1", "gray"),
        ("avi", "mjpeg", "yuvj420p"),
        ("mpegts", "mpeg2video", "yuv420p"),
        ("flv", "flv", "yuv420p"),
    ],
)
async def test_each_frame_is_the_one_that_is_seen_at_its_second(
    desk: PictureDesk, tmp_path: Path, format_name: str, codec: str, pixels: str
) -> None:
    path = tmp_path / "v"
    fps = 25 if codec == "mpeg2video" else 10
    path.write_bytes(make_video(3, fps, format_name=format_name, codec=codec, pixels=pixels))
    frames, end = await cut(desk, path, CutPlan())
    assert end is not None
    assert (len(frames), end.decode_errors) == (3, 0)
    levels = [np.asarray(decode(frame.picture.data)).mean() for frame in frames if frame.picture is not None]
    assert np.allclose(levels, [20, 45, 70], atol=8)


async def test_a_video_is_turned_as_its_camera_was(desk: PictureDesk, tmp_path: Path) -> None:
    path = tmp_path / "v"
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        pixels = np.zeros((48, 64, 3), dtype=np.uint8)
        pixels[:, :32] = 200  # the left half, which a quarter turn clockwise puts on top
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    struct.pack_into(">iiiii", data, data.find(b"tkhd") + 44, 0, 1 << 16, 0, -(1 << 16), 0)
    path.write_bytes(data)
    frames, _ = await cut(desk, path, CutPlan())
    picture = frames[0].picture
    assert picture is not None
    assert (picture.width, picture.height) == (48, 64)
    levels = np.asarray(decode(picture.data)).mean(axis=(1, 2))
    assert levels[:24].mean() > 150 > 50 > levels[-24:].mean()


async def test_a_video_that_is_cut_off_gives_what_is_there_and_says_so(desk: PictureDesk, tmp_path: Path) -> None:
    whole = make_video(8)
    path = tmp_path / "v"
    path.write_bytes(whole[: len(whole) * 5 // 8])
    frames, end = await cut(desk, path, CutPlan())
    assert end is not None
    assert end.is_cut_off
    assert 0 < len(frames) < 8
    path.write_bytes(whole[:200])
    with pytest.raises(PictureError):
        await cut(desk, path, CutPlan())


async def test_a_damaged_video_is_reported_frame_by_frame(
    desk: PictureDesk, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    data = bytearray(shared_data(BUNNY).read_bytes())
    for place in range(300_000, 700_000, 997):
        data[place] ^= 0x5A
    path = tmp_path / "v.mp4"
    path.write_bytes(data)
    frames, end = await cut(desk, path, CutPlan(fps=2))
    assert end is not None
    refused = [frame for frame in frames if frame.picture is None]
    assert (len(frames), bool(refused) or end.decode_errors > 0) == (11, True)
    assert {frame.error.code for frame in refused if frame.error} <= {"corrupt_frame"}


async def test_no_more_frames_than_allowed_are_cut(desk: PictureDesk, tmp_path: Path) -> None:
    path = tmp_path / "v"
    path.write_bytes(make_video(3))
    frames, end = await cut(desk, path, CutPlan(fps=50, most_frames=20))
    assert (len(frames), end is not None and end.is_capped) == (20, True)


async def test_frames_of_videos_alone_and_in_archives_get_the_ids_of_their_kind(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, incoming: Path
) -> None:
    video = {"v_x": {"duration": 2.6, "timestamps": [[0, 2]], "sentences": ["A man runs."]}}
    dataset = await make_dataset("video.DenseCaptions", video)
    report = await upload(client, dataset, make_video(3), "/v_x.mp4")
    assert (report["counts"]["stored"], report["counts"]["frames"], report["missing"]["count"]) == (3, 3, 0)
    assert await image_ids(client, dataset) == [f"DC_IMG_v_x_{n:04d}" for n in range(3)]
    for data in (make_zip({"a/v_x.mp4": make_video(3)}), make_tar({"v_x.bin": make_video(3)})):
        again = await upload(client, dataset, data)
        assert (again["counts"]["already_there"], again["counts"]["stored"]) == (3, 0)
    assert list(incoming.iterdir()) == []
    mixed = make_zip(
        {"v_y.mp4": make_video(2), "v_z.mp4": make_video(2)[:300], "v_x_0000.jpg": encode(scene(), "JPEG")}
    )
    report = await upload(client, dataset, mixed, "?frames=4")
    assert (report["counts"]["stored"], report["counts"]["frames"]) == (4, 4)
    assert [refusal["code"] for refusal in report["refused"]] == ["no_frames", "id_taken"]


async def test_items_that_cannot_name_their_pictures_find_them(
    client: httpx2.AsyncClient, make_dataset: MakeDataset
) -> None:
    records = [
        {"vid_name": "castle_s01e01_seg02_clip_00", "descs": [{"desc": "She laughs."}]},
        {"vid_name": "castle_s01e01_seg02_clip_00", "ts": [0.0, 1.0], "descs": [{"desc": "He leaves."}]},
        {"vid_name": "castle_s01e01_seg02_clip_01", "descs": [{"desc": "They talk."}]},
    ]
    dataset = await make_dataset("video.TVCaptions", records)
    clip = "TVC_IMG_castle_s01e01_seg02_clip_00"

    async def shown() -> list[list[str]]:
        rows = (await client.get(f"/datasets/{dataset}/items")).json()["data"]
        return [row["image_ids"] for row in rows]

    assert await shown() == [[], [f"{clip}_0000"], []]
    names = [f"castle_s01e01_seg02_clip_00/{n:05d}.jpg" for n in (2, 0)]
    report = await upload(
        client, dataset, make_zip({name: encode(scene(seed=n), "JPEG") for n, name in enumerate(names)})
    )
    assert await shown() == [[f"{clip}_0000", f"{clip}_0002"], [f"{clip}_0000"], []]
    assert (report["items_without_images"], report["missing"]["count"]) == (1, 0)
    await upload(client, dataset, encode(scene(seed=5)), "/castle_s01e01_seg02_clip_00_0001.png")
    assert await shown() == [[f"{clip}_{n:04d}" for n in range(3)], [f"{clip}_0000"], []]
    body = (await client.get(f"/datasets/{dataset}")).json()
    assert (body["counts"]["images"], body["images"]) == (3, {"uploaded": 3, "missing": 0, "surplus": 0})
