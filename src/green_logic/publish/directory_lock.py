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
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, at_work)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, at_work: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(at_work, hint="wait for it to end, then run the same command again") from error
    except OSError:
        return  # some network file systems lock no directory
