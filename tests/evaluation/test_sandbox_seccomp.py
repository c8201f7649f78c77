"""The seccomp program, run by a small model of the kernel's BPF machine, on both architectures."""

from __future__ import annotations

import errno
import struct

import pytest

from green_logic.evaluation.isolation import seccomp
from green_logic.evaluation.isolation.seccomp import seccomp_program

OWN_PID = 77
ALLOWED = seccomp.ALLOW
ARCHITECTURES = pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])


def decide(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """What the kernel does with a call: a SECCOMP_RET_* value."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, arch, 0, *(value & (1 << 64) - 1 for value in padded))
    position = accumulator = 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from("HBBI", program, position * 8)
        position += 1
        if code == seccomp.LOAD:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == seccomp.RETURN:
            return int(operand)
        else:
            holds = {
                seccomp.EQUAL: accumulator == operand,
                seccomp.AT_LEAST: accumulator >= operand,
                seccomp.ANY_BIT: bool(accumulator & operand),
            }[code]
            position += if_true if holds else if_false


def refusal(number: int) -> int:
    return 0x0005_0000 | number


@ARCHITECTURES
@pytest.mark.parametrize("shares_host", [False, True])
def test_every_refused_call_is_refused(machine: str, column: int, shares_host: bool) -> None:
    program = seccomp_program(shares_host=shares_host, own_pid=OWN_PID, machine=machine)
    arch = seccomp.AUDIT_ARCH[machine]
    for name, numbers in seccomp.REFUSED.items():
        if (number := numbers[column]) is not None:
            assert decide(program, arch, number) == refusal(errno.EPERM), name
    for name, numbers in seccomp.REFUSED_ON_HOST.items():
        if (number := numbers[column]) is not None:
            expected = refusal(errno.EPERM) if shares_host else ALLOWED
            assert decide(program, arch, number) == expected, name


@ARCHITECTURES
def test_arguments_decide_where_a_call_has_honest_uses(machine: str, column: int) -> None:
    arch = seccomp.AUDIT_ARCH[machine]
    inside = seccomp_program(shares_host=False, own_pid=OWN_PID, machine=machine)
    outside = seccomp_program(shares_host=True, own_pid=OWN_PID, machine=machine)
    for program in (inside, outside):
        assert decide(program, arch, seccomp.CLONE[column], 0x003D_0F00) == ALLOWED  # a thread
        assert decide(program, arch, seccomp.CLONE[column], 17) == ALLOWED  # a fork
        for flag in (0x2_0000, 0x0200_0000, 0x1000_0000, 0x4000_0000, 0x80):
            assert decide(program, arch, seccomp.CLONE[column], 17 | flag) == refusal(errno.EPERM)
        assert decide(program, arch, seccomp.CLONE3, 0) == refusal(errno.ENOSYS)
        assert decide(program, arch, seccomp.PRCTL[column], 15) == ALLOWED  # PR_SET_NAME
        assert decide(program, arch, seccomp.PRCTL[column], 1) == refusal(errno.EPERM)
        assert decide(program, arch, seccomp.PRCTL[column], 1 | 1 << 32) == refusal(errno.EPERM)
        assert decide(program, arch, seccomp.PRLIMIT64[column], 0) == ALLOWED
        assert decide(program, arch, seccomp.PRLIMIT64[column], 1) == refusal(errno.EPERM)
        assert decide(program, arch, seccomp.FCNTL[column], 3, 1) == ALLOWED
        assert decide(program, arch, seccomp.FCNTL[column], 3, 8) == refusal(errno.EPERM)
        assert decide(program, arch, seccomp.SOCKET[column], 2) == refusal(errno.EACCES)
    assert decide(inside, arch, seccomp.SOCKET[column], 1) == ALLOWED
    assert decide(outside, arch, seccomp.SOCKET[column], 1) == refusal(errno.EACCES)
    assert decide(inside, arch, seccomp.KILL[column], 5, 9) == ALLOWED
    assert decide(outside, arch, seccomp.KILL[column], OWN_PID, 9) == ALLOWED
    for pid in (0, -1, 1, OWN_PID + 1):
        assert decide(outside, arch, seccomp.KILL[column], pid, 9) == refusal(errno.EPERM)


@ARCHITECTURES
def test_calls_under_another_numbering_are_refused(machine: str, column: int) -> None:
    program = seccomp_program(shares_host=False, own_pid=OWN_PID, machine=machine)
    read = (0, 63)[column]
    assert decide(program, seccomp.AUDIT_ARCH[machine], read) == ALLOWED
    assert decide(program, 0x4000_0003, read) == seccomp.KILL_PROCESS  # i386
    assert decide(program, seccomp.AUDIT_ARCH[machine], 0x4000_0000 | read) == refusal(errno.ENOSYS)


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(OSError, match="riscv64"):
        seccomp_program(shares_host=False, own_pid=OWN_PID, machine="riscv64")


def test_no_number_is_refused_twice_in_one_column() -> None:
    for column in (0, 1):
        numbers = [n[column] for table in (seccomp.REFUSED, seccomp.REFUSED_ON_HOST) for n in table.values()]
        known = [number for number in numbers if number is not None]
        assert len(known) == len(set(known))
