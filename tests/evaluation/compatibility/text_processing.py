"""Text in all forms: unicode, regular expressions, templates, big strings."""
# ruff: noqa

import re

PATTERN = re.compile(r"(?P<key>\w+)=(?P<value>\w*)")


def pairs(text):
    return dict(PATTERN.findall(text))


def match(text):
    return PATTERN.match(text)


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def big(n):
    return "x" * n


def lines(text):
    return text.splitlines()


def words(text):
    return (w for w in text.split())


# ---- hidden tests ----

import re
import pytest
from solution import PATTERN, big, lines, match, pairs, slug, words


def test_pairs():
    assert pairs("a=1 b=") == {"a": "1", "b": ""}


def test_match():
    assert (
        match("k=v").group("key") == "k"
        and match("k=v").groups() == ("k", "v")
        and match("") is None
        and match("k=v")["value"] == "v"
    )


def test_pattern():
    assert PATTERN.pattern.startswith("(?P<key>") and PATTERN.search("x=y").span() == (0, 3)


def test_slug():
    assert slug("Hello,  Wörld!") == "hello-w-rld"


def test_big():
    assert len(big(1_000_000)) == 1_000_000


def test_lines():
    assert lines("a\nb\r\nc") == ["a", "b", "c"]


def test_words():
    assert sorted(words("b a")) == ["a", "b"] and " ".join(words("b a")) == "b a"
