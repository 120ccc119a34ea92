"""The perceptual feature of a picture: what it looks like as a short vector, compared by cosine; no model, no network.

Three parts, each of unit length before its weight:

- layout, 96 numbers: brightness on a grid of 8 × 8 and the two colour differences on 4 × 4, what is light, dark and
  coloured where;
- colours, 64 numbers: how much of the picture falls into each of 4 × 4 × 4 cells of RGB (square roots, so that one
  large surface does not drown the rest), less the even spread;
- edges, 128 numbers: for each cell of 4 × 4 how strongly it changes in 8 directions, less the cell's mean, so that
  noise without direction counts for nothing.

The same scene in another size, compression or brightness stays near 1; unlike pictures lie around 0. The order of
the numbers, their weights and FEATURE_NAME change together.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FEATURE_NAME = "syphus-look-1"
FEATURE_LENGTH = 96 + 64 + 128
FEATURE_BYTES = 2 * FEATURE_LENGTH

GRID = 64
_WEIGHTS = (0.55, 0.55, 0.63)
_DIRECTIONS = 8
_SMALLEST = 1e-6

Floats = NDArray[np.float32]


def make_feature(pixels: NDArray[np.uint8]) -> bytes:
    """The feature of an RGB picture (height, width, 3) as FEATURE_LENGTH little-endian float16 of unit length together.

    Raises ValueError for another shape or a picture without pixels.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"a picture has the shape (height, width, 3), not {pixels.shape}")
    small = _shrink(pixels.astype(np.float32) / 255.0)
    parts = (_describe_layout(small), _describe_colours(small), _describe_edges(small))
    vector = np.concatenate([weight * _scale_to_unit(part) for weight, part in zip(_WEIGHTS, parts, strict=True)])
    return _scale_to_unit(vector).astype("<f2").tobytes()


def read_features(features: Sequence[bytes]) -> Floats:
    """Features as rows of a matrix, each of unit length: the product of two rows is their cosine.

    Raises ValueError where one has another length.
    """
    if any(len(feature) != FEATURE_BYTES for feature in features):
        raise ValueError(f"a feature has {FEATURE_BYTES} bytes")
    matrix = np.frombuffer(b"".join(features), dtype="<f2").reshape(-1, FEATURE_LENGTH).astype(np.float32)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(matrix / np.maximum(lengths, _SMALLEST), dtype=np.float32)


def _shrink(pixels: Floats) -> Floats:
    """Means over GRID × GRID cells; a picture smaller than that repeats its pixels."""
    for axis in (0, 1):
        size = pixels.shape[axis]
        if size < GRID:
            pixels = np.repeat(pixels, -(-GRID // size), axis=axis)
            size = pixels.shape[axis]
        edges = np.linspace(0, size, GRID + 1).astype(int)
        sums = np.add.reduceat(pixels, edges[:-1], axis=axis)
        counts = np.diff(edges).astype(np.float32)
        pixels = np.divide(sums, counts.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1)), dtype=np.float32)
    return pixels


def _describe_layout(small: Floats) -> Floats:
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.concatenate(
        [
            (_average(light, 8) - 0.5).ravel(),
            2 * _average(blue - light, 4).ravel(),
            2 * _average(red - light, 4).ravel(),
        ]
    )


def _describe_colours(small: Floats) -> Floats:
    levels = np.minimum((small * 4).astype(int), 3)
    cells = levels[..., 0] * 16 + levels[..., 1] * 4 + levels[..., 2]
    shares = np.bincount(cells.ravel(), minlength=64).astype(np.float32) / cells.size
    return np.asarray(np.sqrt(shares) - 1 / 8, dtype=np.float32)


def _describe_edges(small: Floats) -> Floats:
    light: Floats = small @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    down, right = np.gradient(light)
    strength = np.hypot(down, right)
    direction = ((np.arctan2(down, right) / np.pi % 1.0) * _DIRECTIONS).astype(int) % _DIRECTIONS
    maps = np.stack([np.where(direction == number, strength, 0.0) for number in range(_DIRECTIONS)])
    cells = np.sqrt(maps.reshape(_DIRECTIONS, 4, GRID // 4, 4, GRID // 4).mean(axis=(2, 4)))
    return np.asarray(cells - cells.mean(axis=0, keepdims=True), dtype=np.float32).ravel()


def _average(plane: Floats, side: int) -> Floats:
    cell = GRID // side
    return np.asarray(plane.reshape(side, cell, side, cell).mean(axis=(1, 3)), dtype=np.float32)


def _scale_to_unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return vector if length < _SMALLEST else vector / np.float32(length)
