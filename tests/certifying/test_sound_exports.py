"""What the exporters write is valid, also where it was downloaded to."""

import subprocess
import sys
from collections.abc import Callable

import orjson
import pytest

from app.certifying.certify import certify
from app.certifying.reading import LocalFolder
from tests.certifying.planting import Planting
from tests.support.processes import PROJECT

FORMATS = ["mimic-it", "llava", "sharegpt", "openai", "jsonl", "csv", "parquet"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_sound_export_is_valid(plant: Callable[[str], Planting], name: str) -> None:
    certificate = certify(LocalFolder(plant(name).path))
    assert certificate.is_valid, certificate.problems
    assert certificate.images > 0


@pytest.mark.parametrize("name", FORMATS)
def test_sealing_changes_nothing_that_matters(plant: Callable[[str], Planting], name: str) -> None:
    planting = plant(name)
    planting.seal()
    assert certify(LocalFolder(planting.path)).is_valid


def test_a_folder_is_certified_by_hand(plant: Callable[[str], Planting]) -> None:
    planting = plant("jsonl")
    command = [sys.executable, "-m", "app.certifying", str(planting.path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    assert (done.returncode, orjson.loads(done.stdout)["valid"]) == (0, True)
    (planting.path / "XX_pairs.train.jsonl").unlink()
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    assert done.returncode == 1
    assert orjson.loads(done.stdout)["problems"][0]["code"] == "missing_file"
