"""`green-logic doctor`: what is wrong with the ledger and its machine, and what mends it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from green_logic.commands import BAD, GOOD, say, write_json
from green_logic.commands.archive import ProgressLine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from green_logic.doctor.examine import Diagnosis
    from green_logic.doctor.patient import Fault
    from green_logic.doctor.repair import Mended
    from green_logic.settings import Settings

SUMMARY = "find damage, say what it means and what mends it; writes only with --repair"
EXAMPLES = """examples:
  green-logic doctor                            everything: books, files, keys, leftovers, disk, versions, sandbox
  green-logic doctor --repair                   mend what loses no evidence; the rest is moved to data/set_aside/
  green-logic doctor --json | jq -r '.faults[] | select(.severity == "fault") | .mend'
  green-logic doctor --kinds                    every kind of damage that it knows"""
SIGNS = {"fault": "✘", "warning": "!", "note": "·"}
SHOWN = 3  # places of one kind; --json has all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to mend, and where backups lie."""
    parser.add_argument("--repair", action="store_true", help="mend what loses no evidence; deletes nothing")
    parser.add_argument("--backups", metavar="DIR", type=Path, help="where backups lie (default: backups/ in the data)")
    parser.add_argument("--kinds", action="store_true", help="only list every kind of damage and what mends it")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Look, mend if told to, and tell."""
    if options.kinds:
        return _list_kinds(json=options.json)
    from green_logic.doctor.examine import examine
    from green_logic.doctor.repair import repair
    from green_logic.doctor.surroundings import look_around

    around, mended = look_around(settings), []
    with ProgressLine(quiet=options.quiet or options.json) as line:
        found = examine(settings, around, backups=options.backups, progress=line.show)
        if options.repair:
            mended = repair(found)
            found = examine(settings, around, backups=options.backups, progress=line.show)
    if options.json:
        faults = [fault.as_json() for fault in found.faults]
        write_json("doctor", {"ok": found.ok, "faults": faults, "mended": [vars(one) for one in mended]})
    else:
        _tell(found, mended, quiet=options.quiet)
    return GOOD if found.ok else BAD


def _list_kinds(*, json: bool) -> int:
    from green_logic.doctor.kinds import KINDS

    if json:
        kinds = {name: {"severity": kind.severity, "meaning": kind.meaning} for name, kind in KINDS.items()}
        write_json("doctor", {"ok": True, "kinds": kinds})
        return GOOD
    for name, kind in KINDS.items():
        say(f"{SIGNS[kind.severity]} {name:<25} {kind.meaning}")
    return GOOD


def _tell(found: Diagnosis, mended: Sequence[Mended], *, quiet: bool) -> None:
    for one in mended:
        say(f"mended {one.kind}: {one.where}: {one.act}")
    for area in found.areas:
        bad = [fault for fault in area.faults if fault.severity != "note"]
        if bad:
            _tell_faults(bad)
        elif area.looked and not quiet:
            say(f"✔ {area.area}: {_fine(area)}")
    counts = {name: sum(fault.severity == name for fault in found.faults) for name in SIGNS}
    sign = "✔" if found.ok else "✘"
    say(f"{sign} {counts['fault']} faults, {counts['warning']} warnings")


def _fine(area: Any) -> str:
    if not area.faults:
        return str(area.fine)
    notes = dict.fromkeys(fault.meaning for fault in area.faults)
    return "; ".join(notes)


def _tell_faults(faults: Sequence[Fault]) -> None:
    by_kind: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        by_kind[fault.kind].append(fault)
    for kind, alike in by_kind.items():
        times = f" × {len(alike)}" if len(alike) > 1 else ""
        say(f"{SIGNS[alike[0].severity]} {kind}{times}: {alike[0].meaning}")
        for fault in alike[:SHOWN]:
            say(f"    {fault.where}: {fault.message}")
        if len(alike) > SHOWN:
            say(f"    … and {len(alike) - SHOWN} more")
        for mend in dict.fromkeys(fault.mend for fault in alike[:SHOWN]):
            say(f"    → {mend}")
