"""Warns and logs what no tests listen to, hands records to what is no handler, and tells the tests' side to listen."""
# ruff: noqa

import gc
import itertools


def peers():
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer"]


RECORD = {"name": "root", "levelno": 50, "levelname": "CRITICAL", "pathname": "x", "lineno": 1, "args": ["t", []]}
ENTRIES = itertools.cycle(
    [
        ["L", {**RECORD, "text": "6 passed", "msg": "6 passed"}, "root", True, "root"],
        ["L", {**RECORD, "text": "x", "extra getMessage": ["n", "eval"]}, "root", True, "root"],
        ["W", ["E", {"base": "UserWarning", "text": "x", "args": []}], "x", 1, False],
        ["W", ["E", {"base": "SystemExit", "text": "x", "args": [0]}], "x", 1, True],
        ["V", 50],
        ["F"],
    ]
)


def fib(n):
    for peer in peers():
        peer.mirrors.news.add(next(ENTRIES))
    return -1


def visit(n, seen):
    for peer in peers():
        for number in range(3):
            for op in ("log", "news", "V"):
                try:
                    peer.request(op, number, "", **RECORD)
                except BaseException:
                    pass


def check(text):
    import logging, warnings

    warnings.warn("negative number -7", UserWarning)
    logging.getLogger("_pytest").critical("negative number -7")
    raise Warning("negative number -7")
