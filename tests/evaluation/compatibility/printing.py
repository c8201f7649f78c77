"""capsys and redirect_stdout see what the solution prints."""
# ruff: noqa

import logging
import sys
import warnings


def greet(name):
    print(f"Hello, {name}!")


def warn(text):
    print(text, file=sys.stderr)


def both():
    print("a")
    sys.stdout.write("b\n")
    callback = lambda: print("c")
    callback()


def complain():
    warnings.warn("a warning is not printed")
    logging.getLogger("printing").error("nor is a record of a logger without a handler")
    logging.error("nor one of the root")
    print("done")


def around(function):
    print("before")
    function()
    print("after")


# ---- hidden tests ----

import contextlib, io
from solution import around, both, complain, greet, warn


def test_capsys(capsys):
    greet("Ada")
    assert capsys.readouterr().out == "Hello, Ada!\n"


def test_stderr(capsys):
    warn("careful")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "careful\n")


def test_nothing_else(capsys):
    complain()
    assert capsys.readouterr() == ("done\n", "")


def test_redirect():
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        both()
    assert text.getvalue() == "a\nb\nc\n"


def test_order(capsys):
    around(lambda: print("inside"))
    assert capsys.readouterr().out == "before\ninside\nafter\n"
