"""The command line: finds the command, tells errors, ends with the right exit code.

Nothing heavy is imported before a command needs it: only the module of the command that is asked for is loaded.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from green_logic import __version__
from green_logic.commands import (
    BAD,
    EXIT_CODES,
    GOOD,
    INTERRUPTED,
    USAGE,
    add_common,
    flush,
    say,
    write_json,
)
from green_logic.errors import ConfigurationError, GreenLogicError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from green_logic.pipeline import BatchRun
    from green_logic.settings import Settings

GROUPS = {
    "Judge": ("run", "serve", "import"),
    "Look": ("status", "list", "show", "query"),
    "Trust": ("verify", "reevaluate", "prove", "checkpoint", "bundle", "keys"),
    "Keep": ("export", "compact", "archive", "backup", "restore", "doctor"),
    "Set up": ("config", "models"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
FLAGS_BEFORE = {"-C": 2, "--data-dir": 2, "--json": 1, "-q": 1, "--quiet": 1}  # words that each takes
OF_THE_PLACE = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}  # no fault of the program
NO_DOCUMENT = ("csv", "raw", "dbom", "take")  # flags whose answer is not the document that --json asks for
# flags that are settings of their own name
SETTING_FLAGS = (
    "data_dir",
    "workers",
    "chunk_size",
    "mutants",
    "allow_unsandboxed",
    "export_to",
    "archive_to",
    "backup_to",
    "keep",
    "judge",
    "judge_model",
    "judge_required",
    "judge_reviews",
)


class _UsageError(GreenLogicError):
    code = "usage"


class _InterruptedError(GreenLogicError):
    code = "interrupted"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        # given a width, argparse need not import shutil to ask for it at every option
        super().__init__(prog, width=_columns() - 2)


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        # scripts must not depend on half a word, which a later option may make ambiguous
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, **options)

    def error(self, message: str) -> NoReturn:
        raise _UsageError(message, hint=f"{self.prog} --help")


def main(argv: Sequence[str] | None = None, *, runner: Callable[[BatchRun], None] | None = None) -> int:
    """Run one command; its exit code. `runner` replaces the local loop of `run` (the flow passes itself)."""
    words = list(sys.argv[1:] if argv is None else argv)
    _mend_streams()
    try:
        code = _run_command(words, runner)
        flush()  # here, where a full disk or a reader that left can still be told
    except KeyboardInterrupt:
        return interrupted(words)
    except BrokenPipeError:
        _give_up_stdout()  # the reader of our output left: nothing to tell it
        return BAD
    except GreenLogicError as error:
        return _fail(words, error, USAGE if isinstance(error, (ConfigurationError, _UsageError)) else BAD)
    except Exception as error:  # noqa: BLE001  the last resort: a script gets its document, a person the traceback
        if isinstance(error, OSError) and error.errno in OF_THE_PLACE:
            from green_logic.files import storage_error

            return _fail(words, storage_error("cannot go on", error, "place"), BAD)
        import traceback

        traceback.print_exc()
        hint = "what is recorded stays; please report this with the lines above"
        return _fail(words, GreenLogicError(f"unexpected {type(error).__name__}: {error}", hint=hint), BAD)
    return code


def interrupted(words: list[str]) -> int:
    """Tell that Ctrl-C ended a command; its exit code."""
    hint = "what is recorded stays; the same command takes up the rest"
    return _fail(words, _InterruptedError("interrupted", hint=hint), INTERRUPTED)


def _run_command(words: list[str], runner: Callable[[BatchRun], None] | None) -> int:
    if not words:
        _main_parser().print_help(sys.stderr)
        return USAGE
    words = _command_first(words)
    try:
        if words[0].startswith("-"):
            if words[0] not in FLAGS_BEFORE:  # --help, --version, or unknown
                _main_parser().parse_args(words)
            raise _UsageError(f"no command in {' '.join(words)!r}", hint="green-logic --help")
        command = _load(words[0])
        parser = _command_parser(words[0], command)
        options = parser.parse_args(words[1:])
        _check_document(parser, options)
    except SystemExit as end:  # argparse after --help and --version
        return int(end.code or GOOD)
    options.runner = runner
    return int(command.run(options, _settings(options)))


def _check_document(parser: _Parser, options: argparse.Namespace) -> None:
    for name in NO_DOCUMENT:
        if options.json and getattr(options, name, None):
            parser.error(f"argument --{name}: not allowed with argument --json")


def _command_first(words: list[str]) -> list[str]:
    """`-C DIR --json status` as `status -C DIR --json`: the common flags may stand before the command too."""
    position = 0
    while position < len(words) and words[position] in FLAGS_BEFORE:
        position += FLAGS_BEFORE[words[position]]
    return words[position : position + 1] + words[:position] + words[position + 1 :] if position < len(words) else words


def _load(name: str) -> ModuleType:
    if name not in COMMANDS:
        import difflib

        close = difflib.get_close_matches(name, COMMANDS, n=2)
        hint = f"did you mean {' or '.join(close)}?" if close else f"commands: {', '.join(COMMANDS)}"
        raise _UsageError(f"no command {name!r}", hint=hint)
    # a module cannot be called import
    return import_module(f"green_logic.commands.{name}" + ("_" if name == "import" else ""))


def _main_parser() -> _Parser:
    lists = []
    for group, names in GROUPS.items():
        lists.append(f"{group}:")
        lists += [f"  {name:<11} {_load(name).SUMMARY}" for name in names]
    parser = _Parser(
        prog="green-logic",
        usage="green-logic COMMAND … (green-logic COMMAND --help explains one)",
        description="Judge battles of AI agents; keep a ledger of scores that loses nothing and anyone can check.",
        epilog="\n".join([*lists, "", "start here:", "  green-logic run data/samples/battles.jsonl", "", EXIT_CODES]),
    )
    parser.add_argument("--version", action="version", version=f"green-logic {__version__}")
    return parser


def _command_parser(name: str, command: ModuleType) -> _Parser:
    summary = command.SUMMARY
    parser = _Parser(
        prog=f"green-logic {name}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"{command.EXAMPLES}\n\n{EXIT_CODES}",
    )
    command.add_arguments(parser)
    if not hasattr(command, "ACTIONS"):
        add_common(parser)
    return parser


def _columns() -> int:
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return max(40, int(wanted))
    try:
        return max(40, os.get_terminal_size(1).columns)
    except OSError:
        return 100


def _settings(options: argparse.Namespace) -> Settings:
    from green_logic.settings import load_settings

    return load_settings({name: getattr(options, name, None) for name in SETTING_FLAGS})


def _mend_streams() -> None:
    """Make the standard streams safe to write to, whatever was closed and whatever their encoding lacks."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # or the next file or socket would get this number
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  for the life of the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _give_up_stdout() -> None:
    """Let what is still buffered go nowhere; Python would fail on it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(words: list[str], error: GreenLogicError, code: int) -> int:
    try:
        if "--json" in words:
            content = {"code": error.code, "message": error.message, "hint": error.hint}
            write_json(_schema_name(words), {"ok": False, "error": content})
        flush()
    except (BrokenPipeError, StorageError):
        _give_up_stdout()
    say(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        say(f"  {error.hint}", file=sys.stderr)
    return code


def _schema_name(words: list[str]) -> str:
    """Name of the command as a schema has it: "run", "keys-show"; of the program when there is no such command."""
    names = [word for word in words if not word.startswith("-")]
    if not names or names[0] not in COMMANDS:
        return "green-logic"
    actions = getattr(_load(names[0]), "ACTIONS", ())
    return "-".join(names[:2]) if len(names) > 1 and names[1] in actions else names[0]
