"""What a worker process tells Python's collector of reference cycles."""

import gc

_YOUNG_MOST, _YOUNG_RUNS, _MIDDLE_RUNS = 10_000, 20, 20


def spare_lasting_objects() -> None:
    """Leave what a started process holds for good (modules, rules, prompts) out of every later collection.

    Nearly all that a reply makes is freed by its reference count. With the defaults the collector went through every
    imported module again and again for the rest, an eighth of a worker's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_MOST, _YOUNG_RUNS, _MIDDLE_RUNS)
