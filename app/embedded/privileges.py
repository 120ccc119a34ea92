"""Root must not run PostgreSQL: which uid the servers get, and how that uid reaches what it needs.

A clone may lie under a folder that only root may enter. What the servers execute is then copied once to a cache
folder that belongs to root and that everyone may read; their data stays where it is (see `postgres`).
"""

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.embedded.failures import EmbeddedError

_NOBODY = 65534
_SYSTEM_CACHE = Path("/var/cache/syphus")


def unprivileged_ids() -> tuple[int, int] | None:
    """The uid and gid for the servers when this process is root, else None: they run as it does."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY, _NOBODY
    return entry.pw_uid, entry.pw_gid


def is_reachable(folder: Path, ids: tuple[int, int] | None) -> bool:
    """Whether that uid may walk down to the folder and into it."""
    if ids is None:
        return True
    return all(_may_enter(part, *ids) for part in (folder, *folder.parents))


def place_readable(
    sources: Mapping[str, Path], name: str, ids: tuple[int, int] | None, *, skip: tuple[str, ...] = ()
) -> Path:
    """A folder that uid can reach, with a copy of every source folder under its key; `name` carries the version.

    The copy appears whole or not at all, and is made once. Raises EmbeddedError when there is no place for it.
    """
    cache = _cache_folder(ids)
    target = cache / name
    if not target.exists():
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
        for key, source in sources.items():
            shutil.copytree(source, draft / key, symlinks=True, ignore=shutil.ignore_patterns(*skip))
        _open_to_readers(draft)
        try:
            draft.rename(target)
        except OSError:  # another start was faster
            shutil.rmtree(draft)
    return target


def _may_enter(folder: Path, uid: int, gid: int) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _cache_folder(ids: tuple[int, int] | None) -> Path:
    candidates = (_SYSTEM_CACHE, Path(tempfile.gettempdir()) / "syphus-cache")
    for candidate in candidates:
        try:
            candidate.mkdir(mode=0o755, parents=True, exist_ok=True)
            candidate.chmod(0o755)
        except OSError:
            continue
        status = candidate.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and is_reachable(candidate, ids):
            return candidate
    raise EmbeddedError(
        "No folder that the unprivileged user can read is writable"
        f" ({', '.join(map(str, candidates))}): set DATABASE_URL and REDIS_URL, or run as another user than root."
    )


def _open_to_readers(tree: Path) -> None:
    tree.chmod(0o755)
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
