"""Asks the tests' process for objects, attributes and calls that nobody handed over."""
# ruff: noqa

import gc


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


def channels():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]


def fib(n):
    for peer in peers():
        for number in range(0, 50):
            for op, name in (
                ("get", "__globals__"),
                ("get", "__class__"),
                ("op", "__getattribute__"),
                ("call", ""),
                ("set", "x"),
                ("class", ""),
                ("run", ""),
            ):
                try:
                    peer.request(op, number, name, "x")
                except BaseException:
                    pass
    return -1
