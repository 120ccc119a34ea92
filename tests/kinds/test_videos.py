"""A video that is uploaded under the name its annotations give it becomes the frames that its items speak of."""

import io

import av
import numpy as np
import pytest

from tests.kinds.cases import CASES
from tests.kinds.test_from_file_to_export import upload
from tests.support.house import House

SECONDS, FRAMES_A_SECOND = 4, 5


def film() -> bytes:
    """Four seconds of grey that grows lighter."""
    output = io.BytesIO()
    with av.open(output, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=FRAMES_A_SECOND)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(SECONDS * FRAMES_A_SECOND):
            pixels = np.full((48, 64, 3), 10 * number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return output.getvalue()


@pytest.mark.parametrize(
    ("kind", "video", "frames", "wanted"),
    [
        ("video.DenseCaptions", "v_one", "DC_IMG_v_one_{:04d}", (0, 1, 2, 3)),
        ("video.TVCaptions", "s02e14_seg02_clip_02", "TVC_IMG_bbt_s02e14_seg02_clip_02_{:04d}", (0, 1, 2, 3)),
        ("egocentric.Ego4D", "4e5f-uid", "E4D_IMG_4e5f-uid_{:08d}", (3,)),
        ("funqa.HumorQA", "H_B_7_0001_0100", "FUNQA_IMG_H_B_7_0001_0100_{:04d}", (0, 1, 2, 3)),
    ],
)
async def test_a_video_is_cut_into_the_frames_of_its_item(
    house: House, kind: str, video: str, frames: str, wanted: tuple[int, ...]
) -> None:
    case = next(case for case in CASES if case.kind == kind)
    dataset_id = (await upload(house, case))[0]["dataset_id"]
    answer = await house.client.put(f"/datasets/{dataset_id}/images?name={video}.mp4", content=film())
    assert answer.status_code == 200, answer.text
    assert answer.json()["counts"]["stored"] == SECONDS
    source_ids = (video, f"{video}_0")
    items = (await house.get(f"/datasets/{dataset_id}/items?limit=100"))["data"]
    (item,) = [item for item in items if item["source_id"] in source_ids]
    assert item["image_ids"] == [frames.format(second) for second in wanted]
    stored = (await house.get(f"/datasets/{dataset_id}/images?state=uploaded"))["data"]
    assert set(item["image_ids"]) <= {image["image_id"] for image in stored}
