"""The machine around a ledger, as plain values: gathered once, so that what is said about them is a pure function."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from green_logic.errors import ConfigurationError, RetryableError
from green_logic.evaluation.isolation.cgroups import find_obstacle
from green_logic.evaluation.weights import PINS, default_model_dir, has_weights, map_pinned
from green_logic.files import storage_errors
from green_logic.settings import Settings

PACKAGES = ("prefect", "fastapi", "sqlalchemy")  # looked up by their metadata: importing Prefect takes seconds
# f_type of statfs(2), from linux/magic.h and the file systems' own sources
NETWORK_FILE_SYSTEMS = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFE534D42: "SMB",
    0xFF534D42: "CIFS",
    0x01021997: "9p",
    0x00C36400: "Ceph",
    0x5346414F: "AFS",
    0x6B414653: "AFS",
    0x73757245: "Coda",
    0x0BD00BD0: "Lustre",
    0x19830326: "BeeGFS",
    0x47504653: "GPFS",
    0x01161970: "GFS2",
    0x7461636F: "OCFS2",
}
VOLATILE_FILE_SYSTEMS = {0x01021994: "tmpfs", 0x858458F6: "ramfs"}


@dataclass(frozen=True)
class Surroundings:
    """What a ledger stands on. `sandbox` is the backend that holds, "" when none does (`sandbox_refusal` says why)."""

    now: datetime
    free_bytes: int
    free_files: int  # inodes; -1: the file system does not count them
    file_system: int  # f_type of statfs
    read_only: bool  # nobody may write to it, whatever the modes of files say
    sandbox: str
    sandbox_refusal: str = ""
    group_obstacle: str = ""  # why no control group binds the processes of a submission together
    weights: str = ""  # what is wrong with the model's files
    weights_found: bool = True
    sqlite: tuple[int, ...] = sqlite3.sqlite_version_info
    packages: Mapping[str, str] = field(default_factory=dict)  # name -> version, of those installed


def look_around(settings: Settings) -> Surroundings:
    """Ask the machine. It starts a sandbox with its probe (about 2 s) and hashes the model's files (0.3 s).

    Raises StorageError when it may not.
    """
    with storage_errors("cannot look at the data directory"):
        data_dir = settings.data_dir.absolute()
        place = next(path for path in (data_dir, *data_dir.parents) if path.exists())
        room = os.statvfs(place)
    sandbox, refusal = _try_sandbox()
    found, weights = _check_weights(settings)
    return Surroundings(
        now=datetime.now(UTC),
        free_bytes=room.f_bavail * room.f_frsize,
        free_files=room.f_favail if room.f_files else -1,
        file_system=find_file_system(place),
        read_only=bool(room.f_flag & os.ST_RDONLY),
        sandbox=sandbox,
        sandbox_refusal=refusal,
        group_obstacle=find_obstacle(),
        weights=weights,
        weights_found=found,
        packages=_find_packages(),
    )


def find_file_system(path: Path) -> int:
    """`f_type` of the file system that a path lies on; 0 when it cannot be told."""
    buffer = ctypes.create_string_buffer(512)  # struct statfs is 120 bytes; its first field is a long
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(path), buffer) != 0:
        return 0
    return ctypes.c_ulong.from_buffer(buffer).value & 0xFFFFFFFF


def _try_sandbox() -> tuple[str, str]:
    from green_logic.evaluation.sandbox import Sandbox  # noqa: PLC0415  only this check needs it

    try:
        with Sandbox.open(workers=1) as sandbox:
            return sandbox.backend, ""
    except (ConfigurationError, RetryableError) as error:
        return "", error.message


def _check_weights(settings: Settings) -> tuple[bool, str]:
    folder = settings.model_dir or default_model_dir()
    if not has_weights(folder):
        return False, f"{folder} has no model"
    try:
        for pin in PINS:
            map_pinned(folder, pin).close()
    except ConfigurationError as error:
        return True, error.message
    return True, ""


def _find_packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
