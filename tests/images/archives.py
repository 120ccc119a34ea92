"""Archives made for tests, good and hostile."""

import io
import tarfile
import zipfile
from collections.abc import Mapping

from tests.pictures.files import encode, scene


def pair_files(*numbers: int) -> dict[str, bytes]:
    """The pictures of Spot the Difference items as they are published: `1.png` and `1_2.png`."""
    files = {}
    for number in numbers:
        files[f"{number}.png"] = encode(scene(seed=10 * number))
        files[f"{number}_2.png"] = encode(scene(seed=10 * number + 1))
    return files


def make_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return output.getvalue()


def make_tar(files: Mapping[str, bytes], mode: str = "w", format_: int = tarfile.GNU_FORMAT) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode=mode, format=format_) as archive:  # type: ignore[call-overload]  # a mode
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return output.getvalue()


def tar_of_links() -> bytes:
    """A tar with a symbolic link, a hard link, a device, a folder, and one good picture."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for name, kind in (
            ("link.png", tarfile.SYMTYPE),
            ("hard.png", tarfile.LNKTYPE),
            ("device.png", tarfile.CHRTYPE),
            ("folder", tarfile.DIRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        data = encode(scene())
        info = tarfile.TarInfo("1.png")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return output.getvalue()


def zip_with_link() -> bytes:
    """A zip with a symbolic link and one good picture."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        info = zipfile.ZipInfo("link.png")
        info.create_system = 3
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("1.png", encode(scene()))
    return output.getvalue()
