"""Writes battles.jsonl, one line for each submission under tasks/, or says whether it is up to date.

    python data/samples/build.py           write it
    python data/samples/build.py --check   exit 1 if the sources say something else

The same sources give the same bytes: sorted folders, sorted keys, no clock.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BATTLES = HERE / "battles.jsonl"


def main(arguments: list[str]) -> int:
    """0 when battles.jsonl says what the sources say, 1 when it does not, 2 for wrong usage."""
    if arguments not in ([], ["--check"]):
        print("usage: build.py [--check]", file=sys.stderr)
        return 2
    lines = build()
    if arguments:
        return check(lines)
    temporary = BATTLES.with_suffix(".tmp")
    temporary.write_bytes(lines)
    temporary.replace(BATTLES)
    print(f"{BATTLES.name}: {len(lines.splitlines())} battles")
    return 0


def check(lines: bytes) -> int:
    """0 if the file holds exactly these lines."""
    found = BATTLES.read_bytes() if BATTLES.exists() else b""
    if found == lines:
        return 0
    print(f"{BATTLES.name} is stale: run python data/samples/build.py", file=sys.stderr)
    return 1


def build() -> bytes:
    """All battles as JSON lines, ordered by task and kind."""
    folders = sorted(path.parent for path in HERE.glob("tasks/*/submissions/*/solution.py"))
    return "".join(json.dumps(battle(folder), sort_keys=True) + "\n" for folder in folders).encode("ascii")


def battle(folder: Path) -> dict[str, Any]:
    """One battle from the folder of a submission."""
    task = folder.parents[1]
    meta = read_toml(folder / "meta.toml")
    return {
        "battle_id": f"{task.name}-{folder.name}",
        "task": read_task(task),
        "purple_response": {
            "sourceCode": read_text(folder / "solution.py"),
            "testCode": read_text(folder / "tests.py"),
            "rationale": read_text(folder / "rationale.md"),
        },
        "participant": {"agent": meta["agent"], "model": meta["model"]},
        "red_report": meta.get("red_report"),
    }


def read_task(folder: Path) -> dict[str, Any]:
    """The task as contestants and judge see it. The reference stays here."""
    task = read_toml(folder / "task.toml")
    return {
        "id": task["id"],
        "title": task["title"],
        "description": task["description"].strip(),
        "entry_points": task["entry_points"],
        "constraints": task.get("constraints", {}),
        "hidden_tests": read_text(folder / "hidden_tests.py"),
    }


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file."""
    return tomllib.loads(read_text(path))


def read_text(path: Path) -> str:
    """UTF-8 text with newlines as they are, on every system."""
    return path.read_bytes().decode("utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
