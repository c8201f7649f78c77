"""A calculator: tokens, a recursive descent and no eval."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<sign>[-+*/()]))")
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True)
class Token:
    """One token."""

    kind: Kind
    text: str


def tokenize(text: str) -> Iterator[Token]:
    """The tokens of an expression."""
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"unexpected {text[position]!r} at {position}")
        position = match.end()
        kind = Kind.NUMBER if match["number"] else Kind.SIGN
        yield Token(kind, match["number"] or match["sign"])
    yield Token(Kind.END, "")


class Parser:
    """Reads one expression."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokenize(text))
        self._index = 0
        self.token = self._tokens[0]

    def parse(self) -> float:
        """The value."""
        value = self._sum()
        if self.token.kind is not Kind.END:
            raise ValueError(f"unexpected {self.token.text!r}")
        return value

    def _advance(self) -> Token:
        token = self.token
        self._index += 1
        self.token = self._tokens[min(self._index, len(self._tokens) - 1)]
        return token

    def _sum(self) -> float:
        value = self._product()
        while self.token.text in ("+", "-"):
            sign = self._advance()
            value = OPERATORS[sign.text](value, self._product())
        return value

    def _product(self) -> float:
        value = self._atom()
        while self.token.text in ("*", "/"):
            sign = self._advance()
            value = OPERATORS[sign.text](value, self._atom())
        return value

    def _atom(self) -> float:
        token = self._advance()
        if token.text == "-":
            return -self._atom()
        if token.text == "(":
            value = self._sum()
            if self._advance().text != ")":
                raise ValueError("expected )")
            return value
        if token.kind is not Kind.NUMBER:
            raise ValueError(f"expected a number, got {token.text!r}")
        return float(token.text)
