"""Context managers: classes and contextlib, suppression, errors on the way out."""
# ruff: noqa

import contextlib


class Transaction:
    def __init__(self):
        self.log = []

    def __enter__(self):
        self.log.append("begin")
        return self

    def __exit__(self, kind, error, trace):
        self.log.append("rollback" if kind else "commit")
        return kind is KeyError


@contextlib.contextmanager
def tagged(sink, name):
    sink.append(f"<{name}>")
    try:
        yield name.upper()
    finally:
        sink.append(f"</{name}>")


class Closing:
    closed = False

    def close(self):
        self.closed = True


# ---- hidden tests ----

import contextlib
import pytest
from solution import Closing, Transaction, tagged


def test_commit():
    with Transaction() as t:
        t.log.append("work")
    assert t.log == ["begin", "work", "commit"]


def test_rollback():
    t = Transaction()
    with pytest.raises(ZeroDivisionError), t:
        1 / 0
    assert t.log == ["begin", "rollback"]


def test_suppressed():
    with Transaction() as t:
        raise KeyError("x")
    assert t.log[-1] == "rollback"


def test_contextlib():
    sink = []
    with tagged(sink, "b") as name:
        sink.append(name)
    assert sink == ["<b>", "B", "</b>"]


def test_contextlib_error():
    sink = []
    with pytest.raises(RuntimeError), tagged(sink, "b"):
        raise RuntimeError
    assert sink == ["<b>", "</b>"]


def test_stack():
    sink = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(tagged(sink, "a"))
        stack.enter_context(tagged(sink, "b"))
    assert sink == ["<a>", "<b>", "</b>", "</a>"]


def test_closing():
    with contextlib.closing(Closing()) as c:
        assert not c.closed
    assert c.closed
