"""How much of the service a command loads before it knows whether it needs it."""

import subprocess
import sys

import pytest

from tests.support.processes import PROJECT


@pytest.mark.parametrize(("module", "is_loaded"), [("workers.command_line.run", False), ("workers.main", True)])
def test_the_client_of_the_model_is_loaded_with_a_worker_and_not_before(module: str, is_loaded: bool) -> None:
    script = f"import sys, {module}; print(sorted({{'openai', 'aiohttp', 'workers.engine'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(["aiohttp", "openai", "workers.engine"] if is_loaded else [])
