"""`green-logic reevaluate`: recorded battles judged again from what their rows hold."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from green_logic.commands import BAD, GOOD, USAGE, say, write_json
from green_logic.commands.archive import ProgressLine
from green_logic.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from green_logic.comparison import Verdict
    from green_logic.reevaluation import Reevaluation
    from green_logic.settings import Settings

SUMMARY = "judge recorded battles again: bit-equal, or where they differ; never writes"
EXAMPLES = """examples:
  green-logic reevaluate interval-map-sound     one battle, from its raw_result alone
  green-logic reevaluate --all --check          the whole ledger; only what is not equal is listed
  green-logic reevaluate --all --limit 100      the newest hundred
  green-logic reevaluate old-one --any-profile  what today's profile makes of it, which says nothing about the record

  ends with 0 when all are equal, 1 when one differs, 2 when some could not be compared"""
LISTED = 1000  # verdicts kept for the list; the counts tell of all
SHOWN = 8  # differences of one battle; --json has all
SIGNS = {"equal": "✔", "same_score": "✔", "differs": "✘", "not_judged_here": "·", "not_evaluated": "·"}
WORDS = {
    "equal": "bit-equal",
    "same_score": "equal but for texts of failures",
    "differs": "differs",
    "unrepeatable": "cannot be compared",
    "other_profile": "another profile",
    "not_judged_here": "not judged here",
    "not_evaluated": "not evaluated",
    "failed": "could not be judged",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which battles, and how strict."""
    parser.add_argument("battle_ids", metavar="BATTLE_ID", nargs="*", help="ids of recorded battles")
    parser.add_argument("--all", action="store_true", help="every battle on the ledger")
    parser.add_argument("--limit", type=int, metavar="N", help="with --all: only the newest N")
    parser.add_argument("--check", action="store_true", help="compare digests; list only what is not equal")
    parser.add_argument(
        "--any-profile",
        action="store_true",
        help="judge what another profile judged under this judge's, and say so",
    )
    parser.add_argument("-j", "--workers", type=int, metavar="N", help="sandboxes at once (default: one per core)")
    parser.add_argument("--judge-model", metavar="NAME", help="the reviewer of records that name none; it is not asked")
    parser.add_argument("--judge-reviews", type=int, metavar="K", help="its reviews of each battle (default: 3)")
    parser.add_argument(
        "--allow-unsandboxed", action="store_true", default=None, help="DANGER: run submissions without isolation"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Judge again and tell."""
    from green_logic.reevaluation import Reevaluation

    if bool(options.battle_ids) == options.all or (options.limit is not None and not options.all):
        raise ConfigurationError("expected BATTLE_ID… or --all, and --limit only with --all")
    if options.limit is not None and options.limit < 1:
        raise ConfigurationError(f"--limit expected 1 or more, got {options.limit}")
    kept: list[Verdict] = []
    with (
        Reevaluation(settings, any_profile=options.any_profile) as judging,
        ProgressLine(quiet=options.quiet or options.json) as line,
    ):
        total, verdicts = _plan(options, settings, judging)
        for number, verdict in enumerate(verdicts, 1):
            line.show("judged again", number, total)
            if (verdict.outcome == "equal" and (options.check or options.all)) or len(kept) == LISTED:
                continue
            kept.append(verdict)
    code = _exit_code(judging, named=not options.all)
    if options.json:
        content = {"ok": code == GOOD, "counts": {name: judging.counts[name] for name in WORDS}}
        write_json("reevaluate", {**content, "battles": [_as_json(verdict) for verdict in kept]})
    else:
        _tell(kept, judging, quiet=options.quiet)
    return code


def _plan(options: argparse.Namespace, settings: Settings, judging: Reevaluation) -> tuple[int, Iterator[Verdict]]:
    """How many battles, and their verdicts as they come."""
    from green_logic.recorded import count_rows, find_rows, read_rows

    if options.all:
        count = count_rows(settings)
        total = count if options.limit is None else min(count, options.limit)
        return total, judging.judge_rows(read_rows(settings, limit=None if options.limit is None else total))
    found = list(find_rows(settings, options.battle_ids))  # an unknown id is told before anything is judged
    reasons = {name: item for name, item in zip(options.battle_ids, found, strict=True) if isinstance(item, str)}
    rows = [item for item in found if not isinstance(item, str)]
    aside = itertools.starmap(judging.set_aside, reasons.items())
    return len(found), itertools.chain(aside, judging.judge_rows(rows) if rows else ())


def _exit_code(judging: Reevaluation, *, named: bool) -> int:
    if judging.differs:
        return BAD
    # somebody who names a battle wants an answer about it
    apart = judging.counts["not_judged_here"] + judging.counts["not_evaluated"] if named else 0
    return USAGE if judging.undecided or apart else GOOD


def _as_json(verdict: Verdict) -> dict[str, Any]:
    content = {name: getattr(verdict, name) for name in ("battle_id", "outcome", "score", "recomputed", "reason")}
    return {**content, "hint": verdict.hint, "differences": [item._asdict() for item in verdict.differences]}


def _tell(kept: list[Verdict], judging: Reevaluation, *, quiet: bool) -> None:
    for verdict in () if quiet else kept:
        _tell_one(verdict)
    left_out = sum(judging.counts.values()) - judging.counts["equal"] - len(kept)
    if left_out > 0 and not quiet:
        say(f"… and {left_out} more that are not equal")
    parts = [f"{judging.counts[name]} {word}" for name, word in WORDS.items() if judging.counts[name]]
    say(f"{'✘' if judging.differs else '!' if judging.undecided else '✔'} {' · '.join(parts) or '0 battles'}")


def _tell_one(verdict: Verdict) -> None:
    scores = f", CIS {verdict.score}" if verdict.score is not None else ""
    if verdict.recomputed is not None and verdict.recomputed != verdict.score:
        scores += f" recorded, {verdict.recomputed} now"
    reason = f": {verdict.reason}" if verdict.reason else ""
    say(f"{SIGNS.get(verdict.outcome, '!')} {verdict.battle_id}: {WORDS[verdict.outcome]}{scores}{reason}")
    for item in verdict.differences[:SHOWN]:
        say(f"    {item.path}: recorded {item.recorded}, found {item.found}")
    if len(verdict.differences) > SHOWN:
        say(f"    … and {len(verdict.differences) - SHOWN} more")
    if verdict.hint:
        say(f"    → {verdict.hint}")
