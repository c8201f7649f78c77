"""`green-logic run`: judge a file of battles and record them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from green_logic.commands import BAD, GOOD, program, say, write_json, writing_the_answer
from green_logic.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from green_logic.pipeline import BatchRun
    from green_logic.settings import Settings

SUMMARY = "judge a file of battles and record them"
EXAMPLES = """examples:
  green-logic run data/samples/battles.jsonl            judge a file of battles; known ones are skipped
  zcat battles.jsonl.gz | green-logic run -             from standard input
  green-logic run battles.jsonl --prefect               the same as a Prefect flow
  green-logic run battles.jsonl --json | jq .recorded   for scripts"""
FLOW_MODULE = "flows.battles"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to judge, and how."""
    parser.add_argument("battles", metavar="BATTLES", help=".jsonl, .jsonl.gz or .jsonl.zst, or - for standard input")
    parser.add_argument("-j", "--workers", type=int, metavar="N", help="sandboxes at once (default: one per core)")
    parser.add_argument("--chunk-size", type=int, metavar="N", help="battles per step and transaction (default: 32)")
    parser.add_argument(
        "--mutants", type=int, metavar="N", help="broken copies that own tests must notice (default: 8; 0: pass rate)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--prefect", action="store_true", help="run as a Prefect flow (default with PREFECT_API_URL)")
    where.add_argument("--local", action="store_true", help="run in this process, whatever PREFECT_API_URL says")
    parser.add_argument(
        "--dry-run", action="store_true", help="check the input, say what would be judged, write nothing"
    )
    review = parser.add_argument_group("LLM reviewer (docs/llm-judge.md)")
    review.add_argument(
        "--judge", metavar="URL|openai", help="OpenAI-compatible endpoint that reviews L; key from the environment"
    )
    review.add_argument("--judge-model", metavar="NAME", help="name by which the endpoint knows the model")
    review.add_argument(
        "--judge-required", action="store_true", default=None, help="no review, no score: not evaluated"
    )
    review.add_argument("--judge-reviews", type=int, metavar="K", help="reviews of each battle (default: 3)")
    parser.add_argument(
        "--allow-unsandboxed", action="store_true", default=None, help="DANGER: run submissions without isolation"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Judge and record, in this process or as a flow."""
    _check_review(options, settings)
    if options.dry_run:
        return _dry_run(options, settings)
    if options.runner is None and not options.local and (options.prefect or os.environ.get("PREFECT_API_URL")):
        _become_flow(options)
    from green_logic.console import RunProgress
    from green_logic.pipeline import BatchRun, run_batch

    with (
        RunProgress(sys.stderr, quiet=options.quiet or options.json) as progress,
        BatchRun(options.battles, settings, on_progress=progress.show) as batch,
    ):
        (options.runner or run_batch)(batch)
        progress.stop()
        mended = batch.agent.ledger.recovery.texts(settings.data_dir)
        _warn([*mended, *batch.outcomes.warnings.texts(batch.name)], quiet=options.quiet)
        _tell(options, batch)
        return GOOD if batch.totals.clean else BAD


def _check_review(options: argparse.Namespace, settings: Settings) -> None:
    flags = {name: getattr(options, name) for name in ("judge_model", "judge_required", "judge_reviews")}
    given = ", ".join("--" + name.replace("_", "-") for name, value in flags.items() if value)
    if given and not settings.judge:
        hint = "add --judge URL, or set GREEN_LOGIC_JUDGE or `judge` in green-logic.toml"
        raise ConfigurationError(f"{given} without a reviewer: nobody would be asked", hint=hint)


def _tell(options: argparse.Namespace, batch: BatchRun) -> None:
    import shlex

    from green_logic.console import summary_line, write_summary

    if options.json:
        write_json("run", {"ok": batch.totals.clean, **batch.report()})
    elif options.quiet:
        say(summary_line(batch))
    else:
        name, directory = program(), str(batch.settings.data_dir)
        place = "" if directory == "data" else f" -C {shlex.quote(directory)}"
        worst = min(batch.outcomes.rows, key=lambda row: row.cis).battle_id if batch.outcomes.rows else "BATTLE_ID"
        commands = [
            f"{name} show {worst}{place}   # why it got its score",
            f"{name} status{place}",
            f"{name} run {shlex.quote(options.battles)}{place}   # again: records nothing twice",
        ]
        with writing_the_answer():
            write_summary(batch, sys.stdout, commands)


def _become_flow(options: argparse.Namespace) -> NoReturn:
    import importlib.util

    if importlib.util.find_spec("flows") is None:
        raise ConfigurationError(
            "the package `flows` is not installed here", hint="run with --local, or pip install -e ."
        )
    where = os.environ.get("PREFECT_API_URL")
    if not options.quiet:
        say(f"starting Prefect ({where or 'a temporary server: 20 to 60 s'}) …", file=sys.stderr)
    words = [word for word in sys.argv[1:] if word != "--prefect"]
    words.remove("run")
    os.execv(sys.executable, [sys.executable, "-m", FLOW_MODULE, *words])  # noqa: S606  our own module, no shell


def _dry_run(options: argparse.Namespace, settings: Settings) -> int:
    from dataclasses import asdict

    from green_logic.intake import shown_name
    from green_logic.rehearsal import rehearse

    if settings.judge:
        from green_logic.agent import judge_settings

        judge_settings(settings)  # the reviewer is not asked, but it must be one that could be
    forecast, warnings = rehearse(options.battles, settings, lambda text: say(text, file=sys.stderr))
    _warn(warnings.texts(shown_name(options.battles)), quiet=options.quiet)
    counts = asdict(forecast)
    clean = not (forecast.refused or forecast.conflicts)
    if options.json:
        write_json("run", {"ok": clean, "dry_run": True, "warnings": warnings.as_json(), **counts})
    else:
        text = " · ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        say(f"{text} · nothing was written")
    return GOOD if clean else BAD


def _warn(texts: Iterable[str], *, quiet: bool) -> None:
    for text in () if quiet else texts:
        say(f"warning: {text}", file=sys.stderr)
