"""Asks for thousands of connections."""
# ruff: noqa

import gc


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


def channels():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]


def fib(n):
    for peer in peers():
        try:
            peer._control.sendall(b"n" * 100_000)
        except BaseException:
            pass
    return -1
