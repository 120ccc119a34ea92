"""Where the tests of datasets find their files."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Small files in the original formats."""
    return HERE / "fixtures"


@pytest.fixture(scope="session")
def legacy_folder() -> Path:
    """Dataset classes as they were written for the original layout."""
    return HERE / "legacy"


@pytest.fixture(scope="session")
def real_files() -> Path:
    """Published annotation files, beside the project; they are never part of it."""
    folder = HERE.parents[2] / "shared" / "data"
    if not folder.is_dir():
        message = f"the published annotation files are not there: {folder}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder
