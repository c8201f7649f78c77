"""JSON and battle ids from untrusted bytes, without the extensions and ambiguities that JSON parsers let through.

Small on purpose: whoever only verifies needs this and not the typed battle.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import orjson

from green_logic.errors import InvalidBattleError

BATTLE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # used with fullmatch: `$` lets a newline through
EXCERPT = 80  # characters of a wrong value shown in a message
WHITE_SPACE = b" \t\r\n"  # what JSON allows around a value


def check_battle_id(value: object) -> str:
    """The id, or InvalidBattleError. An id becomes a file name, so this is also what keeps files in their folder."""
    if not isinstance(value, str) or not BATTLE_ID.fullmatch(value):
        raise InvalidBattleError(
            f"battle_id: expected 1 to 128 of A-Z a-z 0-9 . _ - and a letter or digit first, got {excerpt(value)}"
        )
    return value


def parse_json(text: bytes) -> Any:
    """JSON without the extensions and ambiguities that Python's parser lets through.

    Raises InvalidBattleError for duplicate keys, NaN, Infinity, numbers beyond a double, bad UTF-8, too deep nesting.
    """
    try:
        # A text that the fast parser prints again byte for byte holds nothing ambiguous (a third of the time).
        value = orjson.loads(text)
        if orjson.dumps(value) == text.strip(WHITE_SPACE):
            return value
    except (ValueError, TypeError, RecursionError):
        pass  # the strict parser says what is wrong
    return _parse_strictly(text)


def _parse_strictly(text: bytes) -> Any:
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise InvalidBattleError(f"not UTF-8: byte 0x{text[error.start]:02x} at offset {error.start}") from error
    except json.JSONDecodeError as error:
        raise InvalidBattleError(f"not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise InvalidBattleError("nested too deep") from error


def excerpt(value: object) -> str:
    """A short, printable form of an untrusted value."""
    if value is ABSENT:
        return "nothing"
    if isinstance(value, (dict, list)):
        return kind_of(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()  # as JSON has them
    text = ascii(value)
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


class _Absent:
    """Stands for a key that is not there."""


ABSENT = _Absent()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # set.add is None
        raise InvalidBattleError(f"duplicate key {excerpt(twice)}")
    return value


def _constant(name: str) -> NoReturn:
    raise InvalidBattleError(f"{name} is not a JSON number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidBattleError(f"number out of range: {excerpt(text)}")
    return value


def _integer(text: str) -> int:
    # JSON tools agree on integers of 64 bits; longer ones become floats in some and errors in others
    if len(text) > len(str(-(1 << 63))) or not -(1 << 63) <= int(text) < 1 << 64:
        raise InvalidBattleError(f"integer beyond 64 bits: {excerpt(text)}")
    return int(text)
