"""The audit of a data directory: rows, DBOMs, log and checkpoints against each other and against the keys."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from green_logic.audit.archives import check_archives
from green_logic.audit.backups import check_backups
from green_logic.audit.checks import (
    check_checkpoints,
    check_keys,
    check_nodes,
    check_pins,
    check_rows,
    check_schema,
)
from green_logic.audit.exports import check_exports
from green_logic.audit.folder import check_companions, check_folder, check_journal, check_published
from green_logic.audit.report import AuditReport, Extent
from green_logic.audit.scene import RANGE, Check, Scene
from green_logic.errors import ConfigurationError, VerificationError
from green_logic.ledger.endless import ENDLESS
from green_logic.ledger.findings import EXAMPLES_KEPT, Finding, Tally
from green_logic.ledger.log import Log, has_log_tables
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.row_check import Trust
from green_logic.ledger.schema import database_errors, key_ranges, read_meta
from green_logic.ledger.shelf import find_pruned
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, trusted_keys
from green_logic.proof.highwater import HighWater
from green_logic.proof.keys import PublicKey
from green_logic.proof.pinned import load_public_keys
from green_logic.publish.leaves import Progress
from green_logic.settings import PUBLIC_NAME, Settings, state_dir

CHECKS: tuple[Check, ...] = (  # in order; a new kind of publication adds its own
    check_schema,
    check_keys,
    check_rows,
    check_checkpoints,
    check_pins,
    check_nodes,
    check_folder,
    check_journal,
    check_published,
    check_companions,
    check_archives,
    check_exports,
    check_backups,
)


def audit_ledger(
    settings: Settings,
    keys: Mapping[str, PublicKey] | None = None,
    pins: Sequence[Checkpoint] = (),
    *,
    extent: Extent | None = None,
    kept: int = EXAMPLES_KEPT,
    on_progress: Progress | None = None,
) -> AuditReport:
    """Check everything in a data directory. `keys` are pinned (None: those found in the directory, which proves only
    that it agrees with itself); `pins` are checkpoints from elsewhere; `kept` findings of each kind are kept whole.

    Raises LedgerMissingError or ConfigurationError when there is nothing to check or no key to check it with.
    """
    report = AuditReport(str(settings.data_dir), key_pinned=keys is not None, tally=Tally(kept))
    extent = extent or Extent()
    try:
        with open_for_reading(settings, bounded=True) as connection, _settled(settings, connection):
            connection.text_factory = _decode
            scene = _set_scene(settings, connection, keys, pins, report)
            scene.on_progress, scene.extent = on_progress or scene.on_progress, extent
            scene.trust = replace(scene.trust, pruned=(*scene.trust.pruned, *extent.pruned))
            if not extent.every_signature:
                scene.trust = replace(scene.trust, vouched=_count_vouched(scene))
            report.verified = report.leaves - scene.trust.vouched
            for check in extent.checks or CHECKS:
                _run(check, scene)
    except VerificationError as error:
        report.tally.add(Finding(error.kind, str(settings.database), error.message))
    return report


def _run(check: Check, scene: Scene) -> None:
    try:
        with database_errors(scene.settings.database):
            for finding in check(scene):
                scene.report.tally.add(finding)
    except VerificationError as error:
        scene.report.tally.add(Finding(error.kind, str(scene.settings.database), error.message))


@contextmanager
def _settled(settings: Settings, connection: sqlite3.Connection) -> Iterator[None]:
    """One snapshot for all queries of this process, so that a run that goes on meanwhile changes nothing here."""
    with database_errors(settings.database):
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def _decode(text: bytes) -> str:
    # no text of ours is anything but UTF-8; what is must become a finding, not an error of SQLite's
    return text.decode("utf-8", "backslashreplace")


def _set_scene(
    settings: Settings,
    connection: sqlite3.Connection,
    keys: Mapping[str, PublicKey] | None,
    pins: Sequence[Checkpoint],
    report: AuditReport,
) -> Scene:
    meta = read_meta(connection)
    if not {"origin", "keyid"} <= meta.keys():
        raise VerificationError("ledger_meta lacks the origin or the key id", kind="meta")
    checkpoints = list(stored_checkpoints(connection))
    pinned = load_published_keys(settings.data_dir) if keys is None else keys
    ranges = tuple(key_ranges(meta))
    trust = Trust(
        meta["origin"], trusted_keys(pinned, checkpoints), ranges, pruned=tuple(find_pruned(settings.data_dir))
    )
    # not count(*), which is one step, however long: no bound could end it
    count = connection.execute("SELECT coalesce(sum(1), 0) FROM ledger").fetchone()[0]
    # one index far away, planted, must not make this walk for ever; check_rows reports what lies beyond
    report.leaves = min(Log(connection).size(), 2 * count + RANGE)
    report.checkpoints = len(checkpoints)
    report.keyids = tuple(keyid for _, keyid in ranges)
    return Scene(
        settings=settings,
        connection=connection,
        trust=trust,
        checkpoints=checkpoints,
        pins=pins,
        report=report,
        workers=settings.workers or len(os.sched_getaffinity(0)),
    )


def _count_vouched(scene: Scene) -> int:
    """Leaves under a checkpoint with a good signature. That its root is theirs is for check_checkpoints to find."""
    for item in reversed(scene.checkpoints):
        if item.size <= scene.report.leaves:
            with suppress(VerificationError):
                return open_checkpoint(item.note.encode(), scene.trust.keys, origin=scene.trust.origin).size
    return 0


def load_published_keys(data_dir: Path) -> dict[str, PublicKey]:
    """The keys that lie with the data: enough to see that it agrees with itself. Raises ConfigurationError."""
    path = data_dir / PUBLIC_NAME
    if not path.is_file():
        raise ConfigurationError(f"{path}: there is no public key", hint="--key FILE gives the judge's public key")
    return load_public_keys([path])


def find_own_pin(settings: Settings) -> Checkpoint | None:
    """What this user's judge signed last for the ledger, on this machine: a pin that no change of the data reaches."""
    try:
        with open_for_reading(settings, bounded=True) as connection, database_errors(settings.database):
            return HighWater(state_dir()).find(str(read_meta(connection).get("origin")))
    except (VerificationError, ConfigurationError):
        return None  # the audit itself tells what is wrong


def stored_checkpoints(connection: sqlite3.Connection) -> Iterator[Checkpoint]:
    """Those that can be parsed; check_checkpoints reports the others."""
    if not has_log_tables(connection):
        return
    before = None
    for number, note in connection.execute("SELECT number, note FROM checkpoints ORDER BY number"):
        if type(number) is not int or (before is not None and number <= before):
            raise VerificationError(f"checkpoint {number} follows {before}; perhaps {ENDLESS}", kind="database")
        before = number
        try:
            checkpoint = parse_checkpoint(str(note).encode())
        except VerificationError:
            continue
        yield checkpoint
