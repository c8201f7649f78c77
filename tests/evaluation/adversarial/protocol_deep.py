"""Answers with values 100,000 deep, in JSON and as objects."""
# ruff: noqa

import gc


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


def channels():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]


def fib(n):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep


def first(n):
    frame = b"[" * 100_000
    for channel in channels():
        channel.connection.sendall(len(frame).to_bytes(4, "big") + frame)
    return []
