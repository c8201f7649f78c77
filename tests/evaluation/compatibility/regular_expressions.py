"""Compiled patterns, matches, tokenizers and parsers whose results are objects of the standard library."""
# ruff: noqa

import re
from collections import namedtuple
from dataclasses import dataclass, field
from typing import Iterator

Token = namedtuple("Token", "kind text at")
PATTERN = re.compile(r"(?P<number>\d+(\.\d+)?)|(?P<name>[a-z]+)|(?P<op>[-+*/()])|(?P<space>\s+)")


class ParseError(SyntaxError):
    pass


def tokens(text) -> Iterator[Token]:
    at = 0
    while at < len(text):
        match = PATTERN.match(text, at)
        if not match:
            raise ParseError(f"unexpected {text[at]!r} at {at}")
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match.group(), at)
        at = match.end()


def find(text, word):
    return re.search(rf"\b{re.escape(word)}\b", text)


def compile_glob(glob):
    return re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in glob))


def mask(text, function):
    return re.sub(r"\d+", lambda match: function(int(match.group())), text)


@dataclass
class Node:
    op: str
    parts: list = field(default_factory=list)

    def value(self, names):
        if self.op == "number":
            return float(self.parts[0])
        if self.op == "name":
            return names[self.parts[0]]
        left, right = (part.value(names) for part in self.parts)
        return {"+": left + right, "-": left - right, "*": left * right}[self.op] if self.op != "/" else left / right


class Parser:
    def __init__(self, text):
        self._tokens = list(tokens(text))

    def parse(self):
        node = self._sum()
        if self._tokens:
            raise ParseError(f"left over: {self._tokens[0].text}")
        return node

    def _take(self, *texts):
        if self._tokens and self._tokens[0].text in texts:
            return self._tokens.pop(0).text
        return None

    def _sum(self):
        node = self._product()
        while op := self._take("+", "-"):
            node = Node(op, [node, self._product()])
        return node

    def _product(self):
        node = self._atom()
        while op := self._take("*", "/"):
            node = Node(op, [node, self._atom()])
        return node

    def _atom(self):
        if self._take("("):
            node = self._sum()
            if not self._take(")"):
                raise ParseError("expected )")
            return node
        if not self._tokens:
            raise ParseError("unexpected end")
        token = self._tokens.pop(0)
        return Node(token.kind, [token.text])


# ---- hidden tests ----

import re

import pytest
from solution import PATTERN, Node, ParseError, Parser, Token, compile_glob, find, mask, tokens


def test_tokens():
    assert list(tokens("1 + ab")) == [("number", "1", 0), ("op", "+", 2), ("name", "ab", 4)]
    first = next(tokens("42"))
    assert first == Token("number", "42", 0) and first.kind == "number"


def test_bad_token():
    stream = tokens("1 $")
    assert next(stream).text == "1"
    with pytest.raises(ParseError, match=r"unexpected '\$' at 2"):
        next(stream)
    with pytest.raises(SyntaxError):
        list(tokens("?"))


def test_match():
    match = find("the cat sat", "cat")
    assert match and match.group() == "cat" and match.span() == (4, 7) and match.start() == 4 and match[0] == "cat"
    assert find("concatenate", "cat") is None


def test_pattern():
    glob = compile_glob("*.p?")
    assert glob.fullmatch("a.py") and not glob.fullmatch("a.txt") and glob.pattern == r".*\.p."
    assert PATTERN.groupindex["name"] == 3 and bool(PATTERN.match("x"))


def test_callback():
    assert mask("a1b22", lambda n: "#" * n) == "a#b" + "#" * 22
    assert mask("none", lambda n: 1 / 0) == "none"


def test_pattern_of_the_test():
    assert re.compile(r"\d").sub("", str(mask("7", str))) == ""


@pytest.mark.parametrize(
    ("text", "value"), [("1+2*3", 7), ("(1+2)*3", 9), ("8/4/2", 1), ("x-1", 4), ("2*(x+(1))", 12), ("1.5", 1.5)]
)
def test_value(text, value):
    assert Parser(text).parse().value({"x": 5}) == value


@pytest.mark.parametrize("text", ["", "1+", "(1", "1 2", "1)"])
def test_errors(text):
    with pytest.raises(ParseError):
        Parser(text).parse()


def test_tree():
    assert Parser("1+x").parse() == Node("+", [Node("number", ["1"]), Node("name", ["x"])])
    with pytest.raises(KeyError, match="y"):
        Parser("y").parse().value({})
    with pytest.raises(ZeroDivisionError):
        Parser("1/0").parse().value({})
