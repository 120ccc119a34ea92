"""The spool: what a worker could not store is on disk, and whoever starts next stores it."""

import os
from pathlib import Path

from app.store.calls import RawAnswer
from workers.spool import Spool

ANSWERS = [RawAnswer(1, b'{"a": "\x00\xff"}', 200, 12), RawAnswer(2, b"", 200, 0)]


def test_answers_of_a_dead_worker_are_taken_over_byte_for_byte(tmp_path: Path) -> None:
    dead = Spool(tmp_path, "dead")
    dead.write(ANSWERS)
    dead.close()
    ((path, answers),) = Spool(tmp_path, "next").take_over()
    assert answers == ANSWERS
    assert path.exists()


def test_the_spool_of_a_living_worker_is_left_alone(tmp_path: Path) -> None:
    living = Spool(tmp_path, "living")
    living.write(ANSWERS)
    assert Spool(tmp_path, "next").take_over() == []
    living.close()


def test_a_line_torn_by_a_crash_costs_only_itself(tmp_path: Path) -> None:
    dead = Spool(tmp_path, "dead")
    dead.write(ANSWERS)
    dead.close()
    path = tmp_path / "dead.spool"
    os.truncate(path, path.stat().st_size - 5)
    ((_, answers),) = Spool(tmp_path, "next").take_over()
    assert answers == ANSWERS[:1]


def test_a_cleared_spool_leaves_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "tidy")
    spool.write(ANSWERS)
    spool.clear()
    spool.close()
    assert list(tmp_path.iterdir()) == []
