"""Keys of a battle that look like a misspelt one: kept as they are, but told, since what they hold is not judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from green_logic.strict_json import excerpt

ALIKE = 0.75  # share of a name that two names have in common (difflib); "origin" and "id" are nobody's misspelling
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
NAMES = {
    "": ("battle_id", "task", "purple_response", "participant", "red_report"),
    "task": ("id", "title", "description", "entry_points", "constraints", "hidden_tests"),
    "purple_response": ("sourceCode", "source_code", "testCode", "test_code", "rationale"),
    "participant": ("agent", "model"),
    "red_report": ("vulnerabilities",),
}
CONSTRAINTS = (
    "allowed_imports",
    "forbid_loops",
    "forbidden_imports",
    "max_complexity",
    "max_nesting",
    "no_network_calls",
    "regex_only",
    "require_parameterized_queries",
    "require_recursion",
    "require_thread_safety",
    "required_imports",
)
# what people write for a name that does not look like it
MEANT = {
    "": {"id": "battle_id", "response": "purple_response", "submission": "purple_response", "agent": "participant"},
    "task": {"tests": "hidden_tests", "prompt": "description", "text": "description", "name": "title"},
    "purple_response": {
        "code": "sourceCode",
        "source": "sourceCode",
        "solution": "sourceCode",
        "test": "testCode",
        "tests": "testCode",
        "explanation": "rationale",
    },
}


def find_misspelt(value: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each key of a battle that is not read and looks as if it were meant to be."""
    for part, names in NAMES.items():
        found = value.get(part) if part else value
        if isinstance(found, dict) and not found.keys() <= set(names):
            yield from _find_in(part, found, names)
    task = value.get("task")
    constraints = task.get("constraints") if isinstance(task, dict) else None
    if isinstance(constraints, dict):
        for name in constraints.keys() - set(CONSTRAINTS):
            close = _closest(name, CONSTRAINTS)
            meant = f"; did you mean {close}?" if close else ""
            yield f"task.constraints.{_shown(name)}: no such constraint, recorded as unchecked{meant}"


def find_meant(value: Mapping[str, Any], field: str) -> str | None:
    """The key that stands where `field`, such as `task.description`, is missing, and looks as if it were meant."""
    part, _, wanted = field.rpartition(".")
    names, found = NAMES.get(part, ()), value.get(part) if part else value
    others = sorted(found.keys() - set(names)) if isinstance(found, dict) else []
    return next((_shown(name) for name in others if _meant(part, name, names) == wanted), None)


def _meant(part: str, name: str, names: tuple[str, ...]) -> str | None:
    return MEANT.get(part, {}).get(name.lower()) or _closest(name, names)


def _find_in(part: str, found: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in sorted(found.keys() - set(names)):
        meant = _meant(part, name, names)
        # a name beside the one it could stand for is one of its own
        if meant and meant not in found:
            yield f"{part}{'.' if part else ''}{_shown(name)}: kept but not read; did you mean {meant}?"


@lru_cache(maxsize=1024)  # a file repeats its keys in every line
def _closest(name: str, names: tuple[str, ...]) -> str | None:
    import difflib  # noqa: PLC0415  only an unknown key needs it, and it is slow to import

    folded = {_folded(known): known for known in reversed(names)}
    close = difflib.get_close_matches(_folded(name[:100]), folded, n=1, cutoff=ALIKE)
    return folded[close[0]] if close else None


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _shown(name: str) -> str:
    return name if PLAIN.fullmatch(name) else excerpt(name)
