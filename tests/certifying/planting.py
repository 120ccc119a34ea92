"""An export in a folder, to plant faults in: what a fault does to a file, and the manifest sealed again over it."""

import tarfile
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

Rows = list[dict[str, Any]]


class Planting:
    """The files of an export; each edit is sealed, so that nothing but the planted fault is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> str:
        return (self.path / name).read_text()

    def write(self, name: str, content: str | bytes) -> None:
        (self.path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        self.seal()

    def replace(self, name: str, old: str, new: str) -> None:
        content = self.read(name)
        assert old in content, f"{name} has no {old!r}"
        self.write(name, content.replace(old, new, 1))

    def edit_lines(self, name: str, edit: Callable[[list[str]], list[str]]) -> None:
        self.write(name, "\n".join(edit(self.read(name).split("\n"))))

    def edit_member(self, name: str, number: int, edit: Callable[[Any], Any]) -> None:
        """Change the value of a member of an object file; `number` counts lines from 1."""

        def change(lines: list[str]) -> list[str]:
            comma, member = lines[number - 1][:1] == ",", lines[number - 1].removeprefix(",")
            ((key, value),) = orjson.loads("{" + member + "}").items()
            changed = orjson.dumps({key: edit(value)}).decode()[1:-1]
            return [*lines[: number - 1], f"{',' if comma else ''}{changed}", *lines[number:]]

        self.edit_lines(name, change)

    def edit_object(self, name: str, number: int, edit: Callable[[Any], Any]) -> None:
        """Change an object on a line of its own, in an array file or jsonl."""

        def change(lines: list[str]) -> list[str]:
            comma = "," if lines[number - 1].startswith(",") else ""
            changed = orjson.dumps(edit(orjson.loads(lines[number - 1].removeprefix(","))))
            return [*lines[: number - 1], comma + changed.decode(), *lines[number:]]

        self.edit_lines(name, change)

    def edit_table(self, name: str, edit: Callable[[pa.Table], pa.Table]) -> None:
        output = BytesIO()
        pq.write_table(edit(pq.read_table(self.path / name)), output)
        self.write(name, output.getvalue())

    def edit_rows(self, name: str, edit: Callable[[Rows], Rows]) -> None:
        """Change the rows of a parquet, its schema staying what it is."""
        self.edit_table(name, lambda table: pa.Table.from_pylist(edit(table.to_pylist()), schema=table.schema))

    def edit_tar(self, name: str, edit: Callable[[dict[str, bytes]], dict[str, bytes]]) -> None:
        with tarfile.open(self.path / name) as archive:
            files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]  # all are files
        output = BytesIO()
        with tarfile.open(fileobj=output, mode="w") as archive:
            for member, data in edit(files).items():
                header = tarfile.TarInfo(member)
                header.size = len(data)
                archive.addfile(header, BytesIO(data))
        self.write(name, output.getvalue())

    def edit_manifest(self, edit: Callable[[Any], None]) -> None:
        """Change the manifest itself, which is not sealed."""
        manifest = orjson.loads(self.read("manifest.json"))
        edit(manifest)
        (self.path / "manifest.json").write_bytes(orjson.dumps(manifest))

    def seal(self) -> None:
        """Write sizes and sha256s into the manifest as they are now."""

        def renew(manifest: Any) -> None:
            for file in manifest["files"]:
                content = (self.path / file["name"]).read_bytes()
                file |= {"bytes": len(content), "sha256": sha256(content).hexdigest()}

        self.edit_manifest(renew)


def picture(mode: str = "RGB", size: tuple[int, int] = (224, 224), image_format: str = "PNG") -> str:
    """A picture in base64, of whatever is wanted."""
    output = BytesIO()
    Image.new(mode, size).save(output, image_format)
    return b64encode(output.getvalue()).decode()
