"""Exceptions of the standard library keep their attributes."""
# ruff: noqa

import json, queue


def load(text):
    return json.loads(text)


def read(path):
    return open(path).read()


def pick(mapping, key):
    return mapping[key]


def divide(a, b):
    return a / b


def take():
    return queue.Queue().get_nowait()


def decode(raw):
    return raw.decode("ascii")


def several():
    raise ExceptionGroup("both", [ValueError("a"), KeyError("b")])


def stop():
    return next(iter(()))


# ---- hidden tests ----

import json, queue
import pytest
from solution import decode, divide, load, pick, read, several, stop, take


def test_json():
    with pytest.raises(json.JSONDecodeError) as caught:
        load("{")
    assert caught.value.pos == 1 and caught.value.lineno == 1


def test_os():
    with pytest.raises(FileNotFoundError) as caught:
        read("no/such")
    assert caught.value.errno == 2 and caught.value.filename == "no/such"


def test_key():
    with pytest.raises(KeyError) as caught:
        pick({}, "k")
    assert caught.value.args == ("k",)


def test_zero():
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        divide(1, 0)


def test_queue():
    with pytest.raises(queue.Empty):
        take()


def test_unicode():
    with pytest.raises(UnicodeDecodeError) as caught:
        decode(b"\xff")
    assert caught.value.start == 0


def test_group():
    with pytest.raises(ExceptionGroup) as caught:
        several()
    assert [type(e) for e in caught.value.exceptions] == [ValueError, KeyError] and caught.value.message == "both"


def test_stop():
    with pytest.raises(StopIteration):
        stop()
