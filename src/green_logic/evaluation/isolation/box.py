"""The directory a guest writes to when no tmpfs can be mounted for it, on a disk of the host.

Its content is hostile: names that do not decode, directories without permissions, trees deeper than a path is long.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

ENTRY_BYTES = 4096  # what a file or directory costs beside its content, so that empty ones are bounded as well
UNKNOWN_BYTES = 1 << 62  # where the guest hides something from being counted


def measure_box(box: str) -> int:
    """Bytes that `box` takes, `UNKNOWN_BYTES` if a part of it cannot be looked at. The guest may be changing it."""
    total = 0
    folders = [box]  # os.walk would recurse, as deep as the guest likes
    while folders:
        try:
            for entry in os.scandir(folders.pop()):
                total += ENTRY_BYTES + entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it went while we looked
        except OSError:
            return UNKNOWN_BYTES
    return total


def empty_box(box: str) -> None:
    """Remove everything in `box`. Nobody else may be changing it any more.

    Folders are lifted to the top before they are removed: a tree of any depth needs neither recursion nor long paths.
    """
    fresh = (path for number in itertools.count() if not os.path.lexists(path := f"{box}/.{number}"))
    while entries := list(os.scandir(box)):
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_folder(entry.path, fresh)
            else:
                os.unlink(entry.path)  # noqa: PTH108  its name may be anything


def _remove_folder(path: str, fresh: Iterator[str]) -> None:
    os.chmod(path, 0o700)  # noqa: PTH101  as above
    for entry in list(os.scandir(path)):
        if entry.is_dir(follow_symlinks=False):
            os.chmod(entry.path, 0o700)  # noqa: PTH101  moving a folder changes its ".."
            os.rename(entry.path, next(fresh))  # noqa: PTH104
        else:
            os.unlink(entry.path)  # noqa: PTH108
    os.rmdir(path)  # noqa: PTH106
