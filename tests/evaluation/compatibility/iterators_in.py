"""Iterables of every kind go in: generators, maps, dict views, files in memory, ranges."""
# ruff: noqa

import csv


def total(items):
    return sum(items)


def pairs(items):
    return list(zip(items, items))


def parse(stream):
    return [row for row in csv.reader(stream)]


def write(stream, rows):
    for row in rows:
        stream.write(",".join(row) + "\n")


def keys(view):
    return sorted(view)


def chunk(read, size):
    parts = []
    while part := read(size):
        parts.append(part)
    return parts


# ---- hidden tests ----

import io
from solution import chunk, keys, pairs, parse, total, write


def test_kinds():
    assert (
        total(range(4)) == 6
        and total(x for x in (1, 2)) == 3
        and total(map(abs, [-1, 2])) == 3
        and total({1: 0, 2: 0}) == 3
        and total({1, 2}) == 3
        and total((1, 2)) == 3
    )


def test_shared_iterator():
    assert pairs(iter([1, 2, 3, 4])) == [(1, 2), (3, 4)]


def test_views():
    assert keys({"b": 1, "a": 2}.keys()) == ["a", "b"] and keys({"b": 1}.items()) == [("b", 1)]


def test_stream():
    assert parse(io.StringIO("a,b\nc,d\n")) == [["a", "b"], ["c", "d"]]


def test_output():
    out = io.StringIO()
    write(out, [["a", "b"]])
    assert out.getvalue() == "a,b\n"


def test_read():
    assert chunk(io.BytesIO(b"abcde").read, 2) == [b"ab", b"cd", b"e"]
