"""Tells news out of order, with gaps, of things that are not there, and confirms news that were never sent."""
# ruff: noqa

import gc


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


def channels():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]


import itertools
import json

NEWS = itertools.cycle(
    [
        {"u": [10**9, ["l", 4, [0, 1]]]},
        {"u": [0, ["o", "stdout", "6 passed"]]},
        {"u": []},
        {"u": [1]},
        {"u": [1, ["u", 2, [1]]]},
        {"u": [1, ["l", 1, [["m", 1]]]], "h": 10**9},
        {"u": [1, ["l", 1, []], ["l", 1, [5]]]},
        {"u": [1, ["s", 3, [["m", 3]]]]},
        {"u": [1, ["d", 5, [[["m", 5], 1]]]]},
        {"u": [1, ["l", 2, []], ["x", 2], ["x", 2]]},
        {"u": [1, ["l"], ["u"], [], ["x"]]},
        {"u": [1, ["o", "__class__", "x"], ["o", "stdout"]]},
        {"h": -5},
        {"h": "1"},
        {"u": {"first": 1}},
    ]
)


def fib(n):
    for channel in channels():
        for _ in range(20):
            frame = json.dumps(next(NEWS)).encode()
            try:
                channel.connection.sendall(len(frame).to_bytes(4, "big") + frame)
            except BaseException:
                pass
    return -1


def roman(n):
    for peer in peers():
        peer.mirrors.news.pack = lambda message, brought: (b"\0\0\0\2{}" * 1000, 10**6)
    return []
