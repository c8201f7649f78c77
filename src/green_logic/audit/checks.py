"""The checks of the database itself: tables, keys, rows, checkpoints, tree. Each yields findings about one promise."""

from __future__ import annotations

from collections.abc import Iterator

from green_logic.audit.scene import Scene, check_ranges
from green_logic.errors import VerificationError
from green_logic.ledger.findings import Finding
from green_logic.ledger.log import STEP, has_log_tables
from green_logic.ledger.schema import find_changes
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint
from green_logic.proof.keys import find_keyid
from green_logic.proof.merkle import CompactRange, fold
from green_logic.settings import PUBLIC_NAME


def check_schema(scene: Scene) -> Iterator[Finding]:
    """Tables, indexes and triggers are ours, and no trigger was added."""
    for name, fault in find_changes(scene.connection):
        yield Finding("schema", name, fault)


def check_keys(scene: Scene) -> Iterator[Finding]:
    """The ledger's keys are trusted ones, and each after the first was handed over by the one before."""
    trust = scene.trust
    for _, keyid in trust.ranges:
        if keyid not in trust.keys:
            yield Finding("unknown-key", PUBLIC_NAME, f"the ledger is signed by {keyid}, which is not trusted here")
    changes = [item for item in scene.checkpoints if item.key_change is not None]
    handed_over = [(0, trust.ranges[0][1])]
    for item in changes:
        old, new = (find_keyid(key) for key in item.key_change or ())
        if old != handed_over[-1][1]:
            yield Finding("key-range", f"checkpoint of {item.size}", f"hands over from {old}, not the ledger's key")
        handed_over.append((item.size, new))
    if handed_over != list(trust.ranges):
        yield Finding("meta", "ledger_meta", "its keys are not those that the signed changes of keys name")


def check_rows(scene: Scene) -> Iterator[Finding]:
    """Leaves, rows and DBOM files agree and are signed; the tree over the leaves is put together on the way."""
    report, tree = scene.report, CompactRange()
    wanted = {item.size for item in (*scene.checkpoints, *scene.pins)}
    for result in check_ranges(scene):
        report.tally.merge(result.tally)
        report.battles += result.rows
        report.files += result.files
        for leaf in result.hashes:
            tree.append(leaf)
            if tree.size in wanted:
                scene.roots[tree.size] = tree.root()
        whole = len(result.hashes) - len(result.hashes) % (1 << STEP)
        scene.nodes += [fold(result.hashes[at : at + (1 << STEP)]) for at in range(0, whole, 1 << STEP)]
        scene.on_progress("checking battles", tree.size, report.leaves)
    yield from _check_numbers(scene)


def _check_numbers(scene: Scene) -> Iterator[Finding]:
    connection = scene.connection
    # counted by walking the table itself: an index could be made to hide a row
    total = connection.execute("SELECT coalesce(sum(1), 0) FROM battles NOT INDEXED").fetchone()[0]
    if total != scene.report.battles:
        query = (
            "SELECT id, battle_id FROM battles NOT INDEXED WHERE id NOT IN (SELECT battle_row FROM ledger) LIMIT 1000"
        )
        for row, battle_id in connection.execute(query):
            yield Finding("row-without-leaf", str(battle_id), f"row {row} is not in the log")
    beyond = "SELECT count(*) FROM ledger WHERE leaf_index < 0 OR leaf_index >= ?"
    if connection.execute(beyond, (scene.report.leaves,)).fetchone()[0]:
        yield Finding("leaf-gap", "ledger", "there are leaves before the first or far behind the last")
    last = connection.execute("SELECT max(id) FROM battles").fetchone()[0]
    given = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'battles'").fetchone()[0]
    if last != given:
        yield Finding("row-order", "battles", f"the last row is {last}, the last id that was given is {given}")


def check_checkpoints(scene: Scene) -> Iterator[Finding]:
    """Every stored checkpoint is signed by the ledger's key of its time and has the root of the leaves."""
    if not has_log_tables(scene.connection):
        return
    before = 0
    rows = scene.connection.execute("SELECT number, size, root, note FROM checkpoints ORDER BY number")
    for expected, (number, size, root, note) in enumerate(rows, start=1):
        where = f"checkpoint {number} of {size}"
        if number != expected:
            yield Finding("checkpoint", where, f"is number {number}, expected {expected}: one is missing")
        try:
            item = open_checkpoint(str(note).encode(), scene.trust.keys, origin=scene.trust.origin)
            _check_stored(scene, item, (size, root, note), before)
        except VerificationError as error:
            yield Finding(error.kind, where, error.message)
        else:
            before = item.size
            scene.report.sealed = max(scene.report.sealed, item.size)


def _check_stored(scene: Scene, item: Checkpoint, columns: tuple[object, object, object], before: int) -> None:
    if columns != (item.size, item.root, item.note):
        raise VerificationError("its columns are not what its note says", kind="checkpoint")
    if item.size < before:
        raise VerificationError(f"is smaller than the {before} of the one before", kind="checkpoint")
    keys, keyid = scene.trust.keys, scene.trust.keyid_of(max(item.size - 1, 0))
    # a good signature by a key of another time is none
    open_checkpoint(item.note.encode(), {keyid: keys[keyid]} if keyid in keys else {})
    _check_root(scene, item, "checkpoint")


def _check_root(scene: Scene, item: Checkpoint, kind: str) -> None:
    if item.size > scene.report.leaves:
        raise VerificationError(f"covers {item.size} battles, the log has {scene.report.leaves}", kind="truncated")
    if item.size and scene.roots[item.size] != item.root:
        raise VerificationError(f"the first {item.size} leaves have another root than was signed", kind=kind)


def check_pins(scene: Scene) -> Iterator[Finding]:
    """The log begins with what a checkpoint from elsewhere covers."""
    for item in scene.pins:
        try:
            open_checkpoint(item.note.encode(), scene.trust.keys, origin=scene.trust.origin)
            _check_root(scene, item, "history-rewritten")
        except VerificationError as error:
            yield Finding(error.kind, f"pinned checkpoint of {item.size}", error.message)
        else:
            scene.report.pinned = max(scene.report.pinned, item.size)


def check_nodes(scene: Scene) -> Iterator[Finding]:
    """The stored hashes of the tree are those of its leaves, up to the newest checkpoint and no further."""
    if not has_log_tables(scene.connection):
        return
    stored = scene.connection.execute("SELECT height, position, hash FROM log_nodes ORDER BY height, position")
    sealed = max((item.size for item in scene.checkpoints), default=0)
    height, row = STEP, scene.nodes
    while sealed >> height:
        for position, expected in enumerate(row[: sealed >> height]):
            if stored.fetchone() != (height, position, expected):
                yield Finding("log", f"log_nodes {height}, {position}", "is not the hash of its leaves")
                return
        height += STEP
        row = [fold(row[at : at + (1 << STEP)]) for at in range(0, len(row) - len(row) % (1 << STEP), 1 << STEP)]
    if stored.fetchone() is not None:
        yield Finding("log", "log_nodes", "holds hashes that no checkpoint covers")
