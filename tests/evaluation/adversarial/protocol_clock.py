"""Sends clocks that run backwards, overflow, or are no numbers."""
# ruff: noqa

import gc


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


def channels():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]


import json

CLOCKS = [[-1, False], [1 << 80, False], ["x", 1], None, [1], [0, {"a": 1}]]


def fib(n):
    for channel in channels():
        frame = json.dumps({"r": 10**6, "c": CLOCKS[n % len(CLOCKS)]}).encode()
        channel.connection.sendall(len(frame).to_bytes(4, "big") + frame)
    return -1
