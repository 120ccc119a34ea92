"""The perceptual feature of a picture, by values."""

import numpy as np
import pytest

from app.pipeline.image_features import FEATURE_BYTES, FEATURE_LENGTH, make_feature, read_features


def test_a_feature_has_its_length_and_comes_back_as_a_unit_vector() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    feature = make_feature(pixels)
    assert len(feature) == FEATURE_BYTES
    matrix = read_features([feature, feature])
    assert matrix.shape == (2, FEATURE_LENGTH)
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-4)
    assert read_features([]).shape == (0, FEATURE_LENGTH)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (63, 65, 3), (224, 224, 3)])
@pytest.mark.parametrize("level", [0, 127, 255])
def test_flat_pictures_of_any_size_have_one(shape: tuple[int, int, int], level: int) -> None:
    row = read_features([make_feature(np.full(shape, level, dtype=np.uint8))])[0]
    assert np.isfinite(row).all()
    assert np.isclose(np.linalg.norm(row), 1, atol=1e-4)


def test_size_does_not_matter_and_content_does() -> None:
    ramp = np.linspace(0, 255, 128).astype(np.uint8)
    down = np.stack([np.tile(ramp[:, None], (1, 128))] * 3, axis=2)
    right = np.ascontiguousarray(down.transpose(1, 0, 2))
    rows = read_features([make_feature(picture) for picture in (down, down[::2, ::2], right)])
    assert rows[0] @ rows[1] > 0.98
    assert rows[0] @ rows[2] < 0.7


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="height, width, 3"):
        make_feature(np.zeros(shape, dtype=np.uint8))


def test_a_feature_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        read_features([b"\0" * 10])
