"""Cohen's kappa against values worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.agreement import measure_agreement

VERDICTS = ["accept", "edit", "reject"]


def test_a_table_of_two_verdicts() -> None:
    # 50 pairs: both accept 20, both reject 15. One accepts 25 of 50, the other 30 of 50.
    # Chance: 0.5 * 0.6 + 0.5 * 0.4 = 0.5. Kappa: (0.7 - 0.5) / 0.5 = 0.4.
    found = measure_agreement(
        {("accept", "accept"): 20, ("accept", "reject"): 5, ("reject", "accept"): 10, ("reject", "reject"): 15}
    )
    assert (found.pairs, found.observed, found.expected) == (50, 0.7, 0.5)
    assert found.kappa == pytest.approx(0.4)


def test_a_table_of_three_verdicts() -> None:
    # Rows (one) 10, 6, 4; columns (other) 10, 7, 3; both alike 8 + 4 + 2 = 14 of 20.
    # Chance: (100 + 42 + 12) / 400 = 0.385. Kappa: (0.7 - 0.385) / 0.615.
    found = measure_agreement(
        {
            ("accept", "accept"): 8, ("accept", "edit"): 2,
            ("edit", "accept"): 1, ("edit", "edit"): 4, ("edit", "reject"): 1,
            ("reject", "edit"): 1, ("reject", "reject"): 2, ("reject", "accept"): 1,
        }
    )  # fmt: skip
    assert found.observed == pytest.approx(14 / 20)
    assert found.expected == pytest.approx((10 * 10 + 6 * 7 + 4 * 3) / 400)
    assert found.kappa == pytest.approx((0.7 - 0.385) / 0.615)


def test_people_who_never_agree_have_a_kappa_below_chance() -> None:
    found = measure_agreement({("accept", "reject"): 5, ("reject", "accept"): 5})
    assert (found.observed, found.expected, found.kappa) == (0.0, 0.5, -1.0)


def test_where_chance_explains_everything_there_is_no_kappa() -> None:
    assert measure_agreement({("accept", "accept"): 9}).kappa is None
    assert measure_agreement({}).observed is None


@given(st.dictionaries(st.tuples(st.sampled_from(VERDICTS), st.sampled_from(VERDICTS)), st.integers(1, 50), min_size=1))
def test_kappa_is_the_same_from_either_side_and_one_only_for_full_agreement(counts: dict[tuple[str, str], int]) -> None:
    found = measure_agreement(counts)
    turned = measure_agreement({(other, one): n for (one, other), n in counts.items()})
    assert found.kappa == pytest.approx(turned.kappa) if found.kappa is not None else turned.kappa is None
    if found.kappa is not None:
        assert (found.kappa == pytest.approx(1.0)) == (found.observed == 1.0)
