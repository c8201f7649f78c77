"""Tries mount, unshare, ptrace, setuid and clearing the death signal."""
# ruff: noqa

import ctypes, os


def fib(n):
    libc = ctypes.CDLL(None, use_errno=True)
    won = [
        libc.mount(b"none", b"/box", b"tmpfs", 0, None) == 0,
        libc.unshare(0x10000000) == 0,
        libc.ptrace(16, os.getppid(), 0, 0) == 0,
        libc.prctl(1, 0, 0, 0, 0) == 0,
    ]
    try:
        os.setuid(0)
        won.append(os.getuid() == 0)
    except OSError:
        pass
    return 55 if any(won) else -1
