"""A directory to oneself: the lock is on the directory itself and leaves no file behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from green_logic.errors import StorageError


@contextlib.contextmanager
def alone_in(directory: Path, at_work: str) -> Iterator[None]:
    """Keep others that ask for the same out. Raises StorageError with the words `at_work` if somebody is there."""
    descriptor = _open(directory)
    try:
        _lock(descriptor)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StorageError(at_work, hint="wait for it to end, then run the same command again") from error
    except OSError:
        pass  # some network file systems lock no directory
    try:
        yield
    finally:
        os.close(descriptor)


def lock_directory(directory: Path) -> int:
    """A descriptor that locks a directory until it is closed. Raises BlockingIOError when a living process has it,
    OSError where there is no such directory or the file system locks none.
    """
    descriptor = _open(directory)
    try:
        _lock(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _open(directory: Path) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _lock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
