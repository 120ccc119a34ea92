"""What is compared: the texts of instructions, or the images of items. Each subject has a vector, by its digest."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.pictures.values import PictureError
from app.pipeline.corpus import Corpus, digest_text, embedded_text
from app.pipeline.image_features import FEATURE_NAME
from app.pipeline.similarity import scale_to_unit
from app.resources import Resources
from app.services.claims import JobContext
from app.services.images import read_thumbnail
from app.store.embeddings import list_known_digests, read_vectors
from app.store.session import Sessions
from app.store.whole_jobs import list_new_texts, read_images, read_instructions, read_item_images
from workers.relating.endpoint import EndpointVectors

IMAGE_SIDE = 336
"""The longer side of the copies that are sent, in pixels: what common models of images look at."""

log = logging.getLogger("syphus.relating")

_AT_ONCE = 1000
_IMAGES_AT_ONCE = 128


class TextVectors(Protocol):
    """Makes vectors of texts and stores them."""

    model: str
    is_paid: bool

    async def embed(self, things: Mapping[bytes, str]) -> None:
        """Store the vectors of texts, by digest."""
        ...


class VectorFile:
    """Vectors of one length in the order in which they are added; `vectors.npy` in the folder, padded with zeros.

    Written, not mapped: pages of a mapped file would count as the worker's memory.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.count = 0
        self._most = most
        self._length = 0
        self._file = (folder / "vectors.npy").open("wb")

    def add(self, vector: NDArray[np.float16]) -> int:
        """Its number, or -1 where its length is not that of the first one."""
        if not self._length:
            self._begin(len(vector))
        if len(vector) != self._length:
            return -1
        self._file.write(vector.astype("<f2").tobytes())
        self.count += 1
        return self.count - 1

    def close(self) -> None:
        """Fill up to what the header says: a hole in the file, no bytes on the disk."""
        if not self._length:
            self._begin(1)
        missing = (self._most - self.count) * self._length * np.dtype("<f2").itemsize
        self._file.truncate(self._file.tell() + missing)
        self._file.close()

    def _begin(self, length: int) -> None:
        self._length = length
        header = {"descr": "<f2", "fortran_order": False, "shape": (self._most, length)}
        np.lib.format.write_array_header_1_0(self._file, header)


class Texts:
    """The instructions of a job's pairs, each different text once."""

    def __init__(self, sessions: Sessions, job: JobContext, vectors: TextVectors) -> None:
        self.model = vectors.model
        self.is_paid = vectors.is_paid
        self._sessions = sessions
        self._job = job
        self._vectors = vectors
        self._seen = 0

    async def embed_new(self) -> bool:
        """Embed the next pairs that came in; False where there were none."""
        async with self._sessions() as session:
            rows = await list_new_texts(session, self._job.job_id, self._seen, _AT_ONCE)
        if not rows:
            return False
        await self._embed_missing({digest_text(text): text for text in (embedded_text(row[1]) for row in rows)})
        self._seen = rows[-1][0]
        return True

    async def attach(self, corpus: Corpus, folder: Path) -> Corpus:
        """Number the texts, and put their vectors into a file by number."""
        _, firsts, inverse = await asyncio.to_thread(np.unique, corpus.texts, return_index=True, return_inverse=True)
        numbers = np.full(len(firsts), -1, dtype=np.int64)
        file = VectorFile(folder, len(firsts))
        for start in range(0, len(firsts), _AT_ONCE):
            pair_ids = corpus.pair_ids[firsts[start : start + _AT_ONCE]].tolist()
            for offset, vector in enumerate(await self._read(pair_ids)):
                if vector is not None:
                    numbers[start + offset] = file.add(np.frombuffer(vector, dtype="<f2"))
        file.close()
        return replace(corpus, units=numbers[inverse])

    async def _read(self, pair_ids: Sequence[int]) -> list[bytes | None]:
        async with self._sessions() as session:
            instructions = await read_instructions(session, pair_ids)
        texts = [embedded_text(instructions.get(pair_id, "")) for pair_id in pair_ids]
        by_digest = {digest_text(text): text for text in texts if text}
        await self._embed_missing(by_digest)
        async with self._sessions() as session:
            found = await read_vectors(session, self.model, list(by_digest))
        return [found.get(digest_text(text)) for text in texts]

    async def _embed_missing(self, texts: Mapping[bytes, str]) -> None:
        async with self._sessions() as session:
            known = await list_known_digests(session, self.model, list(texts))
        missing = {digest: text for digest, text in texts.items() if digest not in known}
        if missing:
            await self._vectors.embed(missing)


class Images:
    """The sets of images of a job's items; a set's vector is the mean of its images'."""

    def __init__(self, resources: Resources, job: JobContext, vectors: EndpointVectors | None) -> None:
        """vectors: where those of images come from, None for the features that were made with the upload."""
        self.model = FEATURE_NAME if vectors is None else vectors.model
        self.is_paid = vectors is not None
        self._resources = resources
        self._sessions = resources.sessions
        self._job = job
        self._vectors = vectors

    async def embed_new(self) -> bool:
        """Nothing: images are there before pairs are, and only those of pairs are wanted."""
        return False

    async def attach(self, corpus: Corpus, folder: Path) -> Corpus:
        """Number the sets, and put their vectors into a file by number."""
        places = np.flatnonzero(corpus.has_images)
        _, firsts, inverse = await asyncio.to_thread(
            np.unique, corpus.image_sets[places], return_index=True, return_inverse=True
        )
        numbers = np.full(len(firsts), -1, dtype=np.int64)
        file = VectorFile(folder, len(firsts))
        for start in range(0, len(firsts), _AT_ONCE):
            pair_ids = corpus.pair_ids[places[firsts[start : start + _AT_ONCE]]].tolist()
            for offset, vector in enumerate(await self._read(pair_ids)):
                if vector is not None:
                    numbers[start + offset] = file.add(vector)
        file.close()
        units = np.full(len(corpus.units), -1, dtype=np.int64)
        units[places] = numbers[inverse]
        return replace(corpus, units=units)

    async def _read(self, pair_ids: Sequence[int]) -> list[NDArray[np.float16] | None]:
        async with self._sessions() as session:
            shown = await read_item_images(session, pair_ids)
            wanted = sorted({image_id for image_ids in shown.values() for image_id in image_ids})
            images = await read_images(session, self._job.dataset_id, wanted)
        found = {image_id: feature for image_id, (_, feature) in images.items() if feature}
        if self._vectors is not None:
            found = await self._read_bought(self._vectors, {name: sha256 for name, (sha256, _) in images.items()})
        return [_average([found[image] for image in shown.get(p, ()) if image in found]) for p in pair_ids]

    async def _read_bought(self, vectors: EndpointVectors, hashes: Mapping[str, str]) -> dict[str, bytes]:
        """Vectors by image id; those that are missing are asked for, small copies of so many images at a time."""
        digests = {bytes.fromhex(sha256): sha256 for sha256 in hashes.values()}
        async with self._sessions() as session:
            known = await list_known_digests(session, self.model, list(digests))
        missing = [digest for digest in digests if digest not in known]
        for start in range(0, len(missing), _IMAGES_AT_ONCE):
            batch = missing[start : start + _IMAGES_AT_ONCE]
            small = {digest: await self._shrink(digests[digest]) for digest in batch}
            await vectors.embed({digest: data for digest, data in small.items() if data is not None})
        async with self._sessions() as session:
            made = await read_vectors(session, self.model, list(digests))
        by_hash = {digest.hex(): vector for digest, vector in made.items()}
        return {name: by_hash[sha256] for name, sha256 in hashes.items() if sha256 in by_hash}

    async def _shrink(self, sha256: str) -> bytes | None:
        """A small JPEG; None where the picture is gone or broken, which costs only its own item's relations."""
        try:
            return await read_thumbnail(self._resources, sha256, IMAGE_SIDE)
        except (FileNotFoundError, PictureError) as error:
            log.warning("image_unread", extra={"sha256": sha256, "error": type(error).__name__})
            return None


def _average(features: Sequence[bytes]) -> NDArray[np.float16] | None:
    """The mean direction of vectors; None without any, and where they cancel out."""
    if not features:
        return None
    mean = scale_to_unit(np.stack([np.frombuffer(feature, dtype="<f2") for feature in features])).mean(axis=0)
    return np.asarray(scale_to_unit(mean), dtype="<f2") if np.linalg.norm(mean) > 0 else None
