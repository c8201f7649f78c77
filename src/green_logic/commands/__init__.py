"""The commands, one module each: what it says in the list, its flags, and what it does.

A module has `SUMMARY` (one line), `EXAMPLES`, `add_arguments(parser)` and `run(options, settings) -> exit code`, and
imports what is heavy inside `run`. `options` always has `json`, `quiet` and `data_dir`. Only these modules print, and
only through the functions here.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from green_logic.errors import StorageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

GOOD, BAD, USAGE, INTERRUPTED = 0, 1, 2, 130
DRY = "(dry run: nothing was written)"
EXIT_CODES = """exit codes:
  0    good
  1    it ran, and the answer is bad: lines refused, not evaluated or in conflict, a broken seal, storage that failed
  2    it could not run: usage, settings, a missing file
  130  interrupted by Ctrl-C: what is recorded stays, the same command takes up the rest"""


def add_common(parser: argparse.ArgumentParser) -> None:
    """The flags that every command has."""
    parser.add_argument("-C", "--data-dir", metavar="DIR", help="where everything is kept (default: data)")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress and no table")


def add_action(actions: Any, name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    """An action of a command, such as `show` of `keys`, with the common flags."""
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"{examples}\n\n{EXIT_CODES}",
    )
    add_common(parser)
    parser.set_defaults(action=name)
    return parser


def write_json(command: str, content: dict[str, Any]) -> None:
    """Print the one document that `--json` promises. ASCII: no terminal obeys it, and no encoding lacks a character."""
    import json

    _print(json.dumps({"schema": f"green-logic/{command}/1", **content}, sort_keys=True), sys.stdout)


def say(text: str, *, file: TextIO | None = None) -> None:
    """Print lines that may hold untrusted text: what a terminal would obey is replaced."""
    _print("".join(char if char.isprintable() or char == "\n" else "�" for char in text), file or sys.stdout)


def write_bytes(data: bytes) -> None:
    """Print bytes as they are, for a pipe or a file."""
    with writing_the_answer():
        sys.stdout.buffer.write(data)


def flush() -> None:
    """Write out what is buffered. Raises StorageError on a full disk, BrokenPipeError when the reader left."""
    with writing_the_answer():
        sys.stdout.flush()


def program() -> str:
    """How this program is called here, for commands that a message suggests."""
    from pathlib import Path
    from shutil import which

    own = Path(sys.executable).with_name("green-logic")
    found = which("green-logic")
    if found and Path(found).resolve() == own.resolve():
        return "green-logic"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def _print(text: str, file: TextIO) -> None:
    with writing_the_answer():
        file.write(text + "\n")


@contextlib.contextmanager
def writing_the_answer() -> Iterator[None]:
    """Raises StorageError on a full disk behind standard output, BrokenPipeError when the reader left."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"cannot write the answer: {error.strerror}") from error
