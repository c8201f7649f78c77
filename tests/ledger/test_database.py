"""What `submit` acknowledges is on the ledger, once, with its proof; what it refuses changes nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sqlite3
import threading

import pytest

from green_logic.errors import ConfigurationError, ConflictError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.ledger.schema import COLUMNS, SCHEMA_VERSION
from green_logic.proof.dbom import check_dbom, parse_dbom, seal_result
from green_logic.proof.keys import load_signing_key
from green_logic.settings import Settings


@pytest.fixture
def ledger(settings, key):
    with Ledger.open(settings, key) as opened:
        yield opened


def query(settings, text):
    with contextlib.closing(sqlite3.connect(settings.database, isolation_level=None)) as connection:
        return connection.execute(text).fetchall()


def everything(settings):
    """Rows, leaves and DBOM files: what an error must leave as it was."""
    return (
        query(settings, "SELECT * FROM battles"),
        query(settings, "SELECT * FROM ledger"),
        {path.name: path.read_bytes() for path in settings.dboms.iterdir()},
    )


def statuses(receipts):
    return [receipt.status for receipt in receipts]


def test_battles_has_exactly_the_seven_columns(ledger, settings):
    assert ledger.size() == 0
    columns = query(settings, "PRAGMA table_info(battles)")
    assert tuple(row[1] for row in columns) == COLUMNS
    assert COLUMNS == ("id", "battle_id", "timestamp", "score", "breakdown", "raw_result", "dbom_hash")
    assert [row[2] for row in columns] == ["INTEGER", "TEXT", "TEXT", "REAL", "TEXT", "TEXT", "TEXT"]
    assert query(settings, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("DROP TRIGGER battles_no_update", "trigger battles_no_update"),
        ("DROP INDEX battles_battle_id_folded", "index battles_battle_id_folded"),
        ("DROP TABLE log_nodes", "table log_nodes"),
        ("CREATE TRIGGER better AFTER INSERT ON battles BEGIN DELETE FROM ledger; END", "trigger better"),
    ],
)
def test_nothing_is_recorded_where_what_guards_the_rows_was_changed(settings, key, make_sealed, change, name):
    with Ledger.open(settings, key) as opened:
        opened.submit([make_sealed("b-1", origin=opened.origin)])
    query(settings, change)
    before = everything(settings)
    with pytest.raises(VerificationError, match=f"{name} is ") as caught:
        Ledger.open(settings, key)
    assert caught.value.kind == "schema"
    assert "verify -C" in caught.value.hint
    assert everything(settings) == before


def test_what_others_add_to_look_at_the_rows_is_no_change(settings, key, make_sealed):
    with Ledger.open(settings, key):
        pass
    query(settings, "CREATE INDEX by_score ON battles (score)")
    query(settings, "CREATE VIEW best AS SELECT * FROM battles WHERE score > 0.9")
    with Ledger.open(settings, key) as opened:
        assert opened.submit([make_sealed("b-1", origin=opened.origin)])


def test_every_commit_is_synced_through_a_wal(ledger):
    pragma = ledger._connection.execute
    assert pragma("PRAGMA journal_mode").fetchone() == ("wal",)
    assert pragma("PRAGMA synchronous").fetchone() == (2,), "FULL; NORMAL loses acknowledged rows at a power cut"


def test_a_row_holds_what_was_sealed(ledger, settings, key, make_sealed, assert_whole):
    sealed = make_sealed("b-1", origin=ledger.origin)
    receipt = ledger.submit_one(sealed)
    assert (receipt.status, receipt.battle_id, receipt.h_delta) == ("recorded", "b-1", sealed.h_delta)
    (row,) = query(settings, "SELECT * FROM battles")
    assert row == (1, "b-1", sealed.timestamp, 0.61, sealed.breakdown, sealed.raw_result.decode(), sealed.h_delta)
    dbom = check_dbom(
        ledger.read_dbom("b-1"), {key.keyid: key.public}, origin=ledger.origin, raw_result=row[5].encode()
    )
    assert (dbom["timestamp"], dbom["score_cis"]) == (row[2], row[3])
    assert assert_whole(settings) == {"b-1": sealed.raw_result}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE battles SET score = 1",
        "UPDATE battles SET score = 1 WHERE battle_id = 'b-1'",
        "DELETE FROM battles",
        "REPLACE INTO battles VALUES (1, 'b-9', 't', 1, '', '', '')",
        "REPLACE INTO battles (battle_id, timestamp, score) VALUES ('b-1', 't', 1)",
        "REPLACE INTO battles (battle_id, timestamp, score) VALUES ('B-1', 't', 1)",
        "INSERT INTO battles (battle_id, timestamp, score) VALUES ('b-1', 't', 1)",
        "INSERT INTO battles (battle_id, timestamp, score) VALUES ('B-1', 't', 1)",
        "INSERT INTO battles (battle_id, timestamp, score) VALUES ('b-1', 't', 1) "
        "ON CONFLICT (battle_id) DO UPDATE SET score = 1",
        "INSERT INTO battles (battle_id, timestamp, score) VALUES ('b-3', 't', 1.5)",
        "INSERT INTO battles (battle_id, timestamp, score) VALUES ('b-3', 't', -0.5)",
        "INSERT INTO battles (battle_id, timestamp, score) VALUES ('b-3', 't', NULL)",
        "UPDATE ledger SET envelope = ''",
        "DELETE FROM ledger WHERE leaf_index = 1",
        "REPLACE INTO ledger VALUES (1, 2, '', x'00', '', '', x'00')",
        "REPLACE INTO ledger VALUES (7, 2, '', x'00', '', '', x'00')",
        "UPDATE ledger_meta SET value = 'SHA256:other' WHERE name = 'keyid'",
        "DELETE FROM ledger_meta",
    ],
)
def test_a_recorded_row_cannot_be_changed_by_plain_sql(ledger, settings, make_sealed, change):
    ledger.submit([make_sealed("b-1"), make_sealed("b-2")])
    before = everything(settings)
    with pytest.raises(sqlite3.IntegrityError):
        query(settings, change)
    assert everything(settings) == before


def test_the_same_evidence_again_is_already_recorded(ledger, settings, make_sealed):
    first = make_sealed("b-1")
    ledger.submit_one(first)
    before = everything(settings)
    again = make_sealed("b-1", timing={"total_s": 99.0})
    assert again.h_delta != first.h_delta
    for sealed in (first, again):
        receipt = ledger.submit_one(sealed)
        assert (receipt.status, receipt.h_delta) == ("already_recorded", first.h_delta)
    assert everything(settings) == before


@pytest.mark.parametrize("other", [{"score": 0.99}, {"seed": 2}, {"battle_sha256": "f" * 64}])
def test_other_evidence_is_a_conflict_and_the_first_stays(ledger, settings, make_sealed, other):
    ledger.submit_one(make_sealed("b-1"))
    before = everything(settings)
    with pytest.raises(ConflictError, match="b-1"):
        ledger.submit_one(make_sealed("b-1", **other))
    (receipt,) = ledger.submit([make_sealed("b-1", **other)])
    assert (receipt.status, receipt.h_delta) == ("conflict", before[0][0][6])
    assert everything(settings) == before


def test_ids_that_differ_only_in_case_conflict(ledger, settings, make_sealed):
    ledger.submit_one(make_sealed("Ab-1"))
    before = everything(settings)
    with pytest.raises(ConflictError, match="only in case"):
        ledger.submit_one(make_sealed("aB-1"))
    assert statuses(ledger.submit([make_sealed("x"), make_sealed("X")])) == ["recorded", "conflict"]
    assert [row[1] for row in query(settings, "SELECT * FROM battles")] == ["Ab-1", "x"]
    assert everything(settings)[0][0] == before[0][0]


def test_one_submit_may_hold_a_battle_twice(ledger, settings, make_sealed, assert_whole):
    group = [make_sealed("b-1"), make_sealed("b-2"), make_sealed("b-1"), make_sealed("b-2", score=0.1)]
    assert statuses(ledger.submit(group)) == ["recorded", "recorded", "already_recorded", "conflict"]
    assert assert_whole(settings) == {"b-1": group[0].raw_result, "b-2": group[1].raw_result}


def test_an_empty_group_is_nothing(ledger, settings):
    assert ledger.submit([]) == []
    assert everything(settings) == ([], [], {})


@pytest.mark.parametrize("count", [1, 15, 16, 100])
def test_a_group_of_any_size_is_recorded_in_order(ledger, settings, make_sealed, assert_whole, count):
    group = [make_sealed(f"b-{number}", seed=number) for number in range(count)]
    assert statuses(ledger.submit(group)) == ["recorded"] * count
    assert list(assert_whole(settings)) == [sealed.battle_id for sealed in group]


def test_a_conflict_in_a_group_does_not_keep_the_others_out(ledger, settings, make_sealed, assert_whole):
    ledger.submit_one(make_sealed("b-1"))
    group = [make_sealed("b-0"), make_sealed("b-1", score=0.2), make_sealed("b-2")]
    assert statuses(ledger.submit(group)) == ["recorded", "conflict", "recorded"]
    assert list(assert_whole(settings)) == ["b-1", "b-0", "b-2"]


def test_a_group_is_recorded_whole_or_not_at_all(ledger, settings, make_sealed, assert_whole):
    group = [make_sealed(f"b-{number}") for number in range(5)]
    # the database itself refuses the last row
    broken = dataclasses.replace(group[4], score=7.0)
    with pytest.raises(StorageError, match="CHECK"):
        ledger.submit([*group[:4], broken])
    assert everything(settings)[:2] == ([], [])
    assert statuses(ledger.submit(group)) == ["recorded"] * 5
    assert len(assert_whole(settings)) == 5


def test_no_row_appears_when_its_dbom_cannot_be_written(ledger, settings, make_sealed, assert_whole):
    (settings.dboms / ".tmp-dbom_b-2.json").mkdir()  # stands in the way of the file
    group = [make_sealed("b-1"), make_sealed("b-2")]
    with pytest.raises(StorageError):
        ledger.submit(group)
    assert query(settings, "SELECT * FROM battles") == []
    (settings.dboms / ".tmp-dbom_b-2.json").rmdir()
    assert statuses(ledger.submit(group)) == ["recorded", "recorded"]
    assert len(assert_whole(settings)) == 2


def test_an_undecided_dbom_of_another_seal_is_set_aside_never_lost(ledger, settings, make_sealed, assert_whole):
    first, second = make_sealed("b-1", score=0.1), make_sealed("b-1", score=0.2)
    ledger.write_dboms([first])
    assert ledger.read_dbom("b-1") == first.dbom_bytes()
    ledger.submit_one(second)
    assert ledger.read_dbom("b-1") == second.dbom_bytes()
    assert (settings.data_dir / "set_aside" / "dboms" / "dbom_b-1.json").read_bytes() == first.dbom_bytes()
    assert assert_whole(settings) == {"b-1": second.raw_result}


def test_a_dbom_written_ahead_is_the_one_recorded(ledger, settings, make_sealed, assert_whole):
    group = [make_sealed("b-1"), make_sealed("b-2")]
    ledger.write_dboms(group)
    inode = (settings.dboms / "dbom_b-1.json").stat().st_ino
    ledger.submit(group)
    assert (settings.dboms / "dbom_b-1.json").stat().st_ino == inode
    assert not (settings.data_dir / "set_aside").exists()
    ledger.write_dboms([make_sealed("b-1", score=0.3)])  # it has a row: left alone
    assert len(assert_whole(settings)) == 2


def test_find_tells_what_is_recorded_and_nothing_else(ledger, make_sealed):
    sealed = make_sealed("b-1")
    ledger.submit_one(sealed)
    known = ledger.find(["B-1", "b-2", "b-1"])
    assert set(known) == {"B-1", "b-1"}
    assert known["B-1"].battle_id == "b-1"
    assert (known["b-1"].h_delta, known["b-1"].evidence_sha256) == (sealed.h_delta, sealed.evidence_sha256)


def test_a_reopened_ledger_is_the_same_ledger(settings, key, make_sealed, assert_whole):
    with Ledger.open(settings, key) as ledger:
        origin = ledger.origin
        ledger.submit_one(make_sealed("b-1"))
    assert not settings.database.with_name("battles.db-wal").exists()
    with Ledger.open(settings, key) as ledger:
        assert ledger.origin == origin
        assert statuses(ledger.submit([make_sealed("b-1"), make_sealed("b-2")])) == ["already_recorded", "recorded"]
    assert list(assert_whole(settings)) == ["b-1", "b-2"]
    assert (settings.data_dir / "judge.pub").read_bytes() == key.public_pem


def test_two_ledgers_have_two_origins(settings, tmp_path, key):
    with Ledger.open(settings, key) as one, Ledger.open(Settings(data_dir=tmp_path / "two"), key) as two:
        assert one.origin != two.origin


def test_threads_may_share_a_ledger(ledger, settings, make_sealed, assert_whole):
    groups = [[make_sealed(f"t{thread}-{number}") for number in range(20)] for thread in range(4)]
    threads = [
        threading.Thread(target=lambda group=group: [ledger.submit_one(sealed) for sealed in group]) for group in groups
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(assert_whole(settings)) == 80


def test_a_ledger_refuses_another_key(settings, key, tmp_path, make_sealed, monkeypatch):
    with Ledger.open(settings, key) as ledger:
        ledger.submit_one(make_sealed("b-1"))
    before, bytes_before = everything(settings), settings.database.read_bytes()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another user"))
    with pytest.raises(ConfigurationError, match=re.escape(key.keyid)):
        Ledger.open(settings, load_signing_key(Settings()))
    assert everything(settings) == before
    assert settings.database.read_bytes() == bytes_before
    assert (settings.data_dir / "judge.pub").read_bytes() == key.public_pem


FOREIGN = {
    "other columns": "CREATE TABLE battles (battle_id TEXT); INSERT INTO battles VALUES ('x')",
    "one table": "CREATE TABLE t (x)",
    "origin's own": "CREATE TABLE battles (id INTEGER PRIMARY KEY AUTOINCREMENT, battle_id TEXT, timestamp TEXT, "
    "score REAL, breakdown TEXT, raw_result TEXT, dbom_hash TEXT)",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_database_is_refused_and_stays_byte_for_byte(settings, key, name):
    settings.data_dir.mkdir()
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        connection.executescript(FOREIGN[name])
    before = settings.database.read_bytes()
    with pytest.raises(ConfigurationError, match="not a ledger of this project"):
        Ledger.open(settings, key)
    assert settings.database.read_bytes() == before
    assert {path.name for path in settings.data_dir.glob("battles.db*")} == {"battles.db"}


def test_a_newer_schema_is_refused_and_stays(settings, key, make_sealed):
    with Ledger.open(settings, key) as ledger:
        ledger.submit_one(make_sealed("b-1"))
    query(settings, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = settings.database.read_bytes()
    with pytest.raises(ConfigurationError, match="newer version"):
        Ledger.open(settings, key)
    assert settings.database.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one" * 99, b"\0" * 8192, b"x"])
def test_a_file_that_is_no_database_is_refused_and_stays(settings, key, content):
    settings.data_dir.mkdir()
    settings.database.write_bytes(content)
    with pytest.raises((VerificationError, StorageError, ConfigurationError)):
        Ledger.open(settings, key)
    assert settings.database.read_bytes() == content


def test_a_damaged_database_is_distrusted_not_retried(settings, key, make_sealed):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed(f"b-{number}") for number in range(20)])
    with settings.database.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192 * 3)
    with pytest.raises(VerificationError) as caught:
        Ledger.open(settings, key)
    assert caught.value.kind == "database"


def test_a_locked_database_is_an_error_in_time_and_nothing_is_lost(settings, key, make_sealed, assert_whole):
    settings = settings.changed(busy_timeout_s=0.3)
    with Ledger.open(settings, key) as ledger:
        ledger.submit_one(make_sealed("b-1"))
        late = make_sealed("b-2")
        with contextlib.closing(sqlite3.connect(settings.database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageError, match="locked"):
                ledger.submit_one(late)
            other.execute("ROLLBACK")
        assert query(settings, "SELECT battle_id FROM battles") == [("b-1",)]
        assert ledger.submit_one(late).status == "recorded"
    assert len(assert_whole(settings)) == 2


def test_a_ledger_opens_while_another_program_reads_it(settings, key, make_sealed):
    with Ledger.open(settings, key) as ledger:
        ledger.submit_one(make_sealed("b-1"))
    with contextlib.closing(sqlite3.connect(settings.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM battles").fetchone() == (1,)
        with Ledger.open(settings, key) as ledger:
            assert ledger.submit_one(make_sealed("b-2")).status == "recorded"
        assert reader.execute("SELECT count(*) FROM battles").fetchone() == (1,)


def test_a_closed_ledger_refuses_and_closes_twice(settings, key, make_sealed):
    ledger = Ledger.open(settings, key)
    ledger.close()
    ledger.close()
    with pytest.raises(StorageError):
        ledger.submit_one(make_sealed("b-1"))
    with Ledger.open(settings, key) as again:
        assert again.size() == 0


def test_a_ledger_closes_when_its_directory_is_gone(settings, key, tmp_path):
    ledger = Ledger.open(settings, key)
    settings.data_dir.rename(tmp_path / "moved")
    ledger.close()
    with pytest.raises(StorageError):
        ledger.write_dboms([])


def test_sealed_values_of_a_p256_judge_are_recorded_too(settings, tmp_path, make_result, assert_whole):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = load_signing_key(Settings(signing_key=pem.decode()))
    with Ledger.open(settings, key) as ledger:
        ledger.submit_one(seal_result(make_result("b-1"), key=key, origin=ledger.origin))
        assert parse_dbom(ledger.read_dbom("b-1"))["battle_id"] == "b-1"
    assert len(assert_whole(settings)) == 1


@pytest.mark.parametrize("empty", [False, True])
def test_a_lost_database_is_not_replaced_by_a_new_one(settings, key, make_result, empty):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([seal_result(make_result("b-1"), key=key, origin=ledger.origin)])
        ledger.checkpoint(key)
    settings.database.unlink()
    if empty:
        settings.database.touch()
    before = sorted(settings.data_dir.rglob("*"))
    with pytest.raises(ConfigurationError, match="a ledger was here"):
        Ledger.open(settings, key)
    assert sorted(settings.data_dir.rglob("*")) == before
