"""Uses a handed-over callback to reach beyond it: reads, sets, special methods."""
# ruff: noqa

import gc


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


def channels():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]


def visit(n, callback):
    for peer in peers():
        for op, name in (
            ("get", "__self__"),
            ("get", "__class__"),
            ("get", "__func__"),
            ("op", "__setattr__"),
            ("op", "__init__"),
            ("op", "__reduce__"),
            ("set", "x"),
            ("own", "x"),
            ("dir", ""),
        ):
            try:
                found = peer.request(op, callback._handed_number, name, 1)
                found[:] = [0, 1, 1, 2]
            except BaseException:
                pass
