"""JSON as other programs write it, with NaN and numbers without end, as values that a seal can hold."""

from __future__ import annotations

import json
import math
from typing import Any

from green_logic.battle import excerpt
from green_logic.errors import InvalidBattleError


def parse_lenient(data: bytes, *, what: str) -> dict[str, Any]:
    """A JSON object whose NaN, infinities and over-long integers become text, because no seal can hold them.

    The member's digest is kept beside it, so nothing is passed off as the original. Raises InvalidBattleError.
    """
    try:
        value = json.loads(
            data.decode(), parse_constant=str, parse_float=_float, parse_int=_integer, object_pairs_hook=_object
        )
    except UnicodeDecodeError as error:
        raise InvalidBattleError(f"{what}: not UTF-8 at offset {error.start}") from error
    except json.JSONDecodeError as error:
        raise InvalidBattleError(f"{what}: not JSON: {error.msg} at offset {error.pos}") from error
    except RecursionError as error:
        raise InvalidBattleError(f"{what}: nested too deep") from error
    if not isinstance(value, dict):
        raise InvalidBattleError(f"{what}: expected an object, got {excerpt(value)}")
    return value


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _integer(text: str) -> int | str:
    short = len(text) <= len(str(-(1 << 63)))
    return int(text) if short and -(1 << 63) <= int(text) < 1 << 64 else text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InvalidBattleError("an object holds one key twice, which two readers would read differently")
    return value
