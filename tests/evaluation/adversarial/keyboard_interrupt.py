"""Raises KeyboardInterrupt to end the session early."""
# ruff: noqa


def fib(*args):
    raise KeyboardInterrupt


first = ratio = fib
