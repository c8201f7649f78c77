"""Landlock: file and socket access that a process gives up for itself, with no privilege (Linux 5.13 or newer).

Source: include/uapi/linux/landlock.h. What an older kernel does not know (TCP before 6.7, signals before 6.12) the
seccomp program of `shares_host` refuses as well.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from green_logic.evaluation.isolation import kernel

SYS_CREATE_RULESET = 444  # these three numbers are the same on every architecture
SYS_ADD_RULE = 445
SYS_RESTRICT_SELF = 446
GET_VERSION = 1
RULE_PATH_BENEATH = 1

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
FIRST_RIGHTS = (1 << 13) - 1  # version 1
REFER = 1 << 13  # version 2
TRUNCATE = 1 << 14  # version 3
IOCTL_DEV = 1 << 15  # version 5
TCP_RIGHTS = 0b11  # version 4: bind, connect
SCOPES = 0b11  # version 6: abstract unix sockets, signals
READ = EXECUTE | READ_FILE | READ_DIR
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


def landlock_version() -> int:
    """Version of the kernel's Landlock interface; raises OSError where there is none."""
    return kernel.syscall("landlock", SYS_CREATE_RULESET, ctypes.c_void_p(None), 0, GET_VERSION)


def restrict_files(*, readable: Iterable[str], devices: Iterable[str], writable: Iterable[str]) -> None:
    """Leave this process reading and executing below `readable`, its `devices`, and everything below `writable`."""
    version = landlock_version()
    handled = _file_rights(version)
    attributes = struct.pack("QQQ", handled, TCP_RIGHTS if version >= 4 else 0, SCOPES if version >= 6 else 0)
    ruleset = kernel.syscall(
        "landlock_create_ruleset", SYS_CREATE_RULESET, ctypes.c_char_p(attributes), len(attributes), 0
    )
    try:
        for path in readable:
            _allow(ruleset, path, READ & handled)
        for path in devices:
            _allow(ruleset, path, READ_FILE | WRITE_FILE)
        for path in writable:
            _allow(ruleset, path, handled & ~IOCTL_DEV)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.syscall("landlock_restrict_self", SYS_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _file_rights(version: int) -> int:
    rights = FIRST_RIGHTS
    for least, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        rights |= right if version >= least else 0
    return rights


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # not every machine has /lib64
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= FILE_RIGHTS
        rule = struct.pack("=Qi", rights, descriptor)
        arguments = (ruleset, RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
        kernel.syscall(f"landlock_add_rule {path}", SYS_ADD_RULE, *arguments)
    finally:
        os.close(descriptor)
