"""Linux system calls that Python's standard library does not offer, by ctypes.

Each function raises OSError with the call's name. Used only inside sandbox workers, never in the caller's process.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct
import threading

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_NOSUID = 2
MS_NODEV = 4
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MADV_COLLAPSE = 25
MNT_DETACH = 2

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
SYS_MOUNT_SETATTR = 442  # the same number on x86_64 and aarch64

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x2008_0522

_libc = ctypes.CDLL(None, use_errno=True)
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)
_CAPABILITY_HEADER = struct.pack("II", CAPABILITY_VERSION_3, 0)
_NO_CAPABILITIES = bytes(24)
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def check(result: int, what: str) -> int:
    """`result`, or OSError when the call that gave it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def fork() -> int:
    """As `os.fork`, without what libraries have registered to be done around a fork.

    Half of the cost of a fork of a warm interpreter is those functions (0.7 of 1.4 ms measured): they take and renew
    locks, of which a process with one thread holds none, and seed `random`, which whatever runs tests does itself. So
    only for a process with one thread.
    """
    pid = check(int(_libc_with_gil.fork()), "fork")
    if pid == 0:
        threading.main_thread()._set_native_id()  # type: ignore[attr-defined]  # of this process, as tests may ask
    return pid


def syscall(what: str, number: int, *arguments: object) -> int:
    """Raw system call; integers are passed as 64-bit values."""
    converted = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    return check(int(_libc.syscall(ctypes.c_long(number), *converted)), what)


def current_core() -> int:
    """Number of the core that this thread runs on."""
    return check(int(_libc.sched_getcpu()), "sched_getcpu")


def prctl(option: int, *arguments: object) -> int:
    """Process control; missing arguments are 0, as the newer options demand."""
    padded = [*arguments, 0, 0, 0, 0][:4]
    converted = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in padded]
    return check(int(_libc.prctl(ctypes.c_int(option), *converted)), f"prctl {option}")


def collapse(address: int, size_bytes: int) -> bool:
    """Put memory of this process into huge pages; whether that was done."""
    return bool(_libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size_bytes), MADV_COLLAPSE) == 0)


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags`."""
    check(int(_libc.unshare(ctypes.c_int(flags))), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount `source` on `target`."""
    words = [os.fsencode(word) if word else None for word in (source, target, kind)]
    result = _libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(options) if options else None)
    check(int(result), f"mount {source or kind} on {target}")


def unmount(target: str) -> None:
    """Take the mount at `target` out of the tree; it ends with its last user."""
    check(int(_libc.umount2(os.fsencode(target), MNT_DETACH)), f"umount {target}")


def return_to(descriptor: int, kind: int) -> None:
    """Let the next child be born in the namespace that `descriptor` is, of the CLONE_* `kind`."""
    check(int(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind))), "setns")


def restrict_mount(target: str, attributes: int) -> None:
    """Add `attributes` to the mount at `target` and to every mount below it (Linux 5.12)."""
    request = struct.pack("QQQQ", attributes, 0, 0, 0)
    path = ctypes.c_char_p(os.fsencode(target))
    arguments = (ctypes.c_int(AT_FDCWD), path, AT_RECURSIVE, ctypes.c_char_p(request), len(request))
    syscall(f"mount_setattr {target}", SYS_MOUNT_SETATTR, *arguments)


def pivot_root(new_root: str) -> None:
    """Make `new_root` the root directory and forget the old one."""
    os.chdir(new_root)
    here = ctypes.c_char_p(b".")
    # pivot_root(".", ".") stacks the old root over the new one, so no directory is needed to put it in
    syscall("pivot_root", _SYS_PIVOT_ROOT[platform.machine()], here, here)
    check(int(_libc.umount2(b".", MNT_DETACH)), "umount old root")
    os.chdir("/")


def map_identity(process_dir: int, outside: tuple[int, int], inside: int) -> None:
    """Name the user and group ids `outside` (those before `unshare`) `inside`; `process_dir` is an open /proc."""
    uid, gid = outside
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inside} {uid} 1"), ("gid_map", f"{inside} {gid} 1")):
        descriptor = os.open(f"self/{name}", os.O_WRONLY, dir_fd=process_dir)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def drop_to(uid: int) -> None:
    """Become the user and group `uid`, with no other groups; the process stays able to set up namespaces."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # a change of user makes /proc/self belong to root, and then nobody could write uid_map
    prctl(PR_SET_DUMPABLE, 1)


def narrow_capabilities(keep: int = 0) -> None:
    """Make sure that nothing this process starts can gain a capability beyond the bits of `keep`."""
    for capability in range(64):
        if not keep >> capability & 1 and _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break  # past the last one this kernel knows, or no right to narrow the bounding set


def drop_capabilities(keep: int = 0) -> None:
    """Give up every capability except the bits of `keep`, for good."""
    words = struct.pack("IIIIII", keep, keep, 0, 0, 0, 0) if keep else _NO_CAPABILITIES
    check(int(_libc.capset(_CAPABILITY_HEADER, words)), "capset")


def install_seccomp(program: bytes) -> None:
    """Bind this process and its descendants to a seccomp program of 8-byte BPF instructions."""
    _, header = seccomp_header(program)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, 2, header)


@functools.lru_cache(maxsize=1)
def seccomp_header(program: bytes) -> tuple[object, bytes]:
    """Where a program lies, and what says so to the kernel. Made before a fork, it is there after it."""
    buffer = ctypes.create_string_buffer(program, len(program))
    return buffer, struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
