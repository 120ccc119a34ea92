"""What a worker and the processes that compute for it share: the frame of a message, the files of a corpus."""

import struct
from dataclasses import fields
from pathlib import Path

import numpy as np

from app.pipeline.corpus import Corpus

LENGTH = struct.Struct(">Q")
"""What precedes a message: its length."""


def save_corpus(corpus: Corpus, folder: Path) -> None:
    """One file a column."""
    for column in fields(Corpus):
        np.save(folder / f"{column.name}.npy", getattr(corpus, column.name))


def load_corpus(folder: Path) -> Corpus:
    """The columns as they lie in the files, read where they are looked at."""
    return Corpus(**{column.name: np.load(folder / f"{column.name}.npy", mmap_mode="r") for column in fields(Corpus)})
