"""What the loopback endpoint answers where vectors are asked for: texts with the same words lie near one another."""

import base64
import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

LENGTH = 64

_WORD = re.compile(r"\w+")


class VectorRequest(msgspec.Struct):
    """The part of a request body that decides the vectors."""

    input: list[Any]
    model: str = ""
    encoding_format: str = "float"

    @property
    def key(self) -> bytes:
        """A hash of what is bought, whoever asks and however often."""
        return blake2b(msgspec.json.encode(self.input), digest_size=16).digest()


def vector_of(thing: object) -> NDArray[np.float32]:
    """The sum of its words' vectors; for what is no text, of its own."""
    words = _WORD.findall(thing.lower()) if isinstance(thing, str) else [msgspec.json.encode(thing).decode()]
    stacked = np.stack([_word_vector(word) for word in words or ["nothing"]])
    return np.asarray(stacked.sum(axis=0), dtype=np.float32)


def embedding_entries(request: VectorRequest) -> list[dict[str, Any]]:
    """The `data` of an answer, in another order than asked."""
    entries = []
    for index, thing in enumerate(request.input):
        vector = vector_of(thing)
        encoded = base64.b64encode(vector.astype("<f4").tobytes()).decode()
        shown = encoded if request.encoding_format == "base64" else vector.tolist()
        entries.append({"object": "embedding", "index": index, "embedding": shown})
    return entries[::-1]


@lru_cache(maxsize=4096)
def _word_vector(word: str) -> NDArray[np.float32]:
    seed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).normal(size=LENGTH).astype(np.float32)
