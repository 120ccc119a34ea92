"""Requests for vectors and their answers, as endpoints with `/embeddings` speak."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from app.pipeline.chat import CompletionError
from app.pipeline.completions import read_usage
from app.pipeline.similarity import scale_to_unit
from app.pipeline.values import Usage


def build_text_request(model: str, texts: Sequence[str]) -> bytes:
    """The body that asks for the vectors of texts."""
    return orjson.dumps({"model": model, "input": list(texts), "encoding_format": "base64"})


def build_image_request(model: str, images: Sequence[bytes]) -> bytes:
    """The body that asks for the vectors of JPEGs: each is `{"image": "data:image/jpeg;base64,…"}` in `input`."""
    urls = [f"data:image/jpeg;base64,{base64.b64encode(image).decode()}" for image in images]
    return orjson.dumps({"model": model, "input": [{"image": url} for url in urls], "encoding_format": "base64"})


def decode_vectors(raw: bytes, count: int) -> tuple[list[bytes], Usage]:
    """The vectors in an answer, as float16 of length one in the order of the request, and what they cost.

    A vector comes as a list of numbers or as base64 of float32. Raises CompletionError `malformed_body` (retryable)
    where there are not `count` vectors of one length, all of them finite and none of them zero.
    """
    try:
        body = orjson.loads(raw)
        entries = sorted(body["data"], key=lambda entry: entry["index"])
        vectors = np.stack([_read_vector(entry["embedding"]) for entry in entries])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise _malformed(f"the body holds no vectors: {type(error).__name__}") from error
    if len(vectors) != count or [entry["index"] for entry in entries] != list(range(count)):
        raise _malformed(f"{count} vectors were asked for, {len(vectors)} came")
    if not np.isfinite(vectors).all() or not np.linalg.norm(vectors, axis=1).all():
        raise _malformed("a vector is not finite, or zero")
    return [vector.tobytes() for vector in scale_to_unit(vectors).astype("<f2")], read_usage(body.get("usage"))


def _read_vector(embedding: Any) -> "np.ndarray[Any, np.dtype[np.float32]]":
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    return np.asarray(embedding, dtype=np.float32).reshape(-1)


def _malformed(detail: str) -> CompletionError:
    return CompletionError("malformed_body", detail, retryable=True)
