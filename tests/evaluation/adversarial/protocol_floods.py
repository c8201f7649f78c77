"""Answers every call with an endless stream of callbacks."""
# ruff: noqa


def visit(n, callback):
    while True:
        callback(0)
