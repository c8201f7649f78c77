"""Whatever somebody wants verified → its verdict: a data directory, a publication, a file, a battle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from green_logic.audit.report import AuditReport, Extent
from green_logic.audit.single import Verdict, check_file
from green_logic.errors import ConfigurationError, LedgerMissingError
from green_logic.ledger.findings import Finding
from green_logic.proof.checkpoint import Checkpoint
from green_logic.proof.keys import PublicKey
from green_logic.publish.companion_names import MANIFEST_FOLDER
from green_logic.settings import PUBLIC_NAME, Settings

if TYPE_CHECKING:
    from green_logic.publish.leaves import Progress

LEGACY = "legacy-unsigned"
DATABASE_START = b"SQLite format 3\0"


@dataclass(frozen=True)
class Terms:
    """What targets are judged by. `keys` and `pins` are from elsewhere; `keys` is None when none were given.

    `strict`: what is not signed, under no checkpoint, or pinned by nothing from elsewhere, is a finding. `part`:
    archives and exports need not hold all that a checkpoint covers.
    """

    settings: Settings
    keys: Mapping[str, PublicKey] | None
    pins: Sequence[Checkpoint] = ()
    extent: Extent = field(default_factory=Extent)
    strict: bool = False
    part: bool = False
    kept: int = 5
    on_progress: Progress | None = None


def check_target(target: str | None, terms: Terms) -> AuditReport | Verdict:
    """The verdict on one target; None is the data directory of the settings.

    Raises ConfigurationError when there is no such thing, or no key to check it with.
    """
    answer = _audit(terms.settings.data_dir, terms, own=True) if target is None else _check_path(target, terms)
    if terms.strict:
        answer = _strictly(answer, terms) if isinstance(answer, Verdict) else _strict_report(answer, terms)
    return answer


def _check_path(target: str, terms: Terms) -> AuditReport | Verdict:
    path = Path(target)
    if not path.exists():
        return _check_battle(target, terms)
    if path.is_dir() or path.suffix == ".parquet" or path.name.startswith("dboms-"):
        return _check_publication(path, terms)
    if _starts_with(path, DATABASE_START):
        message = f"{path}: a database is not verified by itself, but with what belongs to it"
        raise ConfigurationError(message, hint=f"green-logic verify {path.parent}/")
    if path.parent.name == MANIFEST_FOLDER and path.suffix == ".json":
        message = f"{path}: a manifest is not verified by itself, but with the files that it names"
        raise ConfigurationError(message, hint=f"green-logic verify {path.parent.parent}/")
    return _check_file(path, terms)


def _check_publication(path: Path, terms: Terms) -> AuditReport | Verdict:
    from green_logic.audit.archive_target import check_archive_target, is_archive_target  # noqa: PLC0415  see below
    from green_logic.audit.backups import audit_backup, is_backup  # noqa: PLC0415  each is a target of few
    from green_logic.audit.export_target import audit_export, find_export  # noqa: PLC0415

    workers = terms.settings.workers or len(os.sched_getaffinity(0))
    if is_archive_target(path):
        return check_archive_target(
            path,
            _trusted(path, terms),
            tuple(terms.pins),
            part=terms.part,
            workers=workers,
            on_progress=terms.on_progress,
        )
    if path.is_dir() and is_backup(path):
        every = terms.extent.every_signature
        return audit_backup(
            path, terms.keys, terms.pins, every_signature=every, kept=terms.kept, on_progress=terms.on_progress
        )
    # a data directory holds an export, and is not one
    if not terms.settings.changed(data_dir=path).database.exists() and (export := find_export(path)) is not None:
        report = audit_export(
            export,
            _trusted(path, terms),
            terms.pins,
            part=terms.part,
            workers=workers,
            kept=terms.kept,
            on_progress=terms.on_progress,
        )
        report.key_pinned = terms.keys is not None
        return report
    if not path.is_dir():
        return _check_file(path, terms)
    try:
        return _audit(path, terms, own=False)
    except LedgerMissingError as error:
        message = f"{path}: no ledger, archive, export or backup is in this folder"
        raise ConfigurationError(message, hint=_what_is_there(path)) from error


def _what_is_there(folder: Path) -> str:
    """What to call instead, for a folder that cannot be verified as one."""
    from green_logic.audit.backups import is_backup  # noqa: PLC0415  as above

    names = sorted(folder.iterdir())
    if backups := [path for path in names if path.is_dir() and is_backup(path)]:
        return f"green-logic verify {backups[-1]}"
    for pattern in ("dbom_*.json", "*.parquet", "*.tlog-proof"):
        if any(path.match(pattern) for path in names):
            return f"green-logic verify {folder}/{pattern}"
    return "green-logic verify --help tells what can be verified"


def _starts_with(path: Path, beginning: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(beginning)) == beginning
    except OSError:
        return False  # whoever reads it next says why


def _audit(data_dir: Path, terms: Terms, *, own: bool) -> AuditReport:
    from green_logic.audit.ledger import audit_ledger, find_own_pin  # noqa: PLC0415  most targets are single files

    # what this machine's judge signed last binds its own ledger, not a copy or a backup of it that is older
    pin = find_own_pin(terms.settings) if own else None
    # nor does `export_to` of the settings hold exports of a copy
    settings = terms.settings if own else terms.settings.changed(data_dir=data_dir, export_to="")
    pins = [*terms.pins, *([pin] if pin else [])]
    return audit_ledger(settings, terms.keys, pins, extent=terms.extent, kept=terms.kept, on_progress=terms.on_progress)


def _check_battle(target: str, terms: Terms) -> Verdict:
    from green_logic.audit.one_battle import check_battle  # noqa: PLC0415  as above
    from green_logic.strict_json import BATTLE_ID  # noqa: PLC0415

    try:
        if BATTLE_ID.fullmatch(target):
            return check_battle(terms.settings, target, terms.keys)
    except LedgerMissingError:
        pass
    except ConfigurationError as error:
        if "no battle" not in error.message:
            raise
    raise ConfigurationError(
        f"{target}: no such file, and no battle on the ledger in {terms.settings.data_dir}/ has this id",
        hint="green-logic list shows the battles",
    )


def _check_file(path: Path, terms: Terms) -> Verdict:
    verdict = check_file(path, _trusted(path, terms, or_none=True), tuple(terms.pins))
    alone = terms.keys is None and _find_key_folder(path) is None
    if verdict.kind == LEGACY:
        # nobody claims that it was signed; beside a judge's key it would be a downgrade
        return replace(verdict, tolerated=alone and not terms.strict)
    if verdict.kind == "unknown-key" and alone:
        _trusted(path, terms)  # says which key is missing
    return verdict


def _trusted(path: Path, terms: Terms, *, or_none: bool = False) -> Mapping[str, PublicKey]:
    """The given keys, else those of the data directory that a path lies in, else those of the settings' own."""
    if terms.keys is not None:
        return terms.keys
    from green_logic.audit.ledger import load_published_keys  # noqa: PLC0415  not needed when a key was given

    folder = _find_key_folder(path) or terms.settings.data_dir
    if or_none and not (folder / PUBLIC_NAME).is_file():
        return {}
    return load_published_keys(folder)


def _find_key_folder(path: Path) -> Path | None:
    return next((one for one in (path, *path.absolute().parents[:4]) if (one / PUBLIC_NAME).is_file()), None)


def _strictly(verdict: Verdict, terms: Terms) -> Verdict:
    lacking = [("unpinned", "no key from elsewhere was given")] if terms.keys is None else []
    if verdict.pinned == 0:
        lacking.append(("unpinned", "no checkpoint from elsewhere reaches it"))
    if verdict.unsealed:
        lacking.append(("unsealed", f"{verdict.unsealed} battles are under no checkpoint"))
    if verdict.ok and lacking:
        kind, what = lacking[0]
        return replace(verdict, kind=kind, message=f"{what}; else: {verdict.message}")
    return verdict


def _strict_report(report: AuditReport, terms: Terms) -> AuditReport:
    if terms.keys is None:
        report.tally.add(Finding("unpinned", report.target, "no key from elsewhere was given (--key)"))
    if report.leaves and not report.pinned:
        report.tally.add(Finding("unpinned", report.target, "no checkpoint from elsewhere covers it (--checkpoint)"))
    if report.unsealed:
        message = f"{report.unsealed} battles from leaf {report.sealed} on are under no checkpoint"
        report.tally.add(Finding("unsealed", report.target, message))
    return report
