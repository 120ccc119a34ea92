"""Pictures by Pillow: opened with its warnings as errors, decoded whole, made into RGB, resized. Runs in a clerk."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from app.pictures.cleaning import NotCleanableError, clean_jpeg, clean_png, clean_webp
from app.pictures.values import Picture, PictureError, PictureLimits
from app.pipeline.image_features import GRID, make_feature

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
JPEG_QUALITY = 90

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG_MODES = frozenset({"1", "L", "LA", "I;16", "P", "RGB", "RGBA"})
_WHITE = (255, 255, 255)


def inspect_picture(data: bytes, limits: PictureLimits) -> Picture:
    """Decode a picture whole and say what it is; raises PictureError."""
    with _open(data, limits) as image:
        _load(image)
        orientation = _read_orientation(image)
        rgb = _turn(_make_rgb(image), orientation)
        kept, media_type = _keep(data, image, orientation)
        return Picture(kept, media_type, rgb.width, rgb.height, make_image_feature(rgb))


def square_png(data: bytes, side: int, limits: PictureLimits) -> bytes:
    """The whole picture, stretched or pressed to side × side, as RGB PNG; raises PictureError."""
    with _open(data, limits) as image:
        _load(image)
        rgb = _turn(_make_rgb(image), _read_orientation(image))
        return _write_png(rgb.resize((side, side), Image.Resampling.BICUBIC))


def shrink_to_jpeg(data: bytes, max_side: int, limits: PictureLimits) -> bytes:
    """The picture as JPEG with no side above `max_side`, never enlarged; raises PictureError."""
    with _open(data, limits) as image:
        image.draft("RGB", (max_side, max_side))  # a JPEG is decoded at a fraction of its size
        _load(image)
        rgb = _turn(_make_rgb(image), _read_orientation(image))
        rgb.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
        return write_jpeg(rgb)


def make_image_feature(rgb: Image.Image) -> bytes:
    """The perceptual feature of an RGB picture, by way of a small copy: a large one would take memory as floats."""
    small = rgb.resize((min(rgb.width, 4 * GRID), min(rgb.height, 4 * GRID)), Image.Resampling.BOX)
    return make_feature(np.asarray(small))


def write_jpeg(rgb: Image.Image) -> bytes:
    """A JPEG that holds the pixels and nothing else."""
    rgb.info = {}
    output = BytesIO()
    rgb.save(output, "JPEG", quality=JPEG_QUALITY)
    return output.getvalue()


def check_size(width: int, height: int, limits: PictureLimits) -> None:
    """Raises PictureError where a picture has more pixels than may be decoded, or none."""
    if width <= 0 or height <= 0:
        raise PictureError("undecodable", "The picture has no pixels.")
    if width * height > limits.pixels:
        raise PictureError(
            "too_many_pixels",
            f"The picture has {width:,} × {height:,} pixels, at most {limits.pixels:,} are read; send a smaller one.",
        )


@contextmanager
def _open(data: bytes, limits: PictureLimits) -> Iterator[Image.Image]:
    Image.MAX_IMAGE_PIXELS = limits.pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(BytesIO(data), formats=FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            mend = f"The picture has more than {limits.pixels:,} pixels; send a smaller one."
            raise PictureError("too_many_pixels", mend) from error
        except UnidentifiedImageError as error:
            mend = "This is no picture that is read here; send PNG, JPEG, WebP, GIF, BMP or TIFF."
            raise PictureError("unknown_format", mend) from error
        except MemoryError:
            raise
        except Exception as error:  # a plugin may raise anything on bytes that only look like its format
            raise _refuse(error) from error
        with image:
            check_size(image.width, image.height, limits)
            yield image


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise _refuse(error) from error


def _refuse(error: Exception) -> PictureError:
    if "truncated" in str(error).lower():
        return PictureError("truncated", "The picture ends before its last row; send the file whole.")
    return PictureError("undecodable", "The picture is broken and cannot be decoded; write it again.")


def _read_orientation(image: Image.Image) -> int:
    try:
        value: Any = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # broken metadata says nothing about the pixels
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _make_rgb(image: Image.Image) -> Image.Image:
    """RGB of any mode: 16 bits become 8, what is transparent lies on white."""
    try:
        if image.mode.startswith("I"):
            return _reduce_depth(image).convert("RGB")
        if image.has_transparency_data:
            layered = image.convert("RGBA")
            ground = Image.new("RGB", image.size, _WHITE)
            ground.paste(layered, mask=layered.getchannel("A"))
            return ground
        if image.mode != "F":
            return image.convert("RGB")
    except ValueError as error:
        raise _refuse_pixels(image) from error
    raise _refuse_pixels(image)


def _reduce_depth(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.size and (values.min() < 0 or values.max() > 0xFFFF):
        raise _refuse_pixels(image)
    return Image.fromarray((values >> 8).astype(np.uint8))


def _refuse_pixels(image: Image.Image) -> PictureError:
    message = f"Pixels of the mode {image.mode} cannot be shown; write the picture with 8 or 16 bits a channel."
    return PictureError("unsupported_pixels", message)


def _keep(data: bytes, image: Image.Image, orientation: int) -> tuple[bytes, str]:
    """The file that is stored: its own coding where that can be cleaned, else a PNG of the same pixels."""
    is_still = getattr(image, "n_frames", 1) == 1 or image.format == "MPO"
    try:
        if image.format in {"JPEG", "MPO"}:
            return clean_jpeg(data, orientation), "image/jpeg"
        if image.format == "PNG" and is_still and orientation == 1:
            return clean_png(data), "image/png"
        if image.format == "WEBP" and is_still and orientation == 1:
            return clean_webp(data), "image/webp"
    except NotCleanableError:
        pass
    writable = image.copy() if image.mode in _PNG_MODES else _make_rgb(image)
    return _write_png(_turn(writable, orientation)), "image/png"


def _write_png(image: Image.Image) -> bytes:
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    output = BytesIO()
    image.save(output, "PNG", compress_level=6)
    return output.getvalue()
