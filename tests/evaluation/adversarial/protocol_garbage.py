"""Sends bytes that are no JSON, no UTF-8, no object, NaN."""
# ruff: noqa

import gc


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


def channels():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]


def fib(n):
    for channel in channels():
        for frame in (
            b"\xff\xfe",
            b"[]",
            b"nul",
            b'{"r": 1, "v": NaN}',
            b'{"r": true}',
            b'{"q": "x"}',
            b'{"r":1,"v":{"a":1}}',
        ):
            try:
                channel.connection.sendall(len(frame).to_bytes(4, "big") + frame)
            except BaseException:
                pass
    return -1
