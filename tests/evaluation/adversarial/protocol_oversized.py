"""Answers with a frame whose length is 4 GB, and a value of 50 MB."""
# ruff: noqa

import gc


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


def channels():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]


def fib(n):
    for channel in channels():
        try:
            channel.connection.sendall(b"\xff\xff\xff\xff" + b"x" * 100)
        except BaseException:
            pass
    return -1


def roman(n):
    return "X" * 50_000_000
