"""Backups in the audit: whole, nothing added, and each a beginning of the ledger that it lies beside.

A backup is read where it lies: `battles.db` as a fixed file, the DBOMs out of their packs. By default every file is
hashed and the root of its log compared with the ledger's; at the depth "rows", or as a target of its own, everything
in it is audited as in a data directory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

from green_logic.audit.checks import check_checkpoints, check_keys, check_nodes, check_pins, check_rows, check_schema
from green_logic.audit.folder import check_published
from green_logic.audit.report import AuditReport, Extent
from green_logic.audit.scene import Check, Scene
from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.files import TEMPORARY_PREFIX
from green_logic.ledger.findings import EXAMPLES_KEPT, Finding, Tally
from green_logic.ledger.log import Log
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import key_ranges, read_meta
from green_logic.proof.checkpoint import Checkpoint, parse_checkpoint
from green_logic.proof.keys import PublicKey
from green_logic.publish.inspection import open_copy
from green_logic.publish.leaves import Progress
from green_logic.publish.restore import DATABASE_NAME, MANIFEST_NAME, check_backup, dbom_groups, read_backup
from green_logic.publish.retention import parse_stamp, root_of
from green_logic.settings import CHECKPOINT_NAME, Settings

EVERY_LEAF = ((0, 1 << 62),)  # whose DBOM may be absent from the folder: a backup has them in packs


def is_backup(path: Path) -> bool:
    """Whether a directory looks like a backup: by its files, or by its name."""
    return (path / MANIFEST_NAME).exists() or (parse_stamp(path.name) is not None and path.is_dir())


def check_backups(scene: Scene) -> Iterator[Finding]:
    """Every backup in `backups/` has its files, and is a beginning of this ledger."""
    root = scene.settings.data_dir / "backups"
    if scene.extent.depth == "ledger" or not root.is_dir():
        return
    paths = sorted(path for path in root.iterdir() if not path.name.startswith(TEMPORARY_PREFIX) and is_backup(path))
    with ThreadPoolExecutor(max(scene.workers, 1)) as pool:  # hashing lets other threads run
        found: dict[Path, list[str]] = {}
        for path, wrong in zip(paths, pool.map(_find_wrong_files, paths), strict=True):
            scene.on_progress("reading backups", len(found), len(paths))
            found[path] = wrong
    for path, wrong in found.items():
        reasons = wrong or list(_compare(scene, path))
        if not path.exists():
            continue  # a newer backup has made it surplus meanwhile
        scene.report.backups += 1
        yield from (Finding("backup", path.name, reason) for reason in reasons)


def audit_backup(
    path: Path,
    keys: Mapping[str, PublicKey] | None = None,
    pins: Sequence[Checkpoint] = (),
    *,
    every_signature: bool = False,
    kept: int = EXAMPLES_KEPT,
    on_progress: Progress | None = None,
) -> AuditReport:
    """Check everything in a backup. `keys` are pinned (None: those inside it); `pins` are checkpoints from elsewhere.

    One whose files are not those of its manifest is not opened. Raises ConfigurationError when there is no key.
    """
    from green_logic.audit.ledger import audit_ledger  # noqa: PLC0415  it audits backups in turn

    wrong = _find_wrong_files(path)
    if wrong:
        report = AuditReport(str(path), key_pinned=keys is not None, what="backup", tally=Tally(kept))
        for reason in wrong:
            report.tally.add(Finding("backup", path.name, reason))
        return report
    report = audit_ledger(
        Settings(data_dir=path),
        keys,
        pins,
        extent=Extent(every_signature=every_signature, checks=BACKUP_CHECKS, pruned=EVERY_LEAF),
        kept=kept,
        on_progress=on_progress,
    )
    report.what = "backup"
    return report


def check_packs(scene: Scene) -> Iterator[Finding]:
    """The manifest is that of this database, and the packs hold exactly the DBOMs of its rows."""
    path, leaves = scene.settings.data_dir, scene.report.leaves
    manifest = read_backup(path)
    keyids = [keyid for _, keyid in scene.trust.ranges]
    root = root_of(Log(scene.connection), leaves)
    for name, value in (("origin", scene.trust.origin), ("ledger_size", leaves), ("keyids", keyids), ("root", root)):
        if manifest.get(name, root) != value:  # manifests of the first versions have no root
            yield Finding("backup", MANIFEST_NAME, f"{name} is {manifest[name]}, the database has {value}")
    query = (
        "SELECT l.leaf_index, l.dbom_sha256 FROM battles b JOIN ledger l ON l.battle_row = b.id WHERE b.battle_id = ?"
    )
    seen = bytearray(leaves)
    for group in dbom_groups(path, manifest):
        scene.on_progress("checking packed DBOMs", sum(seen), leaves)
        for name, data in group.items():
            battle_id = name.removeprefix("dbom_").removesuffix(".json")
            row = scene.connection.execute(query, (battle_id,)).fetchone()
            if row is None or row[1] != sha256(data).digest() or not 0 <= row[0] < leaves:
                yield Finding("backup", name, "is not the DBOM of a row of this backup")
            else:
                seen[row[0]] = 1
    missing = leaves - sum(seen)
    if missing:
        yield Finding("backup", path.name, f"its packs lack the DBOMs of {missing} battles")


BACKUP_CHECKS: tuple[Check, ...] = (
    check_schema,
    check_keys,
    check_rows,
    check_checkpoints,
    check_pins,
    check_nodes,
    check_packs,
    check_published,
)


def _find_wrong_files(path: Path) -> list[str]:
    """What is wrong with the files of a backup, before anything in them is looked at."""
    try:
        if path.is_symlink():
            return ["is a link, so it may be anywhere"]
        # a pipe would be waited for
        special = sorted(entry.name for entry in path.iterdir() if not entry.is_file())
        if special:
            return [f"{special[0]} is no file"]
        # a planted WAL would be read with the database
        added = {entry.name for entry in path.iterdir()} - {*read_backup(path)["files"], MANIFEST_NAME}
        if added:
            return [f"{min(added)} does not belong to it"]
        check_backup(path)
    except (VerificationError, ConfigurationError, StorageError) as error:
        return [error.message]
    except OSError as error:
        return [f"cannot be read: {error.strerror}"]
    return []


def _compare(scene: Scene, path: Path) -> Iterator[str]:
    """Why a backup whose files are whole is no beginning of the ledger."""
    try:
        manifest = read_backup(path)
        if manifest["origin"] != scene.trust.origin:
            yield f"is of the ledger {manifest['origin']}"
            return
        if scene.extent.depth == "rows":
            report = audit_backup(path, scene.trust.keys, kept=1, on_progress=scene.on_progress)
            if (first := report.tally.first()) is not None:
                yield f"{report.tally.total()} findings inside, the first: {first.where}: {first.message}"
                return
        yield from _compare_logs(scene, path, manifest)
    except (VerificationError, ConfigurationError, StorageError) as error:
        yield error.message
    except OSError as error:
        yield f"cannot be read: {error.strerror}"


def _compare_logs(scene: Scene, path: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    size = manifest["ledger_size"]
    # a backup may be newer than our snapshot
    with open_copy(path / DATABASE_NAME) as copy, open_for_reading(scene.settings, bounded=True) as now:
        log, ours = Log(copy), Log(now)
        meta = read_meta(copy)
        keyids = [keyid for _, keyid in key_ranges(meta)]
        if (log.size(), meta["origin"], keyids) != (size, scene.trust.origin, manifest["keyids"]):
            yield f"its manifest is of {size} battles and other keys or another ledger than its {log.size()} battles"
        elif ours.size() < size:
            yield f"has {size} battles, the ledger only {ours.size()}: the ledger was rolled back"
        elif ours.root(size) != log.root(size):
            yield f"its {size} battles are not the first {size} of the ledger"
        elif (root := root_of(log, size)) != manifest.get("root", root):  # the first manifests have none
            yield "the root in its manifest is not that of its log"
        elif (path / CHECKPOINT_NAME).is_file():
            note = parse_checkpoint((path / CHECKPOINT_NAME).read_bytes())
            if note.size > size or log.root(note.size) != note.root:
                yield f"its checkpoint of {note.size} battles is not one of its log"
