"""Closes every socket and goes on living."""
# ruff: noqa

import os


def fib(n):
    os.closerange(3, 4096)
    import time

    while True:
        pass
