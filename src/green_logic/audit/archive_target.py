"""The verdict on an archive, or on a folder of archives, that somebody was handed without its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from green_logic.audit.cores import PARALLEL_FROM, all_cores
from green_logic.audit.single import Verdict, read_target
from green_logic.errors import VerificationError
from green_logic.proof.checkpoint import Checkpoint
from green_logic.proof.keys import PublicKey
from green_logic.publish.archive_chain import ChainReport, Note, check_chain
from green_logic.publish.archive_files import NAME, Archive, parse_name
from green_logic.publish.leaves import Progress, no_progress
from green_logic.settings import CHECKPOINT_NAME, Settings

SHOWN = 5  # findings in the message


def is_archive_target(path: Path) -> bool:
    """Whether a path is an archive, its manifest, or a folder of archives. A backup, which has a database, is none."""
    if path.is_dir():
        return not Settings(data_dir=path).database.exists() and bool(_names_in(path))
    return path.is_file() and NAME.fullmatch(path.name) is not None


def check_archive_target(
    path: Path,
    keys: Mapping[str, PublicKey],
    pins: Sequence[Checkpoint] = (),
    *,
    part: bool = False,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> Verdict:
    """The verdict under `keys`; a checkpoint that lies beside the archives is held against them as `pins` are.

    A folder has to hold every leaf from the first on, up to the largest checkpoint, unless it is said to be a `part`;
    an archive alone is one. `verify_dbom.py` gives the same verdict. Raises StorageError or ConfigurationError when a
    file cannot be read.
    """
    folder, what = (path, "archives") if path.is_dir() else (path.parent, "archive")
    notes = [Note(f"pinned checkpoint of {pin.size}", pin.note.encode(), pinned=True) for pin in pins]
    if (folder / CHECKPOINT_NAME).is_file():
        notes.insert(0, Note(CHECKPOINT_NAME, read_target(folder / CHECKPOINT_NAME), pinned=False))
    try:
        archives = _archives_in(path) if path.is_dir() else [parse_name(path)]
    except VerificationError as error:
        return Verdict(str(path), what, "archive", error.message)
    # a name may claim any number of leaves
    many = sum(archive.last_leaf + 1 - archive.first_leaf for archive in archives) >= PARALLEL_FROM
    with all_cores(workers if many else 1) as spread:
        complete = path.is_dir() and not part
        report = check_chain(
            archives, keys, notes, complete=complete, spread=spread, progress=on_progress or no_progress
        )
    if not report.findings:
        unsealed = report.end - max(report.sealed, report.first)
        return Verdict(str(path), what, "", _describe(report), pinned=report.pinned, unsealed=max(unsealed, 0))
    shown = [f"{finding.where}: {finding.message}" for finding in report.findings[:SHOWN]]
    rest = len(report.findings) + report.dropped - len(shown)
    message = "; ".join(shown) + (f"; and {rest} more" if rest else "")
    return Verdict(str(path), what, report.findings[0].kind, message)


def _archives_in(folder: Path) -> list[Archive]:
    return sorted({parse_name(folder / name) for name in _names_in(folder)})


def _names_in(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if NAME.fullmatch(path.name))
    return [name for name in names if not name.endswith(".pruned")]


def _describe(report: ChainReport) -> str:
    whole = report.dboms == report.end - report.first
    leaves = f"leaves {report.first} to {report.end - 1}" + ("" if whole else ", not all of them,")
    levels = f"sealed to {report.sealed}, pinned to {report.pinned}"
    return f"{report.dboms} DBOMs, {leaves} of {report.origin}, {levels}"
