"""Files that survive a crash: the only place that writes under the data directory.

The order is always: write under a temporary name, make the bytes durable, give the final name, make the name durable.
A reader therefore sees a whole file or none, and a name that was acknowledged stays after a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from green_logic.access import missing_permission
from green_logic.errors import StorageError

SYNCFS_FROM = 16  # files; below, one fsync each is cheaper than flushing the whole file system (measured)
TEMPORARY_PREFIX = ".tmp-"
# a rename to an existing name replaces it silently; link refuses. Some file systems have no hard links:
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


@contextlib.contextmanager
def storage_errors(what: str, place: str = "--data-dir") -> Iterator[None]:
    """Turn an OSError inside the block into a StorageError that names `what`, and the flag of the `place` to change."""
    try:
        yield
    except OSError as error:
        raise storage_error(what, error, place) from error


def storage_error(what: str, error: OSError, place: str = "--data-dir") -> StorageError:
    """The StorageError for an OSError, with the next step for the usual causes."""
    denied = f"give this user {missing_permission(str(error.filename or '/'))} permission, or choose another {place}"
    hints = {
        errno.ENOSPC: "free space on this file system, then run the same command again",
        errno.EDQUOT: "free space in this quota, then run the same command again",
        errno.EROFS: f"the file system is read-only: choose another {place}",
        errno.EACCES: denied,
        errno.EPERM: denied,
        errno.ENOTDIR: f"a file stands where a directory should be: choose another {place}",
        errno.EISDIR: f"a directory stands where a file should be: choose another {place}",
        errno.ENAMETOOLONG: f"choose another {place}",
        errno.ELOOP: f"a link leads back to itself: choose another {place}",
    }
    reason = error.strerror or str(error)
    name = f" ({error.filename})" if error.filename else ""
    hint = hints.get(error.errno or 0, "nothing was acknowledged: run the same command again")
    return StorageError(f"{what}: {reason}{name}", hint=hint)


def make_directory(path: Path) -> None:
    """Make a directory and its parents, each durable: a name whose parent was not synced can vanish with the power."""
    if path.is_dir():
        return
    make_directory(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the bytes of an existing file durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write one file whole and durable, replacing what had its name."""
    temporary = path.with_name(TEMPORARY_PREFIX + path.name)
    try:
        _write_bytes(temporary, data, sync=True, mode=mode)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def write_new_files(directory: Path, files: Mapping[str, bytes], *, group_sync: str = "auto") -> None:
    """Write many new files whole and durable with one barrier; a name that exists is refused (FileExistsError).

    The caller holds the lock of `directory`. Durable when this returns: bytes and names. After an error some of the
    files may be there, whole.
    """
    temporaries = {name: directory / (TEMPORARY_PREFIX + name) for name in files}
    together = group_sync == "auto" and len(files) >= SYNCFS_FROM
    try:
        for name, data in files.items():
            _write_bytes(temporaries[name], data, sync=not together)
        if together:
            _sync_file_system(directory)
        for name, temporary in temporaries.items():
            rename_new(temporary, directory / name)
    except OSError:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise
    sync_directory(directory)


def rename_new(source: Path, target: Path) -> None:
    """Rename, refusing to replace an existing `target` (FileExistsError)."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        source.rename(target)
        return
    source.unlink()


def _write_bytes(path: Path, data: bytes, *, sync: bool, mode: int = 0o644) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, mode)
    except FileExistsError:
        # a crash inside rename_new leaves one inode under both names: truncating it would empty the final file
        path.unlink()
        descriptor = os.open(path, flags, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(directory: Path) -> None:
    import ctypes  # noqa: PLC0415  only writers need it

    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Linux reports write errors through syncfs since 5.8; the standard library has no binding for it
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(directory))
    finally:
        os.close(descriptor)


class FileLock:
    """An advisory lock on a file of its own (flock): it ends with its holder, even by `kill -9`.

    Every `held` opens the file anew, so that two holders in one process exclude each other too.
    """

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self.path = path
        self._timeout_s = timeout_s

    @contextlib.contextmanager
    def held(self) -> Iterator[int]:
        """Hold the lock alone. Raises StorageError when it was not to be had in time.

        Gives its descriptor: a child process that inherits it holds the lock too, until it ends.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            descriptor = self._wait(descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int) -> int:
        waiter = _LockWaiter(descriptor)
        waiter.start()
        try:
            waiter.join(self._timeout_s)
        except BaseException:
            # interrupted: a lock that came meanwhile must not stay with a thread that nobody asks again
            if waiter.take():
                os.close(descriptor)
            raise
        if waiter.take():
            return descriptor
        raise StorageError(
            f"{self.path}: another process has held this lock for {self._timeout_s:g} s",
            hint="wait for it to end, then run the same command again; nothing was lost",
        )


class _LockWaiter(threading.Thread):
    """Waits in a blocking flock, on behalf of a thread that has a time limit.

    Polling starves: a busy writer takes the lock back between two polls, whereas the kernel wakes blocked ones in turn.
    The descriptor belongs to whoever comes last: the taker, or this thread when it was left behind.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True, name="lock-waiter")
        self._descriptor = descriptor
        self._guard = threading.Lock()
        self._locked = False
        self._left_behind = False

    def run(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._guard:
            self._locked = True
            if self._left_behind:
                os.close(self._descriptor)

    def take(self) -> bool:
        """Whether the lock is had; if not, the descriptor stays with this thread."""
        with self._guard:
            self._left_behind = not self._locked
            return self._locked


def is_held(lock: Path) -> bool:
    """Whether a living process holds a lock file; it is not made where there is none."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a planted pipe is not waited for
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


class Presence:
    """Says that this process is at work in a directory, until it closes or dies: a shared flock.

    `alone` tells whether nobody else was there when it was opened; only then may leftovers be swept away.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.alone = True
        except BlockingIOError:
            self.alone = False

    def share(self) -> None:
        """Let others in; called once the leftovers are swept."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        """Leave. A second call does nothing: the number may be somebody else's file by then."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
