"""Floods standard output."""
# ruff: noqa

import os


def fib(n):
    while True:
        os.write(1, b"18 passed\n" * 10_000)
