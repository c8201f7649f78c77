"""The entry of a battle that was set aside, in `data/not_evaluated/`: one shape, whoever writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from green_logic.errors import NotEvaluatedError

SAME_FAILURE = ("battle_id", "reason", "code", "attempts", "file", "line")  # all but the time


def aside_name(battle_id: str) -> str:
    """File name of a battle's entry."""
    return f"{battle_id}.json"


def aside_entry(
    battle_id: str, reason: str, *, file: str, line: int, at: str, attempts: int, code: str = NotEvaluatedError.code
) -> dict[str, Any]:
    """Why a battle was not evaluated, and where its line is. `attempts` are ours; 0 for another judge's failure."""
    return {
        "battle_id": battle_id,
        "reason": reason,
        "code": code,
        "attempts": attempts,
        "file": file,
        "line": line,
        "at": at,
    }


def aside_bytes(entry: Mapping[str, Any]) -> bytes:
    """Content of the file of an entry."""
    return orjson.dumps(dict(entry), option=orjson.OPT_INDENT_2) + b"\n"


def is_same_failure(data: bytes, entry: Mapping[str, Any]) -> bool:
    """Whether the content of a file tells of the same failure as `entry`, whenever that was."""
    try:
        there = orjson.loads(data)
    except ValueError:
        return False
    return isinstance(there, dict) and all(there.get(name) == entry[name] for name in SAME_FAILURE)
