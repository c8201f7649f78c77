"""The seccomp program of a guest: which system calls hostile code may not make.

A list of refusals, not of permissions: Python's standard library must work whole, threads and subprocesses included,
and namespaces or Landlock are the walls. The filter closes doors behind them: kernel interfaces that honest tests never
use and that were the way out of past sandboxes. Numbers: arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import errno
import functools
import platform
import struct

# name -> (x86_64, aarch64); None where the architecture has no such call
Numbers = dict[str, tuple[int | None, int | None]]
REFUSED: Numbers = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "personality": (135, 92),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    # memory that no limit of the sandbox counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
# Without namespaces the guest shares the host's files and processes. Landlock guards opening, but these work on a path
# or a process that was never opened.
REFUSED_ON_HOST: Numbers = {
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "tkill": (200, 130),
    "pidfd_send_signal": (424, 424),
}
CLONE: tuple[int, int] = (56, 220)
CLONE3 = 435
SOCKET: tuple[int, int] = (41, 198)
PRCTL: tuple[int, int] = (157, 167)
IOCTL: tuple[int, int] = (16, 29)
FCNTL: tuple[int, int] = (72, 25)
PRLIMIT64: tuple[int, int] = (302, 261)
KILL: tuple[int, int] = (62, 129)
TGKILL: tuple[int, int] = (234, 131)

NAMESPACE_FLAGS = 0x7E02_0080  # every CLONE_NEW* flag, CLONE_NEWTIME too
AF_UNIX = 1
PR_SET_PDEATHSIG = 1
# TIOCSTI and TIOCLINUX type into a terminal; FIOSETOWN and SIOCSPGRP aim signals at any process, as F_SETOWN does
REFUSED_IOCTLS = (0x5412, 0x541C, 0x8901, 0x8902)
REFUSED_FCNTLS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX

AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
X32_BIT = 0x4000_0000

LOAD = 0x20
EQUAL = 0x15
AT_LEAST = 0x35
ANY_BIT = 0x45
RETURN = 0x06
ALLOW = 0x7FFF_0000
KILL_PROCESS = 0x8000_0000
NUMBER_OFFSET = 0
ARCH_OFFSET = 4
ARGUMENT_OFFSETS = (16, 24)  # low words on a little-endian machine; the kernel reads these arguments as 32-bit ints


@functools.cache
def seccomp_program(*, shares_host: bool, own_pid: int, machine: str = "") -> bytes:
    """BPF instructions for one guest. `shares_host`: no namespaces, so refuse what reaches other processes and files.

    `own_pid` is the guest's process: without a process namespace it is the only one it may signal.
    Raises OSError on an architecture whose numbers are not known.
    """
    machine = machine or platform.machine()
    if machine not in AUDIT_ARCH:
        raise OSError(errno.ENOSYS, f"no seccomp table for {machine}")
    column = 0 if machine == "x86_64" else 1
    program = [_step(LOAD, ARCH_OFFSET), _jump(EQUAL, AUDIT_ARCH[machine], 1, 0), _step(RETURN, KILL_PROCESS)]
    program.append(_step(LOAD, NUMBER_OFFSET))
    # the x32 calls are the same calls under other numbers
    program += [_jump(AT_LEAST, X32_BIT, 0, 1), _refuse(errno.ENOSYS)]
    for table in (REFUSED, REFUSED_ON_HOST) if shares_host else (REFUSED,):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                program += [_jump(EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    # its flags are behind a pointer that no filter can follow; glibc falls back to clone
    program += [_jump(EQUAL, CLONE3, 0, 1), _refuse(errno.ENOSYS)]
    program += _argument_rules(column, shares_host=shares_host, own_pid=own_pid)
    program.append(_step(RETURN, ALLOW))
    return b"".join(program)


def _argument_rules(column: int, *, shares_host: bool, own_pid: int) -> list[bytes]:
    rules = _when(CLONE[column], 0, [_jump(ANY_BIT, NAMESPACE_FLAGS, 0, 1), _refuse(errno.EPERM)])
    rules += _when(PRCTL[column], 0, _refuse_values((PR_SET_PDEATHSIG,)))
    rules += _when(IOCTL[column], 1, _refuse_values(REFUSED_IOCTLS))
    rules += _when(FCNTL[column], 1, _refuse_values(REFUSED_FCNTLS))
    # 0 is the caller itself
    rules += _when(PRLIMIT64[column], 0, _refuse_others(0, errno.EPERM))
    if not shares_host:
        return rules + _when(SOCKET[column], 0, _refuse_others(AF_UNIX, errno.EACCES))
    # a unix socket of the host is a way out that Landlock does not guard; socketpair, which asyncio needs, is not one
    rules += _when(SOCKET[column], 0, [_refuse(errno.EACCES)])
    for call in (KILL, TGKILL):
        rules += _when(call[column], 0, _refuse_others(own_pid, errno.EPERM))
    return rules


def _when(number: int, argument: int, rules: list[bytes]) -> list[bytes]:
    """`rules` on one argument of one call, which is allowed after them."""
    body = [_step(LOAD, ARGUMENT_OFFSETS[argument]), *rules, _step(RETURN, ALLOW)]
    return [_jump(EQUAL, number, 0, len(body)), *body]


def _refuse_values(values: tuple[int, ...]) -> list[bytes]:
    return [step for value in values for step in (_jump(EQUAL, value, 0, 1), _refuse(errno.EPERM))]


def _refuse_others(value: int, error: int) -> list[bytes]:
    return [_jump(EQUAL, value, 1, 0), _refuse(error)]


def _refuse(error: int) -> bytes:
    return _step(RETURN, 0x0005_0000 | error)


def _step(code: int, operand: int) -> bytes:
    return struct.pack("HBBI", code, 0, 0, operand)


def _jump(code: int, operand: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, operand)
