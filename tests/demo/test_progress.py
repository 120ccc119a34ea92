"""The line that shows progress, from counts alone."""

from typing import Any

from app.demo.progress import Standing, add_up, draw


def _job(
    *, done: int, total: int, pairs: int = 0, translated: int = 0, languages: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "languages": list(languages),
        "usage": {"completion_tokens": 10 * done},
        "counts": {
            "items": {"total": total, "pending": total - done},
            "pairs": pairs,
            "rejected": 1,
            "translations": dict.fromkeys(languages, translated),
            "translated_pairs": {"done": translated, "failed": 0, "poison": 0},
            "translations_refused": 0,
        },
    }


def test_a_job_without_languages_is_done_when_its_items_are() -> None:
    assert add_up([_job(done=4, total=4, pairs=9)]).share == 1


def test_pairs_to_translate_are_work_to_come() -> None:
    standing = add_up([_job(done=2, total=4, pairs=4, languages=("fr",))])
    assert (standing.units, standing.expected_units) == (2, 4 + 8)


def test_a_translated_job_is_done_when_every_pair_has_been_asked_for() -> None:
    assert add_up([_job(done=2, total=2, pairs=5, translated=5, languages=("fr",))]).share == 1


def test_counts_of_all_jobs_are_added_up() -> None:
    standing = add_up([_job(done=1, total=4, pairs=2), _job(done=3, total=4, pairs=5, translated=2, languages=("fr",))])
    assert (standing.items, standing.all_items, standing.pairs, standing.refused, standing.tokens) == (4, 8, 9, 2, 40)


def test_the_line_names_share_items_pairs_refusals_rate_and_time_left() -> None:
    standing = Standing(units=5, expected_units=20, items=5, all_items=10, pairs=7, refused=2, tokens=300)
    line = draw(standing, 10.0)
    assert line.startswith("██████░░░░░░░░░░░░░░░░░░  25%")
    assert line.endswith("5/10 items  7 pairs  2 refused  300 tokens  30/s  eta 0:30")


def test_before_anything_is_done_no_time_is_guessed() -> None:
    standing = Standing(units=0, expected_units=20, items=0, all_items=10, pairs=0, refused=0, tokens=0)
    assert draw(standing, 3.0).endswith("eta …")
