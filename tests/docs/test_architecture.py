"""The drawing of the house in `docs/architecture.md` shows what is there."""

import re

from sqlmodel import SQLModel

from app.store import models
from tests.support.processes import PROJECT

TEXT = (PROJECT / "docs" / "architecture.md").read_text()


def test_every_module_and_folder_that_is_drawn_exists() -> None:
    drawing = TEXT.partition("```\n")[2].partition("```")[0]
    folder, missing = PROJECT, []
    for line in drawing.splitlines():
        if top := re.match(r"[a-z]+/", line):
            folder = PROJECT / top[0]
        else:
            missing += [name for name in re.findall(r"^  ([a-z_]+)/", line) if not (folder / name).is_dir()]
        names = re.findall(r"[\w/]+\.(?:py|json|lua)\b", line)
        missing += [name for name in names if not ((PROJECT / name).exists() or (folder / name).exists())]
        missing += [] if folder.is_dir() else [line]
    assert missing == []


def test_every_table_has_a_line() -> None:
    assert models.Job.__tablename__ in SQLModel.metadata.tables  # the import has filled the metadata
    section = TEXT.partition("## Tables")[2]
    drawn = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(drawn) == sorted(table.name for table in SQLModel.metadata.tables.values())
