"""The walls of the "namespaces" backend: a file tree of its own, then one set of namespaces for each job.

`build_root` runs once in a worker, `enter_namespaces` once for each job. As root the worker becomes a private user
in between: RLIMIT_NPROC does not bind the real root, not even inside a user namespace (measured: 300 forks under 64).
"""

from __future__ import annotations

import os
from pathlib import Path

from green_logic.evaluation.isolation import kernel
from green_logic.evaluation.testrun import BOX, Limits

GUEST_ID = 65534  # "nobody": what the guest sees of its own user and group
MAX_INODES = 4096
DEVICES = ("null", "zero", "full", "random", "urandom")
# in the guest's tree -> in its box, so that one limit counts every file
LINKS = {"/tmp": f"{BOX}/.tmp", "/dev/shm": f"{BOX}/.shm"}  # noqa: S108  these are the guest's, not the host's
JOB_NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)


def build_root(readable: tuple[str, ...], uid: int) -> int:
    """Move this process into a read-only tree of `readable` and become `uid` (0: stay). Returns an open /proc.

    The descriptor is the only way back to the host's /proc, which the tree lacks; user namespaces are named through it.
    """
    process_dir = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if os.geteuid() == 0:
        kernel.unshare(kernel.CLONE_NEWNS)
    else:
        ids = (os.geteuid(), os.getegid())
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        kernel.map_identity(process_dir, ids, ids[0])
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    # any directory will do, only this process sees it; /proc exists everywhere and nothing is shown from it
    root = "/proc"
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    for path in sorted(readable):
        _show(path, root)
    _make_devices(root)
    _make_places(root)
    kernel.pivot_root(root)
    kernel.restrict_mount("/", kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID)
    if uid:
        kernel.drop_to(uid)
    return process_dir


def enter_namespaces(process_dir: int, limits: Limits) -> None:
    """Give this process's next child namespaces of its own, and a box of `disk_bytes` to write in."""
    ids = (os.geteuid(), os.getegid())
    kernel.unshare(JOB_NAMESPACES)
    kernel.map_identity(process_dir, ids, GUEST_ID)
    options = f"size={limits.disk_bytes},nr_inodes={MAX_INODES},mode=700"
    kernel.mount("tmpfs", BOX, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    for target in LINKS.values():
        Path(target).mkdir()


def _show(path: str, root: str) -> None:
    """Bind `path` of the host, whatever it is, to the same place below `root`, read-only."""
    source, target = Path(path), Path(root + path)
    if target.exists() or target.is_symlink():
        return  # inside a directory that is shown already
    _make_parents(target.parent, root)
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    if source.is_dir():
        target.mkdir()
    else:
        target.touch()
    kernel.mount(path, str(target), flags=kernel.MS_BIND | kernel.MS_REC)
    attributes = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_NODEV
    kernel.restrict_mount(str(target), attributes)


def _make_parents(directory: Path, root: str) -> None:
    """Directories on the way to something that is shown: they may be walked through, not listed."""
    if str(directory) == root or directory.exists():
        return
    _make_parents(directory.parent, root)
    directory.mkdir()
    directory.chmod(0o111)


def _make_devices(root: str) -> None:
    directory = Path(root, "dev")
    directory.mkdir()
    for name in DEVICES:
        (directory / name).touch()
        kernel.mount(f"/dev/{name}", str(directory / name), flags=kernel.MS_BIND)


def _make_places(root: str) -> None:
    Path(root + BOX).mkdir()
    for link, target in LINKS.items():
        if not Path(root + link).exists():
            Path(root + link).symlink_to(target)
        elif link == "/tmp":  # noqa: S108  Python itself lives below the host's
            os.environ["TMPDIR"] = target
