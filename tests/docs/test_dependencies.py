"""`docs/dependencies.md` has a line for each dependency, and for nothing else."""

import re
import tomllib

from tests.support.processes import PROJECT


def read_declared() -> set[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {re.split(r"[\[<>=;! ~]", line, maxsplit=1)[0] for group in groups for line in group}


def test_each_dependency_has_a_line_that_says_why_and_each_line_a_dependency() -> None:
    rows = re.findall(r"^\| `([\w.-]+)` \| (.+) \|$", (PROJECT / "docs" / "dependencies.md").read_text(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(read_declared())
    assert [name for name, reason in rows if len(reason) < 15] == []
