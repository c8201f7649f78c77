"""The commands, one module each: what it says in the list, its flags, and what it does.

A module has `SUMMARY` (one line), `EXAMPLES`, `add_arguments(parser)` and `run(options, settings) -> exit code`; it imports
what is heavy inside `run`. `options` always has `json`, `quiet` and `data_dir`. Only these modules print.
"""

from __future__ import annotations

import json
import sys
from typing import Any

GOOD, BAD, USAGE, INTERRUPTED = 0, 1, 2, 130


def write_json(command: str, content: dict[str, Any]) -> None:
    """Print the one document that `--json` promises."""
    print(json.dumps({"schema": f"green-logic/{command}/1", **content}, sort_keys=True, ensure_ascii=False))


def printable(text: str) -> str:
    """Untrusted text for a terminal: line ends stay, other control and bidi characters are shown as a sign."""
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)


def program() -> str:
    """How this program is called here, for commands that a message suggests."""
    import os  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415
    from shutil import which  # noqa: PLC0415

    own = Path(sys.executable).with_name("green-logic")
    found = which("green-logic")
    if found and Path(found).resolve() == own.resolve():
        return "green-logic"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)
