"""Exports and backups in the audit: what they promise is compared with the ledger, in bytes, counts, roots and rows."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mutations import unguarded
from shelves import STEP, STEPS

from green_logic.audit import backups
from green_logic.audit.backups import audit_backup
from green_logic.audit.export_target import audit_export
from green_logic.audit.ledger import audit_ledger
from green_logic.audit.report import Extent
from green_logic.files import FileLock
from green_logic.proof.checkpoint import sign_checkpoint
from green_logic.publish.columns import SCHEMA
from green_logic.publish.compact import compact_exports
from green_logic.publish.export import export_battles
from green_logic.publish.inventory import file_digest, inventory_bytes
from green_logic.publish.manifest import manifest_bytes

BATTLES = STEPS * STEP


def findings(published, depth="files"):
    books = published.books
    return audit_ledger(books.settings, books.keys, [books.pin], extent=Extent(depth)).tally


def kinds(published, depth="files"):
    return dict(findings(published, depth).counts)


def said(tally):
    return " ".join(one.message for examples in tally.examples.values() for one in examples)


def manifest_of(published, number=0):
    name = [one for one in published.names("exports") if one.endswith(".json")][number]
    return published.path(name), json.loads(published.books.files[name])


def write_manifest(path, content):
    path.write_bytes(manifest_bytes(content))


def forge_rows(published, column, value):
    """One value of an export's first file changed, and the file's size and digest in its manifest made to fit."""
    path, content = manifest_of(published)
    file = content["files"][0]
    data = published.path(f"exports/battles/v1/{file['path']}")
    table = pq.read_table(data, partitioning=None)
    values = table[column].to_pylist()
    values[3] = value
    array = pa.array(values, SCHEMA.field(column).type)
    table = table.set_column(SCHEMA.get_field_index(column), SCHEMA.field(column), array)
    pq.write_table(table.cast(SCHEMA), data, compression="zstd")
    file["bytes"], file["sha256"] = data.stat().st_size, file_digest(data)
    write_manifest(path, content)


def test_an_audit_counts_what_was_published(published):
    report = audit_ledger(published.books.settings, published.books.keys)
    assert (report.exported, report.archived, report.backups) == (BATTLES, BATTLES, STEPS)
    nothing = audit_ledger(published.books.settings, published.books.keys, extent=Extent("ledger"))
    assert (nothing.exported, nothing.archived, nothing.backups, nothing.ok) == (0, 0, 0, True)


# --- exports


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content["ledger"].update(origin="green-agent/other"), "is of the ledger green-agent/other"),
        (lambda content: content["ledger"].update(last_dbom_hash="0" * 64), "is another"),
        (lambda content: content["ledger"].update(size=STEP - 1), "ledger size"),
    ],
)
def test_a_manifest_that_says_something_else_than_the_ledger_is_told(published, change, reason):
    path, content = manifest_of(published)
    change(content)
    write_manifest(path, content)
    tally = findings(published)
    assert set(tally.counts) == {"export"}
    assert reason in said(tally)


def test_a_manifest_that_is_gone_leaves_ids_that_none_covers_or_a_stray(published):
    for number in range(STEPS):
        path, _ = manifest_of(published, number)
        path.unlink()
        # only after the newest manifest may a file be what a crash left
        assert kinds(published) == ({"stray": 1} if number == STEPS - 1 else {"export": 1})
        published.books.restore()


def test_files_that_lost_the_first_manifest_are_told_with_their_ids(published):
    path, _ = manifest_of(published)
    path.unlink()
    tally = findings(published)
    assert f"no manifest covers its ids 1 to {STEP}" in said(tally)
    alone = audit_export(published.path("exports/battles"), published.books.keys)
    assert f"no manifest covers its ids 1 to {STEP}" in said(alone.tally)


def test_an_export_where_the_settings_send_it_is_read_too(published, tmp_path):
    place = tmp_path / "place"
    settings = published.books.settings.changed(export_to=str(place))
    assert audit_ledger(settings).ok, "there is none yet"
    export_battles(settings, destination=place)
    for depth in ("files", "rows"):
        report = audit_ledger(settings, extent=Extent(depth))
        assert (report.ok, report.exported) == (True, BATTLES)
    data = next(place.rglob("*.parquet"))
    content = data.read_bytes()
    data.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (place / "battles" / "judge.pub").write_bytes(b"another")
    assert audit_ledger(settings, extent=Extent("ledger")).ok
    assert audit_ledger(settings.changed(export_to="")).ok
    assert audit_ledger(settings.changed(export_to="s3://nowhere/at/all")).ok
    tally = audit_ledger(settings).tally
    assert {kind: [one.where for one in found] for kind, found in tally.examples.items()} == {
        "companion": [str(place / "battles" / "judge.pub")],
        "export": [str(data)],
    }


def test_a_published_row_that_the_ledger_lacks_is_told(published):
    with unguarded(published.books) as connection:
        connection.execute("DELETE FROM battles WHERE id > ?", (BATTLES - 1,))
        connection.execute("DELETE FROM ledger WHERE leaf_index >= ?", (BATTLES - 1,))
    tally = findings(published)
    assert {"export", "truncated", "archive", "backup"} <= set(tally.counts)
    assert "is not in this ledger" in said(tally)
    assert "the ledger was rolled back" in said(tally)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("score", 0.99),
        ("breakdown", "{}"),
        ("raw_result", "{}"),
        ("dbom_hash", "0" * 64),
        ("rationale_score", 0.123),
        ("profile", "cis-evidence/9"),
        ("v_intent", [0.5] * 384),
        ("sigma_judge", None),
        ("leaf_index", 999),
        ("battle_id", "b-forged"),
    ],
)
def test_a_forged_row_under_a_forged_manifest_shows_when_rows_are_compared(published, column, value):
    forge_rows(published, column, value)
    assert kinds(published) == {}  # the file is what its manifest says
    tally = findings(published, "rows")
    assert set(tally.counts) == {"export"}
    assert column in said(tally)


def test_an_export_at_work_is_no_finding(published):
    settings = published.books.settings
    stray = settings.data_dir / "exports/battles/v1/month=2026-01/battles-000000000900-000000000900.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"not named yet")
    with FileLock(settings.data_dir / ".export.lock", timeout_s=1).held():
        assert kinds(published) == {}
    assert kinds(published) == {"stray": 1}


def test_a_compacted_export_is_as_good_as_the_one_before(published):
    compact_exports(published.books.settings)
    assert kinds(published, "rows") == {}


def test_plain_verification_of_everything_loads_no_arrow(published):
    code = (
        "import sys; from pathlib import Path; from green_logic.audit.ledger import audit_ledger; "
        "from green_logic.settings import Settings; "
        f"report = audit_ledger(Settings(data_dir=Path({str(published.books.settings.data_dir)!r}))); "
        f"assert report.ok and report.exported == {BATTLES} and report.backups == {STEPS}; "
        "loaded = {'pyarrow', 'pandas', 'prefect', 'numpy'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_key_or_a_checkpoint_beside_a_publication_that_is_not_the_ledgers_is_told(published):
    for folder in ("archives", "exports/battles"):
        for name in ("judge.pub", "checkpoint"):
            path = published.path(f"{folder}/{name}")
            good = path.read_bytes()
            for bad in (published.foreign[name], good[:-1], good + b"\n", b""):
                path.write_bytes(bad)
                assert kinds(published) == {"companion": 1}, (folder, name)
            path.unlink()
            assert kinds(published) == {}  # nobody is led astray by what is not there
            published.books.restore()


@pytest.mark.parametrize("last", [1 << 50, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_a_manifest_of_ids_without_end_is_told_and_not_counted_up_to(published, last):
    path, content = manifest_of(published, STEPS - 1)
    content["last"] = content["files"][-1]["last"] = last
    write_manifest(path, content)
    for depth in ("files", "rows"):
        assert kinds(published, depth) == {"export": 1}


# --- an export on its own


def test_an_export_alone_proves_its_rows_and_with_a_checkpoint_that_none_is_missing(published):
    books = published.books
    report = audit_export(published.path("exports/battles"), books.keys, [books.pin])
    assert report.ok
    assert (report.battles, report.verified, report.pinned, report.unsealed) == (BATTLES, BATTLES, BATTLES, 0)
    one = audit_export(published.path(published.names("exports")[-1]), books.keys)
    assert (one.ok, one.battles, one.pinned) == (True, STEP, 0)
    parallel = audit_export(published.path("exports/battles"), books.keys, [books.pin], workers=2)
    assert (parallel.ok, parallel.pinned) == (True, BATTLES)


def test_a_row_of_an_export_that_was_not_signed_so_shows_without_the_ledger(published):
    for column, value in (("score", 0.99), ("testing_score", 0.5), ("dbom_hash", "0" * 64), ("battle_id", "b-x")):
        forge_rows(published, column, value)
        report = audit_export(published.path("exports/battles"), published.books.keys)
        assert report.tally.counts, column
        published.books.restore()


def test_an_export_without_its_last_battles_shows_against_a_kept_checkpoint_only(published):
    path, content = manifest_of(published, STEPS - 1)
    path.unlink()
    for file in content["files"]:
        published.path(f"exports/battles/v1/{file['path']}").unlink()
    root, books = published.path("exports/battles"), published.books
    assert audit_export(root, books.keys).ok
    assert dict(audit_export(root, books.keys, [books.pin]).tally.counts) == {"truncated": 1}
    part = audit_export(root, books.keys, [books.pin], part=True)
    assert (part.ok, part.pinned) == (True, 0)
    forged = sign_checkpoint(books.origin, STEP, bytes(32), books.key)
    for said in (True, False):
        assert dict(audit_export(root, books.keys, [forged], part=said).tally.counts) == {"history-rewritten": 1}


def test_an_export_without_any_battle_shows_against_a_kept_checkpoint_only(published):
    root, books = published.path("exports/battles"), published.books
    for name in published.names("exports"):
        published.path(name).unlink()
    assert audit_export(root, books.keys).ok
    assert dict(audit_export(root, books.keys, [books.pin]).tally.counts) == {"truncated": 1}


def test_ids_that_are_not_those_of_the_log_show_without_the_ledger(published, tmp_path):
    table = pq.read_table(published.path(published.names("exports")[-1]), partitioning=None)
    for column in ("id", "leaf_index"):
        moved = pa.array([value + 100 for value in table[column].to_pylist()], pa.int64())
        changed = table.set_column(table.schema.get_field_index(column), SCHEMA.field(column), moved)
        pq.write_table(changed.cast(SCHEMA), tmp_path / "battles.parquet")
        tally = audit_export(tmp_path / "battles.parquet", published.books.keys).tally
        assert dict(tally.counts) == {"export": 1}
        assert "says that it is leaf" in said(tally)


def test_an_export_under_another_key_or_against_another_log_is_refused(published):
    books, root = published.books, published.path("exports/battles")
    assert set(audit_export(root, {}).tally.counts) == {"unknown-key"}
    other = sign_checkpoint(books.origin, STEP, bytes(32), books.key)
    assert set(audit_export(root, books.keys, [other]).tally.counts) == {"history-rewritten"}
    assert "history-rewritten" not in audit_export(root, books.keys, [books.pin]).tally.counts


def test_a_file_that_is_no_export_is_a_finding_not_a_crash(published, tmp_path):
    for data in (b"", b"PAR1", b"PAR1" + b"\0" * 400 + b"PAR1"):
        path = tmp_path / "battles.parquet"
        path.write_bytes(data)
        assert set(audit_export(path, published.books.keys).tally.counts) == {"export"}
    pq.write_table(pa.table({"id": [1]}), tmp_path / "battles.parquet")
    assert set(audit_export(tmp_path / "battles.parquet", published.books.keys).tally.counts) == {"export"}


# --- backups


def backups_of(published):
    return sorted(path for path in published.path("backups").iterdir() if path.is_dir())


def forge_backup(path, statement):
    """The database of a backup changed, and size and digest in its manifest made to fit."""
    import sqlite3

    connection = sqlite3.connect(path / "battles.db")
    for name, kind in connection.execute("SELECT name, type FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP {kind} {name}")
    connection.executescript(statement)
    connection.commit()
    connection.close()
    content = json.loads((path / "manifest.json").read_bytes())
    del content["digest"]
    data = (path / "battles.db").read_bytes()
    content["files"]["battles.db"] = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    (path / "manifest.json").write_bytes(inventory_bytes(content))


def test_each_backup_is_a_beginning_of_the_ledger(published):
    for number, path in enumerate(backups_of(published), start=1):
        report = audit_backup(path, published.books.keys)
        assert report.ok
        assert (report.what, report.battles, report.files, report.sealed) == (
            "backup",
            number * STEP,
            number * STEP,
            number * STEP,
        )
    last = audit_backup(backups_of(published)[-1], published.books.keys, [published.books.pin])
    assert (last.ok, last.pinned) == (True, BATTLES)
    older = audit_backup(backups_of(published)[0], published.books.keys, [published.books.pin])
    assert dict(older.tally.counts) == {"truncated": 1}


def test_a_forged_backup_under_a_forged_manifest_shows_when_it_is_looked_into(published):
    path = backups_of(published)[1]
    forge_backup(path, "UPDATE battles SET score = 0.99 WHERE id = 3")
    assert kinds(published) == {}  # its files are what its manifest says, and its log is the ledger's
    assert kinds(published, "rows") == {"backup": 1}
    assert {"row", "schema"} <= set(audit_backup(path, published.books.keys).tally.counts)


def test_a_backup_of_another_history_is_told_by_its_root(published):
    forge_backup(
        backups_of(published)[1],
        "UPDATE ledger SET leaf_hash = zeroblob(32) WHERE leaf_index = 3",
    )
    tally = findings(published)
    assert dict(tally.counts) == {"backup": 1}
    assert "are not the first" in said(tally)


def test_a_file_added_to_a_backup_is_told_and_its_database_is_not_opened(published):
    path = backups_of(published)[0]
    (path / "battles.db-wal").write_bytes(b"x" * 100)
    before = sorted(one.name for one in path.iterdir())
    assert kinds(published, "rows") == {"backup": 1}
    assert dict(audit_backup(path, published.books.keys).tally.counts) == {"backup": 1}
    assert sorted(one.name for one in path.iterdir()) == before


def test_a_backup_without_its_manifest_or_behind_a_link_is_told(published):
    first, second, _ = backups_of(published)
    (first / "manifest.json").unlink()
    assert kinds(published) == {"backup": 1}
    second.rename(second.with_name("elsewhere"))
    second.symlink_to("elsewhere")
    assert kinds(published) == {"backup": 2}
    second.unlink()
    second.with_name("elsewhere").rename(second)


def test_a_backup_that_is_thinned_out_while_it_is_compared_is_no_finding(published, monkeypatch):
    path = backups_of(published)[0]
    open_copy, doomed = backups.open_copy, path.with_name(f".tmp-{path.name}")

    def remove_first(database):
        if database.parent == path:
            path.rename(doomed)
        return open_copy(database)

    monkeypatch.setattr(backups, "open_copy", remove_first)
    try:
        assert kinds(published) == {}
        assert doomed.is_dir()
    finally:
        doomed.rename(path)


def test_a_backup_is_not_changed_by_being_looked_into(published):
    path = backups_of(published)[-1]
    before = {one.name: (one.stat().st_mtime_ns, one.read_bytes()) for one in path.iterdir()}
    audit_backup(path, published.books.keys)
    assert {one.name: (one.stat().st_mtime_ns, one.read_bytes()) for one in path.iterdir()} == before


# --- what is planted to make an auditor wait


@pytest.mark.parametrize(
    "place",
    [
        "judge.pub",
        "checkpoint",
        "dboms/dbom_b-003.json",
        ".ledger.lock",
        ".writers.lock",
        ".export.lock",
        "exports/battles/v1/_manifests/",
        "exports/battles/v1/month=",
        "archives/dboms-000000000000-000000000014.json",
        "archives/dboms-000000000000-000000000014.tar.gz",
        "archives/dboms-000000000000-000000000014.pruned",
        "archives/.archive.lock",
        "backups/",
    ],
)
def test_a_planted_pipe_does_not_make_an_audit_wait(published, tmp_path, place):
    name = next((name for name in sorted(published.books.files) if name.startswith(place)), place)
    path = published.path(name)
    (tmp_path / "key").write_bytes(published.books.key.public_pem)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    try:
        command = [
            str(Path(sys.executable).with_name("green-logic")),
            "verify",
            "--key",
            str(tmp_path / "key"),
            "--deep",
        ]
        answer = subprocess.run(
            [*command, "-C", str(published.path(""))], capture_output=True, timeout=120, check=False
        )
    finally:
        path.unlink()
    assert answer.returncode == (0 if name.endswith((".lock", ".pruned")) else 1), answer.stdout + answer.stderr
