"""Backups: one size of the ledger while others write, complete only when restored once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from green_logic.audit.backups import audit_backup
from green_logic.errors import ConfigurationError, LedgerMissingError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.publish import backup as backup_module
from green_logic.publish.backup import backup, find_backups
from green_logic.publish.inventory import inventory_bytes
from green_logic.publish.plans import plan_backup
from green_logic.publish.remote_backup import backup_to
from green_logic.publish.restore import check_backup, drill, read_backup, restore
from green_logic.settings import Settings

WRITER = """
import sys
from pathlib import Path

from tests.conftest import result_of
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import load_signing_key
from green_logic.settings import Settings

settings = Settings(data_dir=Path(sys.argv[1]), busy_timeout_s=30.0)
key = load_signing_key(settings)
with Ledger.open(settings, key) as ledger:
    for group in range(10_000):
        names = [f"w-{group}-{number}" for number in range(8)]
        ledger.submit([seal_result(result_of(one, seed=group % 5 + 1), key=key, origin=ledger.origin) for one in names])
        print(group, flush=True)
"""


@pytest.fixture
def record(settings, key, make_sealed):
    def submit(*battle_ids):
        with Ledger.open(settings, key) as ledger:
            sealed = [make_sealed(one, origin=ledger.origin) for one in battle_ids]
            ledger.submit(sealed)
            return {one.file_name: one.dbom_bytes() for one in sealed}

    return submit


@pytest.fixture
def writer(settings, key):
    """Another process that records battles as fast as it can."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(settings.data_dir)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    try:
        process.stdout.readline()  # at work
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def rows(data_dir, size=-1):
    query = "SELECT b.*, l.leaf_index, l.envelope, l.leaf_hash FROM battles b JOIN ledger l ON l.battle_row = b.id"
    with contextlib.closing(sqlite3.connect(data_dir / "battles.db")) as connection:
        return connection.execute(f"{query} ORDER BY l.leaf_index LIMIT ?", (size,)).fetchall()


def wait_for_rows(settings, count):
    deadline = time.monotonic() + 60
    with contextlib.closing(sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True)) as connection:
        while connection.execute("SELECT count(*) FROM battles").fetchone()[0] < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_backup_holds_database_dboms_and_keys_with_their_digests(settings, record):
    record("b-1", "b-2")
    report = backup(settings)
    assert report.path.parent == settings.data_dir / "backups"
    files = {path.name: path for path in report.path.iterdir()}
    manifest = json.loads(files.pop("manifest.json").read_text())
    assert set(files) == {"battles.db", "judge.pub", "dboms-000000000000-000000000001.tar.gz"} == set(manifest["files"])
    for name, path in files.items():
        assert manifest["files"][name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (manifest["ledger_size"], report.ledger_size) == (2, 2)
    assert sum(path.stat().st_size for path in files.values()) == report.size_bytes
    assert rows(report.path) == rows(settings.data_dir)


def test_a_backup_under_a_writer_at_full_speed_restores_bit_equal_at_its_size(  # noqa: PLR0917  fixtures
    settings, writer, tmp_path, key, make_sealed, assert_whole
):
    reports = []
    for _ in range(3):
        reports.append(backup(settings))
        wait_for_rows(settings, reports[-1].ledger_size + 1)
    assert writer.poll() is None
    writer.kill()
    writer.wait()
    with Ledger.open(settings, key) as ledger:
        assert ledger.size() > reports[-1].ledger_size > reports[0].ledger_size > 0, "it went on meanwhile"
    for number, report in enumerate(reports):
        target = tmp_path / f"restored-{number}"
        restore(report.path, target)
        assert rows(target) == rows(settings.data_dir, report.ledger_size)
        files = {path.name: path.read_bytes() for path in (target / "dboms").iterdir()}
        assert len(files) == report.ledger_size
        assert all((settings.dboms / name).read_bytes() == data for name, data in files.items())
    restored = Settings(data_dir=target)
    with Ledger.open(restored, key) as ledger:
        ledger.submit_one(make_sealed("after", origin=ledger.origin))
    assert len(assert_whole(restored)) == reports[-1].ledger_size + 1


def test_a_dbom_file_that_is_gone_or_rotten_comes_from_its_row(settings, record, tmp_path):
    files = record("b-1", "b-2", "b-3")
    (settings.dboms / "dbom_b-1.json").unlink()
    (settings.dboms / "dbom_b-2.json").write_bytes(b"rotten")
    restore(backup(settings).path, tmp_path / "restored")
    assert {path.name: path.read_bytes() for path in (tmp_path / "restored" / "dboms").iterdir()} == files


def test_a_dbom_without_a_row_is_not_in_the_backup(settings, record, tmp_path):
    files = record("b-1")
    (settings.dboms / "dbom_not-committed.json").write_bytes(b"{}")
    restore(backup(settings).path, tmp_path / "restored")
    assert {path.name for path in (tmp_path / "restored" / "dboms").iterdir()} == set(files)


def test_an_empty_ledger_can_be_backed_up(settings, record, tmp_path):
    record()
    report = backup(settings)
    assert report.ledger_size == 0
    assert restore(report.path, tmp_path / "restored").ledger_size == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE battles SET score = 0.9 WHERE battle_id = 'b-2'",
        "UPDATE battles SET raw_result = replace(raw_result, 'because', 'of bribes') WHERE battle_id = 'b-2'",
        "UPDATE battles SET dbom_hash = '00' WHERE battle_id = 'b-2'",
        "UPDATE ledger SET leaf_hash = x'00' WHERE leaf_index = 1",
        "UPDATE ledger SET envelope = replace(envelope, 'sig', 'gis') WHERE leaf_index = 1",
        "DELETE FROM ledger WHERE leaf_index = 1",
    ],
)
def test_a_damaged_ledger_gives_no_complete_backup(settings, record, damage):
    record("b-1", "b-2", "b-3")
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(damage)
        connection.commit()
    with pytest.raises(VerificationError):
        backup(settings)
    assert [path.name for path in (settings.data_dir / "backups").iterdir()] == [".backup.lock"]


def test_no_ledger_or_no_key_is_an_error_and_leaves_nothing(settings, record):
    with pytest.raises(LedgerMissingError):
        backup(settings)
    assert not settings.data_dir.exists()
    record("b-1")
    (settings.data_dir / "judge.pub").unlink()
    with pytest.raises(VerificationError):
        backup(settings)
    assert find_backups(settings.data_dir / "backups") == []


def test_it_writes_elsewhere_and_nothing_in_the_ledger(settings, record, tmp_path):
    record("b-1")
    before = rows(settings.data_dir), sorted(path.name for path in settings.data_dir.rglob("*"))
    report = backup(settings, tmp_path / "elsewhere")
    assert report.path.parent == tmp_path / "elsewhere"
    after = rows(settings.data_dir), sorted(path.name for path in settings.data_dir.rglob("*"))
    assert before[0] == after[0]
    assert {*after[1]} - {*before[1]} <= {"battles.db-wal", "battles.db-shm"}


def test_leftovers_of_a_crash_are_removed_and_foreign_files_stay(settings, record):
    record("b-1")
    root = settings.data_dir / "backups"
    for name in (".tmp-2026-01-01T000000Z", ".tmp-2026-01-01T000000Z.scratch", ".tmp-mine", "2026-01-02T000000Z"):
        (root / name).mkdir(parents=True)
        (root / name / "battles.db").write_bytes(b"half")
    (root / "notes.txt").write_text("keep me")
    report = backup(settings, keep="1d")
    assert report.swept == 2
    found = {path.name for path in root.iterdir()} - {".backup.lock"}
    assert found == {".tmp-mine", "2026-01-02T000000Z", "notes.txt", report.path.name}
    assert find_backups(root) == [report.path]


def test_backups_of_one_second_get_names_of_their_own(settings, record, monkeypatch):
    record("b-1")
    monkeypatch.setattr(backup_module, "STAMP_FORM", "2026-01-01T000000Z")
    names = [backup(settings).path.name for _ in range(3)]
    assert names == ["2026-01-01T000000Z", "2026-01-01T000000Z-2", "2026-01-01T000000Z-3"]
    assert [path.name for path in find_backups(settings.data_dir / "backups")] == names
    shutil.rmtree(settings.data_dir / "backups" / names[0])
    report = backup(settings, keep="1d")
    assert report.path.name == "2026-01-01T000000Z-4", "not the free number, which would look older"
    assert find_backups(settings.data_dir / "backups") == [report.path]


def test_a_new_backup_stays_when_the_clock_was_set_back(settings, record):
    record("b-1")
    root = settings.data_dir / "backups"
    shutil.copytree(backup(settings).path, root / "2099-01-01T000000Z")
    report = backup(settings, keep="1d")
    assert {path.name for path in find_backups(root)} == {report.path.name, "2099-01-01T000000Z"}


def test_backups_of_another_ledger_in_the_same_place_are_not_thinned_out(settings, record, make_sealed, key, tmp_path):
    record("b-1")
    root, other = tmp_path / "shared", settings.changed(data_dir=tmp_path / "other")
    with Ledger.open(other, key) as ledger:
        ledger.submit([make_sealed("b-1", origin=ledger.origin)])
    theirs, mine = backup(other, root).path, backup(settings, root).path
    assert plan_backup(settings, str(root), "1d").removed == (mine.name,)
    report = backup(settings, root, keep="1d")
    assert report.removed == (mine.name,)
    assert find_backups(root) == [theirs, report.path]
    assert find_backups(root, report.origin) == [report.path]


def test_backups_that_the_ledger_does_not_continue_stay_whatever_the_rules_say(settings, record, tmp_path):
    """After a restore from an old backup the newer ones are all that is left of some battles."""
    root = tmp_path / "backups"
    record("b-1", "b-2", "b-3")
    old = backup(settings, root).path
    record("b-4")
    newer = backup(settings, root).path
    again = settings.changed(data_dir=tmp_path / "again")
    restore(old, again.data_dir)
    first = backup(again, root).path
    assert plan_backup(again, str(root), "1d").spared == (newer.name,)
    report = backup(again, root, keep="1d")
    assert report.spared == (newer.name,)
    assert set(report.removed) == {old.name, first.name}
    assert find_backups(root) == [newer, report.path]


def test_backups_of_a_ledger_that_went_another_way_stay(settings, record, make_sealed, key, tmp_path):
    root = tmp_path / "backups"
    record("b-1")
    fork = settings.changed(data_dir=tmp_path / "fork")
    shutil.copytree(settings.data_dir, fork.data_dir)
    record("b-2")
    with Ledger.open(fork, key) as ledger:
        ledger.submit([make_sealed(one, origin=ledger.origin) for one in ("b-3", "b-4")])
    theirs = backup(settings, root).path
    assert backup(fork, root, keep="1d").spared == (theirs.name,)
    assert theirs.is_dir()


def test_a_backup_that_holds_anything_else_is_not_removed(settings, record, tmp_path):
    record("b-1")
    root = tmp_path / "backups"
    old = backup(settings, root).path
    (old / "notes.txt").write_text("keep me")
    assert backup(settings, root, keep="1d").removed == ()
    assert (old / "notes.txt").exists()


@pytest.mark.parametrize("place", [".", "dboms", "archives/x", "inbox"])
def test_backups_do_not_lie_among_the_data(settings, record, place):
    record("b-1")
    for act in (backup_to, plan_backup):
        with pytest.raises(ConfigurationError, match="inside the data directory"):
            act(settings, str(settings.data_dir / place))
    assert backup_to(settings, str(settings.data_dir / "backups" / "x")).ledger_size == 1


def test_a_manifest_with_another_root_is_no_backup(settings, record, key):
    record("b-1", "b-2")
    path = backup(settings).path
    manifest = read_backup(path)
    (path / "manifest.json").write_bytes(inventory_bytes({**manifest, "root": "00" * 32}))
    with pytest.raises(VerificationError, match="root expected 0000"):
        drill(path)
    (finding,) = audit_backup(path, {key.keyid: key.public}).tally.examples["backup"]
    assert "root is 0000" in finding.message


def test_old_backups_go_only_after_the_new_one_is_complete(settings, record):
    record("b-1")
    root = settings.data_dir / "backups"
    first = backup(settings).path
    for name in ("2026-01-01T000000Z", "2026-01-01T120000Z", "2026-01-02T000000Z"):
        shutil.copytree(first, root / name)
    shutil.copytree(first, root / "2025-12-24T000000Z")
    (root / "2025-12-24T000000Z" / "manifest.json").write_text("{}")  # nobody knows what this is
    with pytest.raises(ConfigurationError):
        backup(settings, keep="7 days")
    assert len(find_backups(root)) == 4
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        connection.execute("DROP TRIGGER battles_no_update")
        connection.execute("UPDATE battles SET dbom_hash = '00'")
        connection.commit()
        with pytest.raises(VerificationError):
            backup(settings, keep="1d")
        assert len(find_backups(root)) == 4
        connection.execute(
            "UPDATE battles SET dbom_hash = ?", (hashlib.sha256(rows(first)[0][5].encode()).hexdigest(),)
        )
        connection.commit()
    report = backup(settings, keep="2d")
    assert {path.name for path in find_backups(root)} == {"2026-01-02T000000Z", report.path.name}
    assert set(report.removed) == {"2026-01-01T000000Z", "2026-01-01T120000Z", first.name} - {report.path.name}
    assert (root / "2025-12-24T000000Z").is_dir()


def test_a_backup_that_lost_a_file_neither_goes_nor_stands_in_for_a_good_one(settings, record):
    record("b-1")
    root = settings.data_dir / "backups"
    first = backup(settings).path
    for name in ("2026-01-01T000000Z", "2026-01-01T120000Z", "2026-01-02T000000Z"):
        shutil.copytree(first, root / name)
    shutil.rmtree(first)
    (root / "2026-01-01T120000Z" / "battles.db").unlink()
    with (root / "2026-01-02T000000Z" / "judge.pub").open("ab") as file:
        file.write(b"\n")
    report = backup(settings, keep="3d")
    assert find_backups(root) == [root / "2026-01-01T000000Z", report.path]
    assert report.removed == ()
    assert (root / "2026-01-01T120000Z").is_dir()
    assert (root / "2026-01-02T000000Z").is_dir()


def test_every_sampled_changed_byte_of_a_backup_is_refused(settings, record, tmp_path):
    record(*(f"b-{number}" for number in range(5)))
    path = backup(settings).path
    source = random.Random()
    for file in sorted(path.iterdir()):
        good = file.read_bytes()
        for place in [0, len(good) - 1, *(source.randrange(len(good)) for _ in range(15))]:
            file.write_bytes(good[:place] + bytes([good[place] ^ source.randrange(1, 256)]) + good[place + 1 :])
            with pytest.raises(VerificationError):
                check_backup(path)
        with pytest.raises(VerificationError):
            drill(path, tmp_path)
        file.unlink()
        with pytest.raises(VerificationError):
            drill(path, tmp_path)
        file.write_bytes(good)
    assert list(tmp_path.glob(".tmp-*")) == []
    assert drill(path, tmp_path).ledger_size == 5


def test_a_checkpoint_of_the_snapshot_goes_with_it(settings, key, make_sealed, tmp_path):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed("b-1", origin=ledger.origin)])
        if not hasattr(ledger, "checkpoint"):
            pytest.skip("this version signs no checkpoints")
        first = ledger.checkpoint(key)
        report = backup(settings)
        ledger.submit([make_sealed("b-2", origin=ledger.origin)])
        ledger.checkpoint(key)
    restore(report.path, tmp_path / "restored")
    assert (tmp_path / "restored" / "checkpoint").read_text() == first.note


def test_the_command_backs_up_and_tells(settings, record, tmp_path, capsys):
    import argparse

    from green_logic.commands import backup as command

    record("b-1")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    for as_json in (True, False):
        options = parser.parse_args([str(tmp_path / "b"), "--keep", "7d,4w,12m"])
        options.json, options.quiet, options.data_dir = as_json, False, str(settings.data_dir)
        assert command.run(options, settings.changed(backup_to=options.backup_to, keep=options.keep)) == 0
        captured = capsys.readouterr()
        assert captured.err == "", "nobody watches"
        if as_json:
            answer = json.loads(captured.out)
            assert (answer["ok"], answer["ledger_size"]) == (True, 1)
            assert find_backups(tmp_path / "b")[0] == Path(answer["path"])
        else:
            assert "1 battles with their DBOMs" in captured.out
