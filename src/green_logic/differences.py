"""Where two JSON values differ, for people: which leaf, what one says, what the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeGuard

import orjson

from green_logic.strict_json import ABSENT, excerpt

LIMIT = 1000  # differences found in one pair; nobody reads more
VECTOR = 32  # numbers; a list of more is told of as a whole
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Difference(NamedTuple):
    """One leaf. `path` is as jq takes it, without the leading dot; the two sides are short and printable."""

    path: str
    recorded: str
    found: str


def find_differences(recorded: object, found: object) -> list[Difference]:
    """Every leaf by which two JSON values differ, up to LIMIT: the score first, then the other scores, then the rest.

    1, 1.0 and true are three values, and so are 0.0 and -0.0: what is compared is the JSON text.
    """
    leaves = list(islice(_walk("", recorded, found), LIMIT))
    return sorted(leaves, key=lambda leaf: _rank(leaf.path))


def _walk(path: str, recorded: object, found: object) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(found, dict):
        for name in sorted(recorded.keys() | found.keys()):
            yield from _walk(_member(path, name), recorded.get(name, ABSENT), found.get(name, ABSENT))
    elif isinstance(recorded, list) and isinstance(found, list):
        if _is_vector(recorded) and _is_vector(found) and len(recorded) == len(found):
            yield from _compare_vectors(path, recorded, found)
            return
        for index in range(max(len(recorded), len(found))):
            yield from _walk(f"{path}[{index}]", _item(recorded, index), _item(found, index))
    elif ABSENT in (recorded, found) or orjson.dumps(recorded) != orjson.dumps(found):
        yield Difference(path, excerpt(recorded), excerpt(found))


def _compare_vectors(path: str, recorded: list[float], found: list[float]) -> Iterator[Difference]:
    apart = [abs(one - other) for one, other in zip(recorded, found, strict=True) if one != other]
    if orjson.dumps(recorded) != orjson.dumps(found):
        furthest = max(apart, default=0.0)
        yield Difference(path, f"{len(recorded)} numbers", f"{len(apart)} of them others, by up to {furthest:.3g}")


def furthest_apart(recorded: object, found: object) -> float:
    """The greatest difference between two lists of numbers of one length; infinite when they are none."""
    if not (_is_vector(recorded) and _is_vector(found) and len(recorded) == len(found)):
        return float("inf")
    return max(abs(one - other) for one, other in zip(recorded, found, strict=True))


def _is_vector(value: object) -> TypeGuard[list[float]]:
    return isinstance(value, list) and len(value) >= VECTOR and set(map(type, value)) <= {int, float}


def _item(values: list[Any], index: int) -> object:
    return values[index] if index < len(values) else ABSENT


def _member(path: str, name: str) -> str:
    if _PLAIN.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{json.dumps(name)}]"


def _rank(path: str) -> tuple[int, str]:
    if path in {"battles.score", "evaluation.cis_score"}:
        return (0, path)
    return (1 if path.startswith("evaluation.") and path.endswith("_score") else 2, path)
