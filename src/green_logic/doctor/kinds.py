"""The catalogue: every kind of damage, how bad it is, what it means, and what mends it.

A kind never changes its meaning; new findings get new kinds. In `mend`, `{at}` becomes ` -C DIR` where the data lies
elsewhere than by default, `{dest}` ` --dest DIR` where the settings lead exports elsewhere, `{data}`, `{database}` and
`{key}` the paths of this ledger, `{where}` the place found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["fault", "warning", "note"]
RESTORE = "green-logic restore {backup} -C {data}-restored"
RECORD = "green-logic verify{at} --json > findings.json, keep everything, then " + RESTORE
ACCEPT = RECORD + "; if no newer backup exists, give up what is lost: green-logic checkpoint --accept-loss{at}"
REPAIR = "green-logic doctor --repair{at}"


@dataclass(frozen=True)
class Kind:
    """A fault makes the exit code 1. `evidence`: something acknowledged was lost or changed, so `--repair` leaves the
    books as they are and an auditor decides. `repaired`: `--repair` mends it.
    """

    severity: Severity
    meaning: str
    mend: str
    evidence: bool = False
    repaired: bool = False


def _evidence(meaning: str, mend: str = RECORD) -> Kind:
    return Kind("fault", meaning, mend, evidence=True)


def _mended(severity: Severity, meaning: str) -> Kind:
    return Kind(severity, meaning, REPAIR, repaired=True)


_DATABASE = {
    "no-ledger": Kind("note", "nothing was recorded here yet", "green-logic run BATTLES.jsonl{at}"),
    "database-missing": _evidence("the database is gone or empty, but its files are still here", RESTORE),
    "database-malformed": _evidence("SQLite cannot read all of the database, or its tables and indexes disagree"),
    "database-foreign": _evidence(
        "the database is not a ledger that this version understands", "choose another --data-dir, or update green-logic"
    ),
    "database-unreadable": Kind(
        "fault", "the database cannot be read at the moment", "close what holds it, see that the disk works, try again"
    ),
    "wal-lost": _evidence(
        "battles.db is older than the checkpoint beside it: battles.db-wal was removed or an old copy was put back"
    ),
    "wal-damaged": _evidence(
        "SQLite will ignore battles.db-wal because its header is broken: its battles would vanish"
    ),
    "journal-planted": _evidence(
        "a rollback journal lies beside the database, which never has one: opening it for writing would change it",
        "move {where} away, then green-logic verify{at}",
    ),
    "schema-changed": _evidence("a table or an index is missing or changed, or a trigger is changed or not ours"),
    "guard-lost": _mended("fault", "a trigger that keeps rows from being changed is gone: somebody removed it"),
}
_ROWS = {
    "row-edited": _evidence("a row is not what the judge signed"),
    "row-deleted": _evidence("a battle of the log has no row any more"),
    "row-inserted": _evidence("a row was not recorded by the judge: it has no leaf in the log"),
    "row-duplicated": _evidence("a battle has more than one row; the first one is the decision"),
    "row-reordered": _evidence("rows are not in the order in which they were committed"),
}
_LOG = {
    "log-gap": _evidence("leaves are missing from the log"),
    "log-damaged": _evidence("stored hashes or seals of the log are not those of its leaves"),
    "log-truncated": _evidence("the log ends before what was signed or given out: battles were cut off"),
    "seal-broken": _evidence("a seal is malformed, or not by the key of this ledger"),
    "meta-changed": _evidence("the ledger's own record of its origin and its keys was changed"),
    "history-forked": _evidence("the log does not begin with what was signed before: history was rewritten", ACCEPT),
    "rolled-back": _evidence(
        "this judge has signed more battles than the ledger has: an old backup was put back", ACCEPT
    ),
}
_CHECKPOINTS = {
    "checkpoint-damaged": _evidence("a checkpoint in the database is missing, or not one of this log"),
    "checkpoint-lost": _mended("fault", "the file `checkpoint` is gone; the database still has the note"),
    "checkpoint-foreign": _mended("fault", "the file `checkpoint` is broken, or of another ledger or key"),
    "checkpoint-stale": _mended("fault", "the file `checkpoint` is older than the newest note in the database"),
    "high-water-lost": Kind(
        "warning",
        "this user no longer remembers what the judge signed last, so a rollback would go unnoticed",
        "green-logic checkpoint{at}",
    ),
    "high-water-damaged": Kind(
        "fault",
        "the memory of what the judge signed last is broken; nothing is signed until it is good",
        "put a checkpoint of this ledger that you trust into {where}",
    ),
}
_DBOMS = {
    "dbom-missing": _mended("fault", "a row has no DBOM file; it can be rebuilt from the row, byte for byte"),
    "dbom-unreadable": _mended("fault", "under the name of a DBOM lies a link, a folder, a pipe or a closed file"),
    "dbom-torn": _mended("fault", "a DBOM file is cut short or no JSON: a crash or a bad disk"),
    "dbom-swapped": _mended("fault", "a DBOM file holds the DBOM of another battle"),
    "dbom-downgraded": _mended("fault", "the DBOM of a logged battle was replaced by an unsigned one of version 1.0"),
    "dbom-edited": _mended("fault", "a DBOM file is not the one that was sealed"),
    "dbom-planted": _mended("fault", "a DBOM file belongs to no row and is not sealed by this judge"),
    "dbom-unrecorded": _mended(
        "fault", "a DBOM that this judge sealed has no row: a crash before its commit, or its row was lost"
    ),
    "foreign-file": _mended("fault", "a file in the DBOM folder is none of ours"),
}
_KEYS = {
    "key-lost": Kind(
        "fault",
        "the judge's private key is gone: everything can be verified, nothing can be recorded",
        "put your copy of the key to {key} (chmod 600), or begin a new ledger in another --data-dir",
    ),
    "key-foreign": Kind(
        "fault",
        "the key in use is not the one that signs this ledger",
        "point GREEN_LOGIC_SIGNING_KEY to the ledger's own key; if that was retired for another: "
        "green-logic keys rotate{at}",
    ),
    "key-exposed": Kind("fault", "others can read the judge's private key", "chmod 600 {key}", repaired=True),
    "key-unreadable": Kind("fault", "the judge's private key cannot be used", "put a good copy to {key}"),
    "key-published": Kind(
        "fault",
        "the private key lies among the data, which is published",
        "move it out of {data}, set GREEN_LOGIC_SIGNING_KEY; if a copy left this machine: green-logic keys rotate{at}",
    ),
    "public-key-lost": _mended("fault", "judge.pub is gone: nobody can check a copy of the data"),
    "public-key-differs": _mended(
        "fault", "judge.pub does not hold the keys of this ledger, in their order, and nothing else"
    ),
}
_LEFTOVERS = {
    "leftover": _mended("warning", "a half-written file that a crash left; it counts for nothing"),
    "backup-unfinished": _mended("warning", "a backup that was never complete; the next backup would remove it"),
    "archive-without-manifest": _mended("warning", "a pack or mark without manifest counts for nothing"),
    "spool": _mended("warning", "unfinished work of an export, or of a copy of archives, that was killed"),
    "scratch": Kind(
        "warning", "a copy of a backup, for a restore or a drill that was killed; it may be large", "rm -r {where}"
    ),
    "archive-damaged": Kind(
        "fault",
        "an archive is not whole",
        "move its files out of archives/ and run green-logic archive{at}: the rows make it again",
    ),
    "export-damaged": Kind(
        "fault",
        "a Parquet export is not what its manifests or the ledger say",
        "green-logic export --rebuild{dest}{at}",
    ),
    "companion-foreign": Kind(
        "fault",
        "a key or a checkpoint beside a publication is not this ledger's, and leads whoever trusts it astray",
        "move {where} away: the next publication writes it anew",
    ),
    "export-stray": Kind(
        "warning",
        "a Parquet file that no manifest names: a crash left it, or its manifest was removed",
        "green-logic export{dest}{at}",
    ),
    "export-elsewhere": Kind(
        "note", "exports go to a place that is not looked into here", "green-logic verify COPY-OF-THE-EXPORT"
    ),
    "backup-damaged": Kind(
        "fault",
        "a backup is not whole, or is not a beginning of this ledger, and must not be restored",
        "green-logic backup{at}",
    ),
    "stale-lock": Kind("note", "a lock file that nobody holds: harmless, a lock ends with its process", "nothing"),
    "writer-alive": Kind("note", "a process is at work on this ledger", "nothing"),
}
_PERMISSIONS = {
    "not-writable": Kind("fault", "the judge cannot write where it must", "chmod u+rwX {where}"),
    "not-readable": Kind("fault", "this user may not look at it", "run the doctor as the user who owns {data}"),
    "foreign-owner": Kind(
        "fault", "it belongs to another user than the data directory", "chown --reference={data} {where}"
    ),
}
_UPKEEP = {
    "not-evaluated": Kind(
        "warning",
        "battles wait because the judge could not evaluate them",
        "green-logic run FILE{at} (each entry names its file)",
    ),
    "rejected-lines": Kind(
        "warning",
        "input lines were refused, with the reasons in the list",
        "mend the lines, then green-logic run FILE{at}",
    ),
    "inbox-failed": Kind(
        "warning", "files of the inbox whose report says what was not recorded", "mend them, move them back to inbox/"
    ),
    "backup-absent": Kind("warning", "no backup of this ledger was found", "green-logic backup{at}"),
    "backup-elsewhere": Kind(
        "note", "backups go to a place that is not looked into here", "green-logic restore --drill URI-OF-A-BACKUP"
    ),
    "backup-old": Kind(
        "warning", "battles were recorded since the last backup, and it is old", "green-logic backup{at}"
    ),
}
_MACHINE = {
    "read-only-file-system": Kind(
        "fault",
        "nothing can be recorded here; Linux itself mounts a disk so that begins to fail",
        "see dmesg for errors of the disk, then mount -o remount,rw, or choose another --data-dir",
    ),
    "disk-full": Kind(
        "fault", "there is no room for the next battles", "free space: docs/operations.md says in which order"
    ),
    "disk-nearly-full": Kind(
        "warning",
        "there is no room for a backup and its trial restore",
        "free space: docs/operations.md says in which order",
    ),
    "inodes-nearly-out": Kind("warning", "the file system can hold few more files", "green-logic archive --prune{at}"),
    "network-file-system": Kind(
        "fault", "SQLite's WAL and our locks need a local file system", "move {data} to a local disk"
    ),
    "volatile-file-system": Kind(
        "warning", "the data lies in memory and ends with the machine", "move {data} to a disk"
    ),
    "sqlite-wal-reset": Kind(
        "warning",
        "this SQLite can corrupt a WAL that two programs checkpoint at once; our own lock prevents it",
        "open battles.db with other programs only read-only, or use SQLite 3.51.3, 3.50.7, 3.44.6 or newer",
    ),
    "fastapi-incompatible": Kind(
        "fault", "Prefect 3.8's server fails with this fastapi", "pip install 'fastapi<0.151'"
    ),
    "prefect-version": Kind("warning", "the flows are tested on Prefect 3.8", "pip install 'prefect>=3.8.8,<3.9'"),
    "sqlalchemy-version": Kind(
        "warning", "with this SQLAlchemy no schedule of Prefect 3.8 ever fires", "pip install 'sqlalchemy<2.1'"
    ),
    "sandbox-missing": Kind(
        "fault",
        "this machine cannot isolate hostile code, so nothing is judged",
        "allow user namespaces, or use Linux 5.13 or newer with Landlock",
    ),
    "sandbox-weak": Kind(
        "warning", "hostile code is isolated, but not by the strongest means", "allow user namespaces on this machine"
    ),
    "limits-apart": Kind(
        "note",
        "limits hold for each process of a submission; all together are watched, not bound by a control group",
        "a service says at its start what holds for it: journalctl -u green-logic-serve",
    ),
    "weights-missing": Kind(
        "warning", "without the model a labelled, weaker embedding is used", "green-logic models fetch"
    ),
    "weights-wrong": Kind("fault", "the model's files are not the pinned ones", "green-logic models fetch"),
    "clock-behind": Kind("warning", "the clock is before the last row: it, or the one then, is wrong", "timedatectl"),
}
KINDS: Mapping[str, Kind] = {
    **_DATABASE,
    **_ROWS,
    **_LOG,
    **_CHECKPOINTS,
    **_DBOMS,
    **_KEYS,
    **_LEFTOVERS,
    **_PERMISSIONS,
    **_UPKEEP,
    **_MACHINE,
}
