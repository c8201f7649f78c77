"""Files that want to break the reader: an error with file and row, no crash, nothing written elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import zstandard
from foreign import (
    SEVEN,
    arena_row,
    header_of,
    sample_of,
    write_database,
    write_journal,
    write_log,
    write_raw_zip,
)
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from green_logic.errors import ConfigurationError, InvalidBattleError
from green_logic.importers import inspect_ai, zip_members
from green_logic.importers.foreign_database import open_foreign
from green_logic.importers.lenient_json import parse_lenient
from green_logic.importers.zip_members import open_zip

C_MAP = ("C=1,I=0",)


# --- databases


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an SQLite database"),
        (b"PK\x03\x04", "not an SQLite database"),
        (b"SQLite format 3\0" + b"\xff" * 4000, "SQLite cannot read it"),
        (b"SQLite format 3\0", "SQLite cannot read it"),
    ],
)
def test_a_file_that_is_no_database_is_told_by_name(tmp_path, run_import, content, reason):
    path = tmp_path / "battles.db"
    path.write_bytes(content)
    report = run_import(path)
    assert report["read"] == 0
    (entry,) = report["unreadable"]
    assert entry["file"] == "battles.db"
    assert reason in entry["reason"] or "expected a table battles" in entry["reason"]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE other (a)",
        "CREATE TABLE battles (a, b)",
        "CREATE TABLE battles (battle_id, timestamp, raw_result, salary)",
        "CREATE TABLE battles (battle_id PRIMARY KEY, timestamp, raw_result) WITHOUT ROWID",
        "CREATE VIEW battles AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) "
        "SELECT x AS battle_id, x AS timestamp, x AS raw_result FROM n",
        "CREATE TABLE battles (battle_id, timestamp, raw_result); PRAGMA writable_schema = 1; "
        "UPDATE sqlite_schema SET sql = CAST(x'435245415445efff' AS TEXT)",  # SQLite repeats it in its message
        "CREATE VIRTUAL TABLE battles USING fts5(battle_id, timestamp, raw_result)",
        'CREATE TABLE battles (battle_id, "raw_result) FROM x; DROP TABLE y; --", timestamp)',
    ],
)
def test_a_foreign_schema_is_told_and_nothing_of_it_is_run(tmp_path, run_import, script):
    path = tmp_path / "battles.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    report = run_import(path)
    assert (report["read"], report["unreadable"][0]["file"]) == (0, "battles.db")
    assert "battles" in report["unreadable"][0]["reason"]


def test_other_files_go_on_after_one_that_cannot_be_read(tmp_path, run_import):
    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    good = write_database(tmp_path / "good.db", [arena_row("b-1")])
    report = run_import(tmp_path / "bad.db", good)
    assert (report["recorded"], len(report["unreadable"])) == (1, 1)


def test_text_that_is_not_utf8_and_values_without_bound_refuse_their_row_only(tmp_path, run_import, settings):
    path = write_database(tmp_path / "battles.db", [arena_row("b-1")])
    huge = settings.max_line_bytes + 1
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO battles (battle_id, timestamp, raw_result) VALUES ('x', '', CAST(x'ff' AS TEXT))"
        )
        connection.execute(
            "INSERT INTO battles (battle_id, timestamp, raw_result) VALUES ('y', '', zeroblob(?))", (huge,)
        )
        connection.execute("INSERT INTO battles (battle_id, timestamp, raw_result) VALUES ('z', '', 12)")
    connection.close()
    report = run_import(path)
    assert (report["read"], report["recorded"], report["refused"] + report["not_evaluated"]) == (4, 1, 3)
    reasons = {entry["line"]: entry["reason"] for entry in report["examples"]["refused"]}
    assert "not UTF-8" in reasons[2]
    assert "too big" in reasons[3]


def test_a_damaged_page_never_ends_in_a_crash_or_a_wrong_battle(tmp_path, run_import, settings):
    rows = [arena_row(f"b-{number}") for number in range(30)]
    whole = write_database(tmp_path / "whole.db", rows).read_bytes()
    source = random.Random(1)
    for number in range(40):
        data = bytearray(whole)
        for _ in range(source.choice((1, 40))):
            at = source.randrange(100, len(data))
            data[at] ^= source.randrange(1, 256)
        path = tmp_path / f"damaged-{number}.db"
        path.write_bytes(data)
        run_import(path, dry_run=True)  # the fixture checks that the counts add up


def test_pages_that_are_read_twice_end_the_file_not_in_a_circle(tmp_path, run_import):
    path = write_database(tmp_path / "battles.db", [arena_row(f"b-{number:04d}") for number in range(400)])
    with sqlite3.connect(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'battles'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    data = bytearray(path.read_bytes())
    page = (root - 1) * size
    assert data[page] == 5, "expected the root of a tree of several pages"
    first, second = struct.unpack_from(">HH", data, page + 12)
    data[page + second : page + second + 4] = data[page + first : page + first + 4]  # its second child is its first
    path.write_bytes(data)
    report = run_import(path)
    assert "comes again" in report["unreadable"][0]["reason"]
    assert report["recorded"] == report["read"] > 0


def test_a_database_that_changes_while_it_is_read_is_told(tmp_path, settings):
    path = write_database(tmp_path / "battles.db", [arena_row("b-1")])
    with (
        pytest.raises(InvalidBattleError, match="changed while it was read"),
        open_foreign(path, ledger=settings.database, max_value_bytes=1 << 20),
    ):
        path.write_bytes(path.read_bytes() + b"\0")


def test_a_journal_that_names_another_file_removes_nothing(tmp_path, run_import, unchanged):
    victim = tmp_path / "precious.txt"
    victim.write_text("kept")
    path = write_database(tmp_path / "arena" / "battles.db", [arena_row("b-1")])
    write_journal(path, victim)
    with unchanged(path.parent):
        report = run_import(path)
    assert victim.read_text() == "kept"
    assert report["read"] == 0
    assert "names another file" in report["unreadable"][0]["reason"]


def test_sqlite_itself_removes_the_file_that_such_a_journal_names(tmp_path):
    """Why the test above is one: without the refusal the file is gone."""
    victim = tmp_path / "precious.txt"
    victim.write_text("lost")
    path = write_database(tmp_path / "battles.db", [arena_row("b-1")])
    write_journal(path, victim)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM battles").fetchone()
    assert not victim.exists()


def test_a_journal_of_a_killed_writer_is_still_played_back_in_the_copy(tmp_path, run_import, recorded):
    path = write_database(tmp_path / "battles.db", [arena_row("b-1")])
    code = (
        "import os, sqlite3; c = sqlite3.connect(r'%s', isolation_level=None); c.execute('PRAGMA cache_size = 1'); "
        "c.execute('BEGIN'); c.execute(\"UPDATE battles SET battle_id = 'b-torn'\"); "
        "[c.execute('INSERT INTO battles (battle_id) VALUES (hex(zeroblob(20000)))') for _ in range(20)]; os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code % path], check=False, timeout=60)
    assert path.with_name("battles.db-journal").stat().st_size
    report = run_import(path)
    assert (report["read"], list(recorded())) == (1, ["b-1"])


@pytest.mark.parametrize("plant", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_what_stands_for_a_dbom_beside_a_database_is_never_waited_for(tmp_path, run_import, plant):
    path = write_database(tmp_path / "battles.db", [arena_row("b-1")])
    (tmp_path / "dboms").mkdir()
    plant(tmp_path / "dboms" / "dbom_b-1.json")
    report = run_import(path)
    assert (report["recorded"], report["legacy_dboms"]["missing"]) == (1, 1)


# --- logs


def raw_member(path: Path, name: str, packed: bytes, *, size: int, crc: int, method: int) -> None:
    """A zip with one member whose header says whatever a test wants."""
    write_raw_zip(path, [(name, packed, size, crc, method)])


def read_only_member(path: Path, *, limit: int = 1 << 20) -> bytes:
    with open_zip(path, path.name) as members:
        return members.read(next(iter(members)), limit_bytes=limit)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zip_members.ZSTD])
def test_a_bomb_ends_at_the_limit_whatever_size_it_claims(tmp_path, method):
    import zlib

    bomb = b"\0" * (64 << 20)
    if method == zip_members.ZSTD:
        packed = zstandard.ZstdCompressor().compress(bomb)
    else:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(bomb) + packer.flush()
    for size in (10, 1 << 20, 64 << 20, 0xFFFFFFFE):
        raw_member(tmp_path / "bomb.eval", "samples/1_epoch_1.json", packed, size=size, crc=0, method=method)
        with pytest.raises(InvalidBattleError, match=r"expected|damaged"):
            read_only_member(tmp_path / "bomb.eval")


def test_members_that_share_their_bytes_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first", os.urandom(10_000))
        first = archive.infolist()[0]
        for number in range(3):
            copy = zipfile.ZipInfo(f"samples/{number}_epoch_1.json")
            for name in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(copy, name, getattr(first, name))
            archive.filelist.append(copy)
    with pytest.raises(InvalidBattleError, match="claim"), open_zip(tmp_path / "a.eval", "a.eval"):
        pass


def test_a_zstd_member_is_read_and_its_checksum_counts(tmp_path):
    import zlib

    text = json.dumps(sample_of()).encode()
    for crc, good in ((zlib.crc32(text), True), (1, False)):
        path = tmp_path / "one.eval"
        packed = zstandard.ZstdCompressor().compress(text)
        raw_member(path, "samples/1_epoch_1.json", packed, size=len(text), crc=crc, method=zip_members.ZSTD)
        if good:
            assert read_only_member(path) == text
        else:
            with pytest.raises(InvalidBattleError, match="CRC"):
                read_only_member(path)


def test_a_list_of_members_beyond_the_limit_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_members, "DIRECTORY_LIMIT", 100)
    with pytest.raises(InvalidBattleError, match="list of members"), open_zip(write_log(tmp_path / "a.eval", []), "a"):
        pass


def test_a_big_sample_is_refused_by_name_and_the_others_go_on(tmp_path, run_import, monkeypatch):
    monkeypatch.setattr(inspect_ai, "SAMPLE_LIMIT", 2000)
    log = write_log(tmp_path / "a.eval", [sample_of(1, input="x" * 3000), sample_of(2)])
    report = run_import(log, maps=C_MAP)
    assert (report["recorded"], report["refused_by_kind"]) == (1, {"damaged": 1})
    assert "samples/1_epoch_1.json" in report["examples"]["refused"][0]["reason"]


@pytest.mark.parametrize(
    "sample_id", ["../../../../etc/cron.d/x", "/etc/passwd", "..\\x", "C:x", "\n", "é" * 200, "a/../b"]
)
def test_a_name_that_leaves_the_folder_writes_nothing_outside(tmp_path, run_import, settings, sample_id):
    before = set(tmp_path.rglob("*"))
    report = run_import(write_log(tmp_path / "a.eval", [sample_of(sample_id)]), maps=C_MAP)
    assert report["read"] == 1
    new = set(tmp_path.rglob("*")) - before - {tmp_path / "a.eval"}
    assert all(path.is_relative_to(settings.data_dir) or path.is_relative_to(tmp_path / "user") for path in new)


def test_a_member_that_holds_another_sample_is_refused(tmp_path, run_import):
    with zipfile.ZipFile(tmp_path / "a.eval", "w") as archive:
        archive.writestr("samples/1_epoch_1.json", json.dumps(sample_of(2)))
        archive.writestr("header.json", json.dumps(header_of()))
    report = run_import(tmp_path / "a.eval", maps=C_MAP)
    assert report["refused_by_kind"] == {"damaged": 1}


def test_members_of_one_name_are_refused_because_readers_differ_on_which_counts(tmp_path, run_import):
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "a.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(header_of()))
        for value in "CI":
            archive.writestr("samples/1_epoch_1.json", json.dumps(sample_of(1, value=value)))
    report = run_import(tmp_path / "a.eval", maps=C_MAP)
    assert report["refused_by_kind"] == {"damaged": 2}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04", "not a whole zip"),
        (b"PK\x03\x04" + b"x" * 5000, "not a whole zip"),
    ],
)
def test_a_log_that_is_no_zip_is_told_by_name(tmp_path, run_import, content, reason):
    path = tmp_path / "a.eval"
    path.write_bytes(content)
    (entry,) = run_import(path)["unreadable"]
    assert reason in entry["reason"]
    assert "a.eval" in entry["reason"]


@pytest.mark.parametrize(
    "header", [{}, {"eval": []}, {"eval": {"task": 5}}, {"eval": {"model": "x"}}, {"status": "success"}]
)
def test_a_zip_that_is_no_log_is_told_by_name(tmp_path, run_import, header):
    report = run_import(write_log(tmp_path / "a.eval", [sample_of()], header=header), maps=C_MAP)
    assert report["read"] == 0
    assert "no log of Inspect AI" in report["unreadable"][0]["reason"]


def test_a_log_cut_or_flipped_anywhere_never_crashes_the_import(tmp_path, run_import):
    whole = write_log(tmp_path / "whole.eval", [sample_of(number) for number in range(5)]).read_bytes()
    source = random.Random(2)
    for number in range(60):
        data = bytearray(whole)
        if number % 3 == 0:
            del data[source.randrange(4, len(data)) :]
        else:
            for _ in range(source.choice((1, 3, 20))):
                data[source.randrange(4, len(data))] ^= source.randrange(1, 256)
        path = tmp_path / f"damaged-{number}.eval"
        path.write_bytes(data)
        run_import(path, maps=C_MAP, dry_run=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["input", "scores", "score", "error", "invalidation", "metadata", "completed_at", "target"])
SCORES = st.dictionaries(st.text(max_size=5), st.fixed_dictionaries({"value": JSON, "reason": JSON, "metadata": JSON}))


@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(FIELDS, JSON, max_size=4), scores=SCORES)
def test_no_shape_of_a_sample_crashes_the_import_or_loses_it(tmp_path, run_import, changes, scores):
    sample = {**sample_of(), "scores": scores, **changes}
    report = run_import(write_log(tmp_path / "a.eval", [sample]), maps=("linear:0..1",), dry_run=True)
    assert report["read"] >= 1


@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(result=JSON, evaluation=JSON, score=JSON)
def test_no_shape_of_a_row_crashes_the_import_or_loses_it(tmp_path, run_import, result, evaluation, score):
    raw = json.dumps({**result, "evaluation": evaluation} if isinstance(result, dict) else result)
    cell = score if isinstance(score, (float, str)) and "\ud800" not in str(score) else None
    path = tmp_path / "battles.db"
    path.unlink(missing_ok=True)
    row = arena_row("b-1", raw_result=raw, dbom_hash="", score=cell if not isinstance(cell, str) else ascii(cell))
    write_database(path, [row], columns=SEVEN)
    assert run_import(path, dry_run=True)["read"] == 1


def test_numbers_that_no_seal_can_hold_become_text(tmp_path):
    value = parse_lenient(b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": 99999999999999999999999, "e": 1}', what="x")
    assert value == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": "99999999999999999999999", "e": 1}


# --- paths


@pytest.mark.parametrize("name", ["nothing", "notes.txt", "empty", "pipe.db", "pipe.eval"])
def test_a_path_that_nobody_can_read_is_an_error_of_use(tmp_path, run_import, name):
    os.mkfifo(tmp_path / "pipe.db")
    os.mkfifo(tmp_path / "pipe.eval")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError):
        run_import(tmp_path / name)
