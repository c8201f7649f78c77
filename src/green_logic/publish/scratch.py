"""Directories for work to be thrown away: locked while their process lives, removed by the next one once it is gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from green_logic.files import TEMPORARY_PREFIX, make_directory
from green_logic.publish.directory_lock import lock_directory

FETCH, DRILL = "fetch", "drill"  # a backup brought here from a URI, and a restore that is only rehearsed


@contextlib.contextmanager
def scratch_directory(parent: Path | None, purpose: str) -> Iterator[Path]:
    """A new directory under `parent` (default: with the system's temporary files), removed afterwards.

    What killed processes left there for the same purpose is removed first.
    """
    folder = parent or Path(tempfile.gettempdir())
    make_directory(folder)
    for path in find_abandoned(folder, [purpose]):
        _remove(path)
    path, lock = _make(folder, purpose)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def find_abandoned(parent: Path, purposes: Sequence[str] = (FETCH, DRILL)) -> list[Path]:
    """Scratch directories of this user that no living process holds; none where the file system cannot tell."""
    prefixes = tuple(f"{TEMPORARY_PREFIX}{purpose}-" for purpose in purposes)
    try:
        found = sorted(path for path in parent.iterdir() if path.name.startswith(prefixes))
    except OSError:
        return []
    return [path for path in found if _is_abandoned(path)]


def _is_abandoned(path: Path) -> bool:
    try:
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            return False
        os.close(lock_directory(path))
    except OSError:
        return False
    return True


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else was faster
        lock = lock_directory(path)  # so that a process that has just made it does not take it for its own
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _make(parent: Path, purpose: str) -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{purpose}-", dir=parent))
        try:
            lock = lock_directory(path)
        except (BlockingIOError, FileNotFoundError):
            continue  # somebody swept it between the two calls
        except OSError:
            return path, None  # some network file systems lock no directory; there nobody sweeps either
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                return path, lock
        os.close(lock)
