"""The command line. Nothing heavy is imported before a command needs it, so that `--help` and `status` are instant."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from green_logic import __version__
from green_logic.errors import ConfigurationError, GreenLogicError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    from green_logic.pipeline import BatchRun
    from green_logic.settings import Settings

GOOD, BAD, USAGE, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = """exit codes:
  0    good: every line is on the ledger
  1    it ran, and something is bad: lines refused, not evaluated or in conflict (the rest is recorded), storage failed
  2    it could not run: usage, settings, a missing file
  130  interrupted by Ctrl-C: what is recorded stays, the same command takes up the rest"""
EXAMPLES = {
    "run": """examples:
  green-logic run data/samples/battles.jsonl            judge a file of battles; known ones are skipped
  zcat battles.jsonl.gz | green-logic run -             from standard input
  green-logic run battles.jsonl --prefect               the same as a Prefect flow
  green-logic run battles.jsonl --json | jq .recorded   for scripts""",
    "show": """examples:
  green-logic show interval-map-sound          the score, and the sentences that explain it
  green-logic show interval-map-sound --raw    the exact text whose SHA-256 is dbom_hash""",
    "status": """examples:
  green-logic status                            how many battles, since when, sealed by whom
  green-logic status --json | jq .battles       for scripts""",
    "keys": """examples:
  green-logic keys show                         whose signature the DBOMs carry""",
    "keys show": """examples:
  green-logic keys show --json | jq -r .public_key > judge.pub    what an auditor needs""",
    "models": """examples:
  green-logic models fetch                      once; without it scores rest on a weaker embedding, and say so""",
    "models fetch": """examples:
  green-logic models fetch                                             into the user's cache
  GREEN_LOGIC_MODEL_DIR=/srv/minilm green-logic models fetch           for a whole machine""",
}
FLOW_MODULE = "flows.battles"


class _UsageError(GreenLogicError):
    code = "usage"


class _InterruptedError(GreenLogicError):
    code = "interrupted"


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        # scripts must not depend on half a word, which a later option may make ambiguous
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise _UsageError(message, hint=f"{self.prog} --help")


def main(argv: Sequence[str] | None = None, *, runner: Callable[[BatchRun], None] | None = None) -> int:
    """Run one command; its exit code. `runner` replaces the local loop of `run` (the flow passes itself)."""
    words = list(sys.argv[1:] if argv is None else argv)
    _mend_streams()
    try:
        code = _run_command(words, runner)
        _flush()  # here, where a full disk or a reader that left can still be told
    except KeyboardInterrupt:
        hint = "what is recorded stays; the same command takes up the rest"
        return _fail(words, _InterruptedError("interrupted", hint=hint), INTERRUPTED)
    except BrokenPipeError:
        _give_up_stdout()  # the reader of our output left: nothing to tell it
        return BAD
    except GreenLogicError as error:
        return _fail(words, error, USAGE if isinstance(error, (ConfigurationError, _UsageError)) else BAD)
    except Exception as error:  # noqa: BLE001  the last resort: a script gets its document, a person the traceback
        import traceback

        traceback.print_exc()
        hint = "what is recorded stays; please report this with the lines above"
        return _fail(words, GreenLogicError(f"unexpected {type(error).__name__}: {error}", hint=hint), BAD)
    return code


def _run_command(words: list[str], runner: Callable[[BatchRun], None] | None) -> int:
    try:
        options = _parse(words)
    except SystemExit as end:  # argparse after --help and --version
        return int(end.code or GOOD)
    return int(options.action(options, runner))


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


def _parse(words: list[str]) -> argparse.Namespace:
    parser = _parser()
    if not words:
        parser.print_help(sys.stderr)
        raise SystemExit(USAGE)
    first = next((word for word in words if not word.startswith("-")), None)
    if first is not None and first not in COMMANDS and words.index(first) == 0:
        import difflib

        close = difflib.get_close_matches(first, COMMANDS, n=2)
        hint = f"did you mean {' or '.join(close)}?" if close else f"commands: {', '.join(COMMANDS)}"
        raise _UsageError(f"no command {first!r}", hint=hint)
    return parser.parse_args(words)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="green-logic",
        description="Judge battles of AI agents; keep a ledger of scores that loses nothing and anyone can check.",
        epilog="start here:\n  green-logic run data/samples/battles.jsonl\n\n" + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"green-logic {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_run(commands)
    _add_show(commands)
    _add(commands, "status", "the ledger at a glance; never writes", _status)
    keys = _add(commands, "keys", "the judge's key", None).add_subparsers(metavar="ACTION", required=True)
    _add(keys, "show", "key id, public key and where the private one lies; never makes one", _keys_show, group="keys")
    models = _add(commands, "models", "embedding weights", None).add_subparsers(metavar="ACTION", required=True)
    _add(models, "fetch", "fetch all-MiniLM-L6-v2 once (91 MB, checked by SHA-256)", _models_fetch, group="models")
    return parser


def _add_run(commands: Any) -> None:
    run = _add(commands, "run", "judge a file of battles and record them", _run)
    run.add_argument("battles", metavar="BATTLES", help=".jsonl, .jsonl.gz or .jsonl.zst, or - for standard input")
    run.add_argument("-j", "--workers", type=int, metavar="N", help="sandboxes at once (default: one per core)")
    run.add_argument("--chunk-size", type=int, metavar="N", help="battles per step and transaction (default: 32)")
    where = run.add_mutually_exclusive_group()
    where.add_argument(
        "--prefect", action="store_true", help="run as a Prefect flow (default if PREFECT_API_URL is set)"
    )
    where.add_argument("--local", action="store_true", help="run in this process, whatever PREFECT_API_URL says")
    run.add_argument(
        "--dry-run", action="store_true", help="check the input and say what would be judged; writes nothing"
    )
    run.add_argument(
        "--allow-unsandboxed", action="store_true", default=None, help="DANGER: run submissions without isolation"
    )


def _add_show(commands: Any) -> None:
    show = _add(commands, "show", "one recorded battle: score, reasons, proof", _show)
    show.add_argument("battle_id", metavar="BATTLE_ID", help="the id, or the start of it if only one has that start")
    which = show.add_mutually_exclusive_group()
    which.add_argument("--raw", action="store_true", help="only raw_result, byte for byte")
    which.add_argument("--dbom", action="store_true", help="only the DBOM, byte for byte")


def _add(parent: Any, name: str, text: str, action: Callable[..., int] | None, *, group: str = "") -> _Parser:
    parser: _Parser = parent.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"{EXAMPLES[f'{group} {name}'.strip()]}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if action is not None:
        parser.set_defaults(action=action)
        parser.add_argument("-C", "--data-dir", metavar="DIR", help="where everything is kept (default: data)")
        parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
        parser.add_argument("-q", "--quiet", action="store_true", help="no progress and no table")
    return parser


COMMANDS = ("run", "show", "status", "keys", "models")


# --- run


def _run(options: argparse.Namespace, runner: Callable[[BatchRun], None] | None) -> int:
    settings = _settings(
        options,
        workers=options.workers,
        chunk_size=options.chunk_size,
        allow_unsandboxed=options.allow_unsandboxed,
    )
    if options.dry_run:
        return _dry_run(options, settings)
    if runner is None and not options.local and (options.prefect or os.environ.get("PREFECT_API_URL")):
        _become_flow(options)
    from green_logic.console import RunProgress
    from green_logic.pipeline import BatchRun, run_batch

    with (
        RunProgress(sys.stderr, quiet=options.quiet or options.json) as progress,
        BatchRun(options.battles, settings, on_progress=progress.show) as run,
    ):
        (runner or run_batch)(run)
        progress.stop()
        _tell_run(options, run)
        return GOOD if run.totals.clean else BAD


def _tell_run(options: argparse.Namespace, run: BatchRun) -> None:
    import shlex

    from green_logic.console import summary_line, write_summary

    if options.json:
        _write_json("run", {"ok": run.totals.clean, **run.report()})
    elif options.quiet:
        print(summary_line(run))
    else:
        program = _program()
        place = "" if str(run.settings.data_dir) == "data" else f" -C {shlex.quote(str(run.settings.data_dir))}"
        worst = min(run.rows, key=lambda row: row.cis).battle_id if run.rows else "BATTLE_ID"
        commands = [
            f"{program} show {worst}{place}   # why it got its score",
            f"{program} status{place}",
            f"{program} run {shlex.quote(options.battles)}{place}   # again: records nothing twice",
        ]
        write_summary(run, sys.stdout, commands)


def _become_flow(options: argparse.Namespace) -> NoReturn:
    import importlib.util

    if importlib.util.find_spec("flows") is None:
        raise ConfigurationError(
            "the package `flows` is not installed here", hint="run with --local, or pip install -e ."
        )
    where = os.environ.get("PREFECT_API_URL")
    if not options.quiet:
        print(f"starting Prefect ({where or 'a temporary server: 20 to 60 s'}) …", file=sys.stderr, flush=True)
    words = [word for word in sys.argv[1:] if word != "--prefect"]
    words.remove("run")
    os.execv(sys.executable, [sys.executable, "-m", FLOW_MODULE, *words])  # noqa: S606  our own module, no shell


def _dry_run(options: argparse.Namespace, settings: Settings) -> int:
    from green_logic.intake import BattleFile
    from green_logic.ledger.reading import find_recorded

    counts = {"read": 0, "would_judge": 0, "already_recorded": 0, "refused": 0}
    with BattleFile(options.battles, settings) as battles:
        for line in battles.lines():
            counts["read"] += 1
            if line.battle is None:
                counts["refused"] += 1
                _say(f"{battles.name}:{line.number}: {line.reason}", file=sys.stderr)
            else:
                known = find_recorded(settings, line.battle.battle_id)
                counts["already_recorded" if known else "would_judge"] += 1
    if options.json:
        _write_json("run", {"ok": not counts["refused"], "dry_run": True, **counts})
    else:
        print(
            " · ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) + " · nothing was written"
        )
    return BAD if counts["refused"] else GOOD


# --- looking


def _status(options: argparse.Namespace, _runner: object) -> int:
    from green_logic.ledger.reading import read_state

    settings = _settings(options)
    state = read_state(settings)
    if options.json:
        _write_json("status", {"ok": True, **state})
        return GOOD
    mean = "–" if state["mean_score"] is None else f"{state['mean_score']:.3f}"
    size = (state["size_bytes"] + state["wal_bytes"]) / 1e6
    _say(f"ledger         {settings.database}  {state['battles']} battles, {size:.1f} MB, mean CIS {mean}")
    _say(f"last           {state['last_timestamp'] or '–'}")
    _say(f"sealed by      {state['keyid']}")
    _say(f"origin         {state['origin']}")
    _say(f"not evaluated  {state['not_evaluated']}")
    return GOOD


def _show(options: argparse.Namespace, _runner: object) -> int:
    from green_logic.ledger.reading import read_battle

    settings = _settings(options)
    battle = read_battle(settings, options.battle_id)
    if options.raw or options.dbom:
        sys.stdout.buffer.write(battle["raw_result"].encode() if options.raw else battle["dbom"])
        return GOOD
    if options.json:
        _write_json("show", {"ok": True, **{name: value for name, value in battle.items() if name != "dbom"}})
        return GOOD
    _say(f"{battle['battle_id']}  CIS {battle['score']:.3f}  {battle['timestamp']}\n")
    _say(battle["breakdown"])
    _say(f"\nDBOM     {settings.dboms}/dbom_{battle['battle_id']}.json\nh_delta  {battle['dbom_hash']}")
    return GOOD


def _keys_show(options: argparse.Namespace, _runner: object) -> int:
    from green_logic.proof.keys import key_path, load_signing_key

    settings = _settings(options)
    key = load_signing_key(settings, make=False)
    path = key_path(settings)
    public = key.public_pem.decode()
    if options.json:
        _write_json("keys-show", {"ok": True, "keyid": key.keyid, "private_key": str(path or ""), "public_key": public})
    else:
        _say(f"{key.keyid}\nprivate key  {path or 'given in the setting itself'}\n{public}".rstrip())
    return GOOD


def _models_fetch(options: argparse.Namespace, _runner: object) -> int:
    from green_logic.evaluation.weights import fetch_weights

    settings = _settings(options)
    path = fetch_weights(settings.model_dir, report=lambda text: print(text, file=sys.stderr, flush=True))
    if options.json:
        _write_json("models-fetch", {"ok": True, "model_dir": str(path)})
    else:
        print(path)
    return GOOD


# --- everywhere


def _settings(options: argparse.Namespace, **flags: object) -> Settings:
    from green_logic.settings import load_settings

    return load_settings({"data_dir": options.data_dir, **flags})


def _program() -> str:
    from pathlib import Path
    from shutil import which

    own = Path(sys.executable).with_name("green-logic")
    found = which("green-logic")
    if found and Path(found).resolve() == own.resolve():
        return "green-logic"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def _write_json(command: str, content: dict[str, Any]) -> None:
    # ASCII: no terminal obeys an escape, and no encoding of stdout lacks a character
    _print(json.dumps({"schema": f"green-logic/{command}/1", **content}, sort_keys=True), sys.stdout)


def _say(text: str, *, file: TextIO | None = None) -> None:
    """Print lines that may hold untrusted text: what a terminal would obey is replaced."""
    _print("".join(char if char.isprintable() or char == "\n" else "�" for char in text), file or sys.stdout)


def _print(text: str, file: TextIO) -> None:
    with _writing_the_answer():
        print(text, file=file)


def _flush() -> None:
    with _writing_the_answer():
        sys.stdout.flush()


@contextlib.contextmanager
def _writing_the_answer() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"cannot write the answer: {error.strerror}") from error


def _fail(words: list[str], error: GreenLogicError, code: int) -> int:
    try:
        if "--json" in words:
            content = {"code": error.code, "message": error.message, "hint": error.hint}
            _write_json(_command(words), {"ok": False, "error": content})
        _flush()
    except (BrokenPipeError, StorageError):
        _give_up_stdout()
    _say(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        _say(f"  {error.hint}", file=sys.stderr)
    return code


def _command(words: list[str]) -> str:
    """Name of the command as a schema has it: "run", "keys-show"; of the program when there is no such command."""
    names = [word for word in words if not word.startswith("-")]
    if not names or names[0] not in COMMANDS:
        return "green-logic"
    return "-".join(names[:2]) if names[:2] in (["keys", "show"], ["models", "fetch"]) else names[0]
