"""Takes ten gigabytes, in one process and in many."""
# ruff: noqa

import os


def fib(n):
    hoard = []
    while True:
        hoard.append(bytearray(10_000_000))


def first(n):
    for _ in range(8):
        if os.fork() == 0:
            hoard = [bytearray(100_000_000) for _ in range(4)]
            while True:
                pass
    while True:
        pass
