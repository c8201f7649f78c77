"""The doctor knows each kind of damage by its name, writes nothing unless told to, and never deletes."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import socket
import sqlite3
import string
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from green_logic.commands import doctor as command
from green_logic.doctor import surroundings
from green_logic.doctor.examine import examine
from green_logic.doctor.kinds import KINDS
from green_logic.doctor.repair import repair
from green_logic.doctor.surroundings import Surroundings, find_file_system, look_around
from green_logic.errors import ConfigurationError, GreenLogicError
from green_logic.files import TEMPORARY_PREFIX, FileLock, Presence
from green_logic.ledger.database import Ledger
from green_logic.ledger.schema import PRESENCE_NAME, connect, put_guards_back
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import key_path, load_signing_key, make_key
from green_logic.publish.archive import archive_dboms
from green_logic.publish.backup import backup
from green_logic.publish.directory_lock import lock_directory
from green_logic.publish.export import export_battles
from green_logic.settings import Settings, state_dir

BATTLES = 6
GOOD_MACHINE = Surroundings(
    now=datetime.now(UTC),
    free_bytes=80 << 30,
    free_files=1 << 20,
    file_system=0xEF53,  # ext4
    read_only=False,
    sandbox="namespaces",
    sqlite=(3, 51, 3),
    packages={"prefect": "3.8.8", "fastapi": "0.150.0", "sqlalchemy": "2.0.44"},
)


@pytest.fixture(autouse=True)
def own_temporary_files(tmp_path, monkeypatch):
    """What else a machine has in its temporary directory is no symptom here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "user"))


@pytest.fixture(scope="module")
def template(tmp_path_factory, make_result):
    """A user with a small ledger in good health, backed up and archived; made once, for its syncs take long."""
    home = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            patch.setenv(variable, str(home / variable))
        settings = Settings(data_dir=home / "data")
        key = load_signing_key(settings)
        with Ledger.open(settings, key) as ledger:
            battles = [make_result(f"b-{n}", seed=n) for n in range(BATTLES)]
            ledger.submit([seal_result(one, key=key, origin=ledger.origin) for one in battles])
            ledger.checkpoint(key)
        archive_dboms(settings)
        backup(settings)
    for ending in ("-wal", "-shm"):  # the readers leave an empty one; each test begins with a ledger at rest
        settings.database.with_name(settings.database.name + ending).unlink(missing_ok=True)
    return home


@pytest.fixture
def books(settings, template):
    """Settings of a copy of the template, whose judge is this test's user."""
    shutil.copytree(template / "data", settings.data_dir)
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        shutil.copytree(template / variable, os.environ[variable], dirs_exist_ok=True)
    return settings


@pytest.fixture
def key(books):
    """The judge's, for tests that go on recording."""
    return load_signing_key(books, make=False)


@pytest.fixture
def record(books, key, make_result):
    """Records more battles, from number BATTLES on, and signs a checkpoint over them."""

    def record(count):
        with Ledger.open(books, key) as ledger:
            battles = [make_result(f"b-{n}", seed=n) for n in range(BATTLES, BATTLES + count)]
            ledger.submit([seal_result(one, key=key, origin=ledger.origin) for one in battles])
            ledger.checkpoint(key)

    return record


def look(settings, **changes):
    now = {"now": datetime.now(UTC), **changes}
    return examine(settings, Surroundings(**{**vars(GOOD_MACHINE), **now}))


def kinds(settings, *, notes=False, **changes):
    return {fault.kind for fault in look(settings, **changes).faults if notes or fault.severity != "note"}


def contents(folder):
    """Every name under a folder with what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = path.read_bytes() if path.is_file() and not path.is_symlink() else str(path.lstat().st_mode)
    return found


def digests(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def execute(settings, *statements):
    """Change the tables as an attacker would: without the triggers, which are put back."""
    with contextlib.closing(sqlite3.connect(settings.database, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)


def mend(settings, **changes):
    return repair(look(settings, **changes))


# --- health


def test_a_healthy_ledger_has_no_fault_and_is_not_touched(books):
    before = contents(books.data_dir)
    found = look(books)
    assert [fault for fault in found.faults if fault.severity != "note"] == []
    assert found.ok
    assert contents(books.data_dir) == before


def test_a_directory_that_does_not_exist_is_a_note_and_is_not_made(settings):
    assert kinds(settings, notes=True) == {"no-ledger"}
    assert not settings.data_dir.exists()


# --- damage of the books: told, and left alone


def cut_in_the_middle(books):
    data = bytearray(books.database.read_bytes())
    data[8192:12288] = b"\xff" * 4096
    books.database.write_bytes(data)


def put_foreign_database(books):
    books.database.unlink()
    with contextlib.closing(sqlite3.connect(books.database)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def duplicate_a_row(books):
    execute(
        books,
        "DROP INDEX battles_battle_id",
        "DROP INDEX battles_battle_id_folded",
        INSERT.replace("'mine'", "'b-2'"),
    )


def swap_two_rows(books):
    execute(
        books,
        "UPDATE ledger SET battle_row = -1 WHERE leaf_index = 1",
        "UPDATE ledger SET battle_row = 2 WHERE leaf_index = 2",
        "UPDATE ledger SET battle_row = 3 WHERE leaf_index = 1",
    )


def cut_the_log(books):
    execute(
        books,
        "DELETE FROM ledger WHERE leaf_index = 5",
        "DELETE FROM battles WHERE id = 6",
        "UPDATE sqlite_sequence SET seq = 5",
    )
    (books.dboms / "dbom_b-5.json").unlink()


INSERT = (
    "INSERT INTO battles (battle_id, timestamp, score, breakdown, raw_result, dbom_hash) "
    "SELECT 'mine', timestamp, 1.0, breakdown, raw_result, dbom_hash FROM battles WHERE id = 1"
)
BOOK_DAMAGE = {
    "database-missing": lambda books: books.database.unlink(),
    "database-malformed": cut_in_the_middle,
    "database-foreign": put_foreign_database,
    "schema-changed": lambda books: execute(books, "DROP INDEX battles_battle_id_folded"),
    "row-edited": lambda books: execute(books, "UPDATE battles SET score = 0.99 WHERE id = 2"),
    "row-deleted": lambda books: execute(books, "DELETE FROM battles WHERE id = 2"),
    "row-inserted": lambda books: execute(books, INSERT),
    "row-duplicated": duplicate_a_row,
    "row-reordered": swap_two_rows,
    "log-gap": lambda books: execute(books, "DELETE FROM ledger WHERE leaf_index = 2"),
    "log-damaged": lambda books: execute(books, "UPDATE ledger SET leaf_hash = zeroblob(32) WHERE leaf_index = 2"),
    "log-truncated": cut_the_log,
    "meta-changed": lambda books: execute(books, "DELETE FROM ledger_meta WHERE name = 'origin'"),
    "checkpoint-damaged": lambda books: execute(books, "UPDATE checkpoints SET root = zeroblob(32)"),
    "seal-broken": lambda books: execute(books, "UPDATE ledger SET envelope = '{}' WHERE leaf_index = 2"),
    "wal-damaged": lambda books: books.database.with_name("battles.db-wal").write_bytes(b"\0" * 4096),
}


@pytest.mark.parametrize("kind", BOOK_DAMAGE)
def test_damage_of_the_books_is_told_and_left_to_an_auditor(books, kind):
    BOOK_DAMAGE[kind](books)
    before = contents(books.data_dir)
    found = look(books)
    assert kind in {fault.kind for fault in found.faults}
    assert not found.ok
    assert KINDS[kind].evidence
    assert contents(books.data_dir) == before
    repair(found)
    assert digests(books.data_dir) >= {
        hashlib.sha256(data).hexdigest() for data in before.values() if isinstance(data, bytes)
    }
    after = contents(books.data_dir)
    assert {name: after[name] for name in before} == before, "the books were touched"
    assert kind in kinds(books)


def test_an_empty_database_beside_a_checkpoint_is_a_lost_one(books):
    books.database.write_bytes(b"")
    found = [fault for fault in look(books).faults if fault.kind == "database-missing"]
    newest = max(path for path in (books.data_dir / "backups").iterdir() if path.is_dir())
    assert found[0].mend == f"green-logic restore {newest} -C {books.data_dir}-restored"


def old_copy(settings, record, *also):
    """The ledger goes on, then its database is put back as it was; `also` other files with it."""
    names = ["battles.db", *also]
    old = {name: (settings.data_dir / name).read_bytes() for name in names}
    record(2)
    for name, data in old.items():
        (settings.data_dir / name).write_bytes(data)


def test_a_lost_wal_shows_by_the_checkpoint_beside_it(books, record):
    old_copy(books, record)
    found = kinds(books)
    assert "wal-lost" in found
    assert "dbom-unrecorded" in found
    assert "rolled-back" not in found
    before = contents(books.data_dir)
    mend(books)
    assert contents(books.data_dir) == before, "the DBOM files are all that is left of the lost rows"


def test_a_rollback_shows_by_what_the_judge_remembers(books, record):
    old_copy(books, record, "checkpoint")
    assert "rolled-back" in kinds(books)


def test_another_history_of_the_same_length_is_a_fork(books, record, key, make_result):
    aside = books.data_dir.with_name("aside")
    shutil.copytree(books.data_dir, aside)
    record(1)
    shutil.rmtree(books.data_dir)
    aside.rename(books.data_dir)
    (note,) = (state_dir() / "high-water").iterdir()
    kept = note.read_bytes()
    note.unlink()  # another machine goes on from an old copy: this one would refuse
    with Ledger.open(books, key) as ledger:
        ledger.submit_one(seal_result(make_result("other"), key=key, origin=ledger.origin))
    note.write_bytes(kept)
    found = {fault.kind: fault for fault in look(books).faults}
    assert found["history-forked"].mend.endswith(f"green-logic checkpoint --accept-loss -C {books.data_dir}")


def test_a_wal_that_a_crash_left_is_read_without_touching_it(books, key, make_result):
    with Ledger.open(books, key) as ledger:
        ledger.submit_one(seal_result(make_result("last"), key=key, origin=ledger.origin))
        crashed = books.data_dir.with_name("crashed")
        shutil.copytree(books.data_dir, crashed)  # as kill -9 leaves it
        assert "writer-alive" in kinds(books, notes=True)
    crashed = books.changed(data_dir=crashed)
    assert crashed.database.with_name("battles.db-wal").stat().st_size > 0
    before = contents(crashed.data_dir)
    found = look(crashed)
    assert found.patient.books.leaves == BATTLES + 1
    assert found.ok
    assert contents(crashed.data_dir) == before


def test_a_process_at_work_is_not_disturbed(books):
    (books.dboms / f"{TEMPORARY_PREFIX}dbom_x.json").write_bytes(b"{")
    before = contents(books.data_dir)
    presence = Presence(books.data_dir / PRESENCE_NAME)
    try:
        found = look(books)
        assert "leftover" not in {fault.kind for fault in found.faults}
        with pytest.raises(ConfigurationError, match="another process"):
            repair(found)
    finally:
        presence.close()
    assert contents(books.data_dir) == before


# --- DBOM files, checkpoint, public key, leftovers: mended


def other_name(path, name):
    path.with_name(name).write_bytes(path.read_bytes())


def resign(path):
    """A note of another ledger."""
    path.write_bytes(path.read_bytes().replace(b"green-agent/", b"green-agent/x"))


def downgrade(path):
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "dbom_version": "1.0", "sigma_judge": "SIG_GREEN_x"}))


def without_manifest(books):
    for path in (books.data_dir / "archives").glob("*.json"):
        path.rename(books.data_dir.with_name("gone.json"))


def put(path, data=b"half"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def unrecorded(books, *, origin=None):
    key = load_signing_key(books, make=False)
    with Ledger.open(books, key) as ledger:
        origin = origin or ledger.origin
    with contextlib.closing(sqlite3.connect(books.database)) as connection:
        (raw_result,) = connection.execute("SELECT raw_result FROM battles WHERE battle_id = 'b-0'").fetchone()
    sealed = seal_result({**json.loads(raw_result), "battle_id": "lost"}, key=key, origin=origin)
    (books.dboms / sealed.file_name).write_bytes(sealed.dbom_bytes())


DBOM = "dboms/dbom_b-3.json"
FILE_DAMAGE = {
    "dbom-missing": lambda books: (books.data_dir / DBOM).rename(books.data_dir / "elsewhere"),
    "dbom-unreadable": lambda books: ((books.data_dir / DBOM).unlink(), os.mkfifo(books.data_dir / DBOM)),
    "dbom-torn": lambda books: os.truncate(books.data_dir / DBOM, 1000),
    "dbom-swapped": lambda books: other_name(books.dboms / "dbom_b-2.json", "dbom_b-3.json"),
    "dbom-downgraded": lambda books: downgrade(books.data_dir / DBOM),
    "dbom-edited": lambda books: put(books.data_dir / DBOM, (books.data_dir / DBOM).read_bytes() + b"\n"),
    "dbom-planted": lambda books: unrecorded(books, origin="green-agent/other"),
    "dbom-unrecorded": unrecorded,
    "foreign-file": lambda books: put(books.dboms / "notes.txt"),
    "checkpoint-lost": lambda books: (books.data_dir / "checkpoint").rename(books.data_dir / "elsewhere"),
    "checkpoint-foreign": lambda books: resign(books.data_dir / "checkpoint"),
    "public-key-lost": lambda books: (books.data_dir / "judge.pub").rename(books.data_dir / "elsewhere"),
    "public-key-differs": lambda books: put(books.data_dir / "judge.pub", b"none"),
    "leftover": lambda books: put(books.dboms / f"{TEMPORARY_PREFIX}dbom_b-9.json"),
    "backup-unfinished": lambda books: put(
        books.data_dir / "backups" / f"{TEMPORARY_PREFIX}2026-01-01T000000Z.scratch" / "battles.db"
    ),
    "archive-without-manifest": without_manifest,
    "spool": lambda books: put(books.data_dir / "exports" / "battles" / "_spool" / "part-000000.parquet"),
    "key-exposed": lambda books: key_path(books).chmod(0o644),
}


@pytest.mark.parametrize("kind", FILE_DAMAGE)
def test_damage_that_loses_no_evidence_is_mended_and_nothing_is_deleted(books, kind):
    FILE_DAMAGE[kind](books)
    before, known = contents(books.data_dir), digests(books.data_dir)
    found = look(books)
    assert {fault.kind for fault in found.faults if fault.severity != "note"} == {kind}
    assert contents(books.data_dir) == before, "it wrote without being told to"
    assert KINDS[kind].repaired
    assert [one.kind for one in repair(found)]
    assert kinds(books) == set()
    assert digests(books.data_dir) >= known, "something was deleted"
    once = contents(books.data_dir)
    assert mend(books) == []
    assert contents(books.data_dir) == once


def drop_guards(books, *more):
    with contextlib.closing(sqlite3.connect(books.database, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for statement in [*(f"DROP TRIGGER {name}" for (name,) in names), *more]:
            connection.execute(statement)


def read_tables(books):
    """Every object with its text, and every row."""
    with contextlib.closing(sqlite3.connect(books.database)) as connection:
        made = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
        tables = [name for kind, name, _ in made if kind == "table"]
        return made, {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}  # noqa: S608  ours


def test_lost_guards_are_made_again_where_what_they_guard_is_as_signed(books, record):
    before, known = read_tables(books), digests(books.dboms)
    drop_guards(books)
    assert read_tables(books) != before
    assert kinds(books) == {"guard-lost"}
    mended = mend(books)
    assert {one.kind for one in mended} == {"guard-lost"}
    assert "trigger battles_no_update" in {one.where for one in mended}
    assert read_tables(books) == before
    assert digests(books.dboms) == known
    assert kinds(books) == set()
    assert mend(books) == []
    with (
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
        contextlib.closing(sqlite3.connect(books.database)) as connection,
    ):
        connection.execute("UPDATE battles SET score = 1")
    record(1)


def test_a_repair_of_guards_that_is_cut_short_makes_none(books):
    drop_guards(books)
    before = read_tables(books)
    with contextlib.closing(connect(books.database, busy_timeout_s=1.0)) as connection:
        connection.set_authorizer(
            lambda action, name, *_: (
                sqlite3.SQLITE_DENY
                if (action, name) == (sqlite3.SQLITE_CREATE_TRIGGER, "log_nodes_no_update")
                else sqlite3.SQLITE_OK
            )
        )
        with pytest.raises(sqlite3.DatabaseError):
            put_guards_back(connection)
    assert read_tables(books) == before
    assert {one.kind for one in mend(books)} == {"guard-lost"}
    assert kinds(books) == set()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["UPDATE battles SET score = 0.99 WHERE id = 2"], {"guard-lost", "row-edited"}),
        (["DROP INDEX battles_battle_id_folded"], {"guard-lost", "schema-changed"}),
        (
            ["CREATE TRIGGER battles_no_update BEFORE UPDATE ON battles BEGIN SELECT 1; END"],
            {"guard-lost", "schema-changed"},
        ),
        # the last battle and its leaf, which no checkpoint covers; its DBOM is all that is left of it
        (
            ["DELETE FROM ledger WHERE leaf_index = 6", "DELETE FROM battles WHERE id = 7"],
            {"guard-lost", "dbom-unrecorded"},
        ),
    ],
)
def test_lost_guards_stay_lost_where_more_was_changed(books, key, make_result, more, expected):
    with Ledger.open(books, key) as ledger:
        ledger.submit([seal_result(make_result("b-6", seed=6), key=key, origin=ledger.origin)])
    drop_guards(books, *more)
    before = contents(books.dboms), read_tables(books)
    assert kinds(books) >= expected
    assert mend(books) == []
    assert (contents(books.dboms), read_tables(books)) == before


def test_what_was_uploaded_is_no_leftover_of_an_export(books):
    spool = books.data_dir / ".spool" / "export"
    put(spool / "uploads-0123456789abcdef")
    assert "spool" not in kinds(books)
    put(spool / "part-000000-000.parquet")
    assert "spool" in kinds(books)
    mend(books)
    assert {path.name for path in spool.iterdir()} == {"uploads-0123456789abcdef"}


def test_a_copy_of_an_archive_is_a_leftover_unless_somebody_archives(books):
    copy = books.data_dir / ".spool" / "export" / "copy-dboms-000000000000-000000000003.tar.gz"
    put(copy)
    lock = books.data_dir / "archives" / ".archive.lock"
    put(lock)
    with FileLock(lock, timeout_s=1).held():
        assert "spool" not in kinds(books)
    assert "spool" in kinds(books)
    mend(books)
    assert not copy.exists()


@pytest.mark.parametrize("beside", [True, False])
def test_what_a_killed_restore_left_is_named_and_stays(books, beside):
    left = (books.data_dir.parent if beside else Path(tempfile.gettempdir())) / f"{TEMPORARY_PREFIX}fetch-0x3kq"
    put(left / "battles.db")
    (fault,) = [one for one in look(books).faults if one.kind == "scratch"]
    assert (fault.where, fault.mend) == (str(left), f"rm -r {left}")
    mend(books)
    assert (left / "battles.db").exists()
    lock = lock_directory(left)
    try:
        assert "scratch" not in kinds(books)
    finally:
        os.close(lock)


def test_kinds_say_of_themselves_what_repair_does():
    assert {name for name, kind in KINDS.items() if kind.repaired} == {*FILE_DAMAGE, "checkpoint-stale", "guard-lost"}


def test_an_older_checkpoint_is_replaced_by_the_newest(books, record):
    old = (books.data_dir / "checkpoint").read_bytes()
    record(1)
    (books.data_dir / "checkpoint").write_bytes(old)
    assert "checkpoint-stale" in kinds(books)
    mend(books)
    assert (books.data_dir / "set_aside" / "checkpoint").read_bytes() == old
    assert "checkpoint-stale" not in kinds(books)


def test_the_public_keys_of_a_rotated_ledger_come_back_in_their_order(books, key, tmp_path):
    successor = tmp_path / "successor.key"
    make_key(successor)
    after = books.changed(signing_key=str(successor))
    new = load_signing_key(after)
    with Ledger.open(books, key) as ledger:
        ledger.rotate(key, new)
    good = (books.data_dir / "judge.pub").read_bytes()
    assert good == key.public_pem + new.public_pem
    (books.data_dir / "judge.pub").write_bytes(new.public_pem)
    assert "public-key-differs" in kinds(after)
    mend(after)
    assert (books.data_dir / "judge.pub").read_bytes() == good
    assert "key-foreign" in kinds(books)


def test_what_is_set_aside_never_replaces_what_was_before(books):
    for text in (b"first", b"second"):
        put(books.dboms / "notes.txt", text)
        mend(books)
    folder = books.data_dir / "set_aside" / "dboms"
    assert (folder / "notes.txt").read_bytes() == b"first"
    assert (folder / "notes.txt.2").read_bytes() == b"second"


def test_an_old_torn_file_is_mended_though_recovery_looks_only_at_the_newest(books, monkeypatch):
    monkeypatch.setattr("green_logic.ledger.recovery.CHECKED_BY_CONTENT", 1)
    os.truncate(books.dboms / "dbom_b-0.json", 10)
    mend(books)
    assert kinds(books) == set()


def test_pruned_files_are_not_missing(books):
    archive_dboms(books, prune=True)
    assert list(books.dboms.iterdir()) == []
    assert "dbom-missing" not in kinds(books)
    mend(books)
    assert list(books.dboms.iterdir()) == []


def test_damage_of_the_books_keeps_a_torn_file_where_it_is(books):
    os.truncate(books.data_dir / DBOM, 1000)
    execute(books, "UPDATE battles SET score = 0.99 WHERE id = 2")
    before = contents(books.data_dir)
    mend(books)
    assert contents(books.data_dir) == before


def test_without_the_key_nothing_is_moved_that_could_not_be_put_back(books):
    os.truncate(books.data_dir / DBOM, 1000)
    path = key_path(books)
    path.rename(path.with_name("away"))
    before = contents(books.data_dir)
    assert {"key-lost", "dbom-torn"} <= kinds(books)
    assert mend(books) == []
    assert contents(books.data_dir) == before


# --- keys and memory


def replace_key(books):
    key_path(books).rename(key_path(books).with_name("away"))
    make_key(key_path(books))


def test_a_key_of_somebody_else_is_told(books):
    replace_key(books)
    assert "key-foreign" in kinds(books)


@pytest.mark.parametrize(
    "content", [b"no key", b"\xff\xfe", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_broken_key_is_told_without_showing_it(books, content):
    key_path(books).write_bytes(content)
    found = [fault for fault in look(books).faults if fault.kind == "key-unreadable"]
    assert found
    assert "AAAA" not in found[0].message


def test_an_empty_key_file_is_not_taken_for_no_setting(books, tmp_path):
    (tmp_path / "empty.key").touch(0o600)
    assert kinds(books.changed(signing_key=str(tmp_path / "empty.key"))) == {"key-unreadable"}
    assert kinds(books.changed(signing_key=str(tmp_path / "none.key"))) == {"key-lost"}


def test_a_key_among_the_data_is_told(books):
    inside = books.data_dir / "judge.key"
    shutil.copy(key_path(books), inside)
    assert kinds(books.changed(signing_key=str(inside))) == {"key-published"}


def test_a_lost_and_a_broken_memory_of_what_was_signed_are_told(books):
    note = next((state_dir() / "high-water").iterdir())
    good = note.read_bytes()
    note.write_bytes(b"?")
    assert kinds(books) == {"high-water-damaged"}
    note.unlink()
    assert kinds(books) == {"high-water-lost"}
    note.write_bytes(good)
    assert kinds(books) == set()


# --- publications, permissions, what waits


def test_archives_and_backups_that_are_not_whole_are_told(books):
    pack = next((books.data_dir / "archives").glob("*.tar.gz"))
    os.truncate(pack, 10)
    (stored,) = (path for path in (books.data_dir / "backups").iterdir() if path.is_dir())
    os.truncate(stored / "battles.db", 10)
    assert kinds(books) == {"archive-damaged", "backup-damaged", "backup-absent"}
    (stored / "manifest.json").unlink()
    pack.unlink()
    assert kinds(books) == {"archive-damaged", "backup-damaged", "backup-absent"}


def test_an_export_that_is_not_the_ledgers_is_told(books):
    export_battles(books)
    assert kinds(books) == set()
    (data,) = (books.data_dir / "exports").rglob("*.parquet")
    (manifest,) = (books.data_dir / "exports").rglob("_manifests/*.json")
    planted = data.with_name("battles-000000000900-000000000900.parquet")
    planted.write_bytes(data.read_bytes())
    assert kinds(books) == {"export-stray"}
    planted.unlink()
    os.truncate(data, 10)
    assert kinds(books) == {"export-damaged"}
    manifest.write_bytes(b"{}")
    assert kinds(books) == {"export-damaged"}


def test_an_export_that_lost_its_first_manifest_is_not_left_to_the_next_export(books, record):
    export_battles(books)
    record(1)
    export_battles(books)
    (books.data_dir / "exports/battles/v1/_manifests/000000000001.json").unlink()
    (fault,) = [one for one in look(books).faults if one.kind.startswith("export")]
    assert (fault.kind, fault.severity) == ("export-damaged", "fault")
    assert "export --rebuild" in fault.mend
    assert Path(fault.where).is_file()


def test_exports_are_looked_at_where_the_settings_send_them(books, tmp_path):
    place = tmp_path / "else where"
    elsewhere = books.changed(export_to=str(place))
    export_battles(books)
    export_battles(elsewhere, destination=place)
    assert kinds(elsewhere) == set()
    (data,) = place.rglob("*.parquet")
    planted = data.with_name("battles-000000000900-000000000900.parquet")
    planted.write_bytes(data.read_bytes())
    put(place / "battles" / "_spool" / "part-000000-000.parquet")
    assert kinds(books) == set()
    found = {fault.kind: fault for fault in look(elsewhere).faults if fault.severity != "note"}
    assert {kind: Path(fault.where).name for kind, fault in found.items()} == {
        "export-stray": planted.name,
        "spool": "part-000000-000.parquet",
    }
    assert all(Path(fault.where).is_file() for fault in found.values())
    assert "--dest" not in found["export-stray"].mend
    lock = lock_directory(place / "battles")  # a copy of the ledger that exports there too
    try:
        assert kinds(elsewhere) == set()
    finally:
        os.close(lock)
    export_battles(elsewhere, destination=place)
    assert kinds(elsewhere) == set()
    os.truncate(data, 10)
    assert kinds(elsewhere) == {"export-damaged"}


def test_the_way_out_of_a_damaged_export_leads_to_the_one_that_is_damaged(books, tmp_path):
    export_battles(books)
    (data,) = (books.data_dir / "exports").rglob("*.parquet")
    os.truncate(data, 10)
    (fault,) = [one for one in look(books.changed(export_to=str(tmp_path))).faults if one.severity != "note"]
    assert fault.mend == f"green-logic export --rebuild --dest {books.data_dir}/exports -C {books.data_dir}"


def test_exports_in_a_bucket_are_not_vouched_for(books):
    bucket = books.changed(export_to="s3://key:secret@b/c")
    assert kinds(bucket) == set()
    assert "export-elsewhere" in kinds(bucket, notes=True)
    assert "export-elsewhere" not in kinds(books, notes=True)
    assert "secret" not in str([fault.as_json() for fault in look(bucket).faults])


def test_a_byte_of_a_backup_that_keeps_its_size_is_told(books):
    (stored,) = (path for path in (books.data_dir / "backups").iterdir() if path.is_dir())
    data = (stored / "battles.db").read_bytes()
    (stored / "battles.db").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert kinds(books) == {"backup-damaged"}


def test_a_backup_is_due_once_battles_are_new_and_it_is_old(books, record):
    later = datetime.now(UTC) + timedelta(hours=30)
    assert kinds(books, now=later) == set()
    record(1)
    assert kinds(books) == set()
    assert kinds(books, now=later) == {"backup-old"}


def test_backups_are_looked_for_where_the_settings_send_them(books, tmp_path):
    elsewhere = books.changed(backup_to=str(tmp_path / "elsewhere"))
    assert kinds(elsewhere) == {"backup-absent"}
    backup(elsewhere, tmp_path / "elsewhere")
    assert kinds(elsewhere) == set()


def test_backups_in_a_bucket_are_neither_missed_nor_vouched_for(books, tmp_path):
    bucket = books.changed(backup_to="s3://key:secret@b/c")
    shutil.rmtree(books.data_dir / "backups")
    assert kinds(books) == {"backup-absent"}
    assert kinds(bucket) == set()
    assert "backup-elsewhere" in kinds(bucket, notes=True)
    assert "secret" not in str([fault.as_json() for fault in examine(bucket, GOOD_MACHINE).faults])


def test_what_the_judge_could_not_write_is_told(books):
    books.dboms.chmod(0o555)
    (books.data_dir / "checkpoint").chmod(0o444)
    assert kinds(books) == {"not-writable"}
    books.dboms.chmod(0o755)


def test_a_read_only_file_system_is_told_once_not_for_each_file(books):
    books.dboms.chmod(0o555)
    assert kinds(books, read_only=True) == {"read-only-file-system"}
    books.dboms.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_are_told(books):
    os.chown(books.database, 12345, 12345)
    assert kinds(books) == {"foreign-owner"}


def test_what_waits_for_an_operator_is_told(books):
    put(books.not_evaluated / "b-77.json", b"{}")
    put(books.rejected / "in.jsonl", b"{}")
    put(books.data_dir / "inbox" / "failed" / "x.jsonl.report.json", b"{}")
    assert kinds(books) == {"not-evaluated", "rejected-lines", "inbox-failed"}


def test_lock_files_that_nobody_holds_are_a_note(books):
    assert "stale-lock" in kinds(books, notes=True)
    assert KINDS["stale-lock"].severity == "note"


# --- the machine, as values


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"free_bytes": 1 << 20}, {"disk-full"}),
        ({"free_bytes": (64 << 20) + 1000}, {"disk-nearly-full"}),
        ({"free_files": 10}, {"inodes-nearly-out"}),
        ({"read_only": True}, {"read-only-file-system"}),
        ({"free_files": -1}, set()),
        ({"file_system": 0x6969}, {"network-file-system"}),
        ({"file_system": 0x01021994}, {"volatile-file-system"}),
        ({"sqlite": (3, 40, 1)}, {"sqlite-wal-reset"}),
        ({"sqlite": (3, 51, 2)}, {"sqlite-wal-reset"}),
        ({"sqlite": (3, 50, 7)}, set()),
        ({"sqlite": (3, 44, 6)}, set()),
        ({"sqlite": (3, 52, 0)}, set()),
        ({"packages": {"prefect": "3.8.9", "fastapi": "0.155.1"}}, {"fastapi-incompatible"}),
        ({"packages": {"prefect": "3.9.0rc1"}}, {"prefect-version"}),
        ({"packages": {"prefect": "3.8.8", "sqlalchemy": "2.1.9"}}, {"sqlalchemy-version"}),
        ({"packages": {"fastapi": "0.155.1"}}, set()),
        ({"sandbox": ""}, {"sandbox-missing"}),
        ({"sandbox": "landlock"}, {"sandbox-weak"}),
        ({"weights_found": False}, {"weights-missing"}),
        ({"weights": "wrong hash"}, {"weights-wrong"}),
        ({"now": datetime(2020, 1, 1, tzinfo=UTC)}, {"clock-behind"}),
    ],
)
def test_a_machine_that_will_fail_is_told(books, changes, expected):
    assert kinds(books, **changes) == expected


def test_limits_without_a_control_group_are_no_warning_but_told(books):
    why = "/sys/fs/cgroup/x.slice/green-logic-serve.service cannot be written"
    assert kinds(books, group_obstacle=why) == set()
    (told,) = (fault for fault in look(books, group_obstacle=why).faults if fault.kind == "limits-apart")
    assert told.message == f"{why}; that is so for this process"
    assert "limits-apart" not in kinds(books, notes=True)
    assert kinds(books, notes=True, group_obstacle=why, sandbox="landlock") >= {"sandbox-weak", "limits-apart"}
    assert "limits-apart" not in kinds(books, notes=True, group_obstacle=why, sandbox="")  # then nothing is judged


def test_the_machine_is_asked_without_importing_prefect(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    around = look_around(settings)
    assert around.free_bytes > 0
    assert around.file_system == find_file_system(tmp_path) != 0
    assert find_file_system(Path("/proc")) == 0x9FA0  # PROC_SUPER_MAGIC
    assert find_file_system(tmp_path / "nowhere") == 0
    assert not around.weights_found
    assert not around.read_only
    assert set(around.packages) <= set(surroundings.PACKAGES)
    assert not settings.data_dir.exists()


# --- the command


def call(settings, *flags, monkeypatch):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    for name in ("--json", "--quiet"):
        parser.add_argument(name, action="store_true")
    monkeypatch.setattr(surroundings, "_try_sandbox", lambda: ("namespaces", ""))
    return command.run(parser.parse_args(flags), settings)


def test_the_command_tells_what_is_wrong_mends_it_and_then_is_content(books, capsys, monkeypatch):
    put(books.dboms / "notes.txt")
    assert call(books, monkeypatch=monkeypatch) == 1
    out = capsys.readouterr().out
    assert "✘ foreign-file: a file in the DBOM folder is none of ours\n" in out
    assert f"→ green-logic doctor --repair -C {books.data_dir}\n" in out
    assert f"✔ rows: {BATTLES} as signed\n" in out
    assert call(books, "--repair", "--json", monkeypatch=monkeypatch) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "green-logic/doctor/1"
    assert document["ok"]
    assert [one["kind"] for one in document["mended"]] == ["foreign-file"]
    assert {"kind", "severity", "meaning", "where", "message", "mend"} == set(document["faults"][0])


def test_the_command_lists_its_kinds(settings, capsys, monkeypatch):
    assert call(settings, "--kinds", monkeypatch=monkeypatch) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(KINDS)


def test_every_kind_is_explained_in_the_documentation_and_nothing_else_is():
    text = (Path(__file__).parents[1] / "docs" / "doctor.md").read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert named == set(KINDS)
    assert socket.gethostname() not in text


def test_every_mending_command_can_be_filled_in():
    fields = {"at", "data", "database", "key", "backup", "where", "dest"}
    for kind in KINDS.values():
        assert {name for _, name, _, _ in string.Formatter().parse(kind.mend) if name} <= fields


# --- what nobody planned for


@pytest.mark.parametrize("name", ["checkpoint", "judge.pub"])
def test_a_planted_pipe_does_not_make_it_wait(books, name):
    (books.data_dir / name).rename(books.data_dir / "elsewhere")
    os.mkfifo(books.data_dir / name)
    assert kinds(books) == {"checkpoint-foreign" if name == "checkpoint" else "public-key-lost"}
    mend(books)
    assert kinds(books) == set()
    assert (books.data_dir / "set_aside" / name).is_fifo()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_who_may_not_look_is_told_so(books):
    books.data_dir.chmod(0o700)
    os.seteuid(65534)
    try:
        found = kinds(books)
    finally:
        os.seteuid(0)
    assert "not-readable" in found


def damage(books, source):
    """Do something at random to a file, as a bad disk or a careless hand does."""
    files = sorted(path for path in books.data_dir.rglob("*") if path.is_file())
    path = source.choice(files)
    data = bytearray(path.read_bytes())
    act = source.randrange(4)
    if act == 0:
        path.rename(path.with_name(path.name + "~"))
    elif act == 1:
        path.write_bytes(source.choice(files).read_bytes())
    elif act == 2:
        path.write_bytes(data[: source.randrange(len(data) + 1)])
    elif data:
        at = source.randrange(len(data))
        data[at : at + 16] = source.randbytes(16)
        path.write_bytes(data)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_it_looks_without_writing_and_mends_without_losing(books, seed):
    source = random.Random(seed)
    for _ in range(source.choice((1, 1, 3))):
        damage(books, source)
    before, known = contents(books.data_dir), digests(books.data_dir)
    found = look(books)
    assert contents(books.data_dir) == before
    with contextlib.suppress(GreenLogicError):
        repair(found)
    lost = known - digests(books.data_dir)
    assert not lost, [name for name, data in before.items() if isinstance(data, bytes)]
    left = {fault.kind for fault in look(books).faults if KINDS[fault.kind].repaired}
    assert not left or any(KINDS[fault.kind].evidence or fault.kind.startswith("key") for fault in found.faults)
