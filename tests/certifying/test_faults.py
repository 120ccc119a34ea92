"""Every planted fault is caught, by its name and at its place."""

from collections.abc import Callable

import pytest

from app.certifying.certify import certify
from app.certifying.reading import LocalFolder
from tests.certifying.faults import FAULTS, Fault
from tests.certifying.planting import Planting


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_caught_by_name(plant: Callable[[str], Planting], fault: Fault) -> None:
    planting = plant(fault.format)
    fault.plant(planting)
    certificate = certify(LocalFolder(planting.path))
    assert not certificate.is_valid
    found = [(problem.code, problem.file, problem.place) for problem in certificate.problems]
    assert any(code == fault.code and file == fault.file and fault.at in place for code, file, place in found), found


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 40
    assert len({fault.code for fault in FAULTS}) >= 40
