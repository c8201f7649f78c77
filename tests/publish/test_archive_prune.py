"""Pruning removes only what a verified archive holds, and nobody misses it."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path

import pytest

from green_logic.agent import GreenAgent
from green_logic.errors import StorageError, VerificationError
from green_logic.files import FileLock
from green_logic.ledger.database import Ledger
from green_logic.ledger.reading import read_battle
from green_logic.ledger.recovery import Recovery
from green_logic.ledger.schema import LOCK_NAME
from green_logic.publish import pruning
from green_logic.publish.archive import archive_dboms, read_archived_dbom
from green_logic.publish.archive_files import archives_directory, find_archives
from green_logic.publish.backup import backup
from green_logic.publish.restore import restore


@pytest.fixture
def record(settings, key, make_sealed):
    def submit(*battle_ids):
        with Ledger.open(settings, key) as ledger:
            sealed = [make_sealed(one, origin=ledger.origin) for one in battle_ids]
            ledger.submit(sealed)
            return ledger.recovery, {one.file_name: one.dbom_bytes() for one in sealed}

    return submit


def folder(settings):
    return {path.name: path.read_bytes() for path in settings.dboms.iterdir()}


def test_pruned_files_stay_away_and_every_reader_finds_their_content(settings, record):
    _, files = record("b-1", "b-2", "b-3")
    report = archive_dboms(settings, prune=True)
    assert (report.removed, report.kept, folder(settings)) == (3, 0, {})
    recovery, later = record("b-4")
    assert recovery == Recovery(), "opening the ledger does not undo it"
    assert folder(settings) == later
    for battle_id in ("b-1", "b-2", "b-3"):
        assert read_archived_dbom(settings, battle_id) == files[f"dbom_{battle_id}.json"]
        assert read_battle(settings, battle_id)["dbom"] == files[f"dbom_{battle_id}.json"]


def test_pruning_twice_removes_what_came_since(settings, record):
    record("b-1")
    archive_dboms(settings, prune=True)
    assert archive_dboms(settings, prune=True).removed == 0
    record("b-2")
    assert archive_dboms(settings).removed == 0
    assert set(folder(settings)) == {"dbom_b-2.json"}
    assert archive_dboms(settings, prune=True).removed == 1
    assert folder(settings) == {}


def test_a_recorded_battle_may_be_submitted_again_after_pruning(settings, key, record, make_sealed):
    record("b-1")
    archive_dboms(settings, prune=True)
    with Ledger.open(settings, key) as ledger:
        receipt = ledger.submit_one(make_sealed("b-1", origin=ledger.origin))
    assert receipt.status == "already_recorded"
    assert folder(settings) == {}


@pytest.mark.parametrize("part", ["mark", "manifest", "pack"])
def test_without_one_of_its_three_parts_an_archive_excuses_nothing(settings, record, part):
    _, files = record("b-1", "b-2")
    archive_dboms(settings, prune=True)
    (archive,) = find_archives(archives_directory(settings))
    getattr(archive, part).unlink()
    recovery, later = record("b-3")
    assert recovery.rebuilt == 2
    assert folder(settings) == {**files, **later}


def test_a_lost_file_that_was_never_pruned_is_still_rebuilt(settings, record):
    _, files = record("b-1", "b-2")
    archive_dboms(settings)
    (settings.dboms / "dbom_b-1.json").unlink()
    recovery, _ = record()
    assert recovery.rebuilt == 1
    assert folder(settings) == files


def test_a_wrong_file_of_a_pruned_leaf_is_set_aside_and_put_right(settings, record):
    _, files = record("b-1", "b-2")
    archive_dboms(settings, prune=True)
    (settings.dboms / "dbom_b-1.json").write_bytes(b"forged")
    recovery, _ = record()
    assert (recovery.rebuilt, recovery.set_aside) == (1, 1)
    assert folder(settings) == {"dbom_b-1.json": files["dbom_b-1.json"]}


def test_a_file_that_is_not_the_ledgers_is_kept_and_counted(settings, record):
    record("b-1", "b-2")
    archive_dboms(settings)
    (settings.dboms / "dbom_b-1.json").write_bytes(b"evidence of something")
    (settings.dboms / "dbom_unknown.json").write_bytes(b"no row owns it")
    report = archive_dboms(settings, prune=True)
    assert (report.removed, report.kept) == (1, 1)
    assert set(folder(settings)) == {"dbom_b-1.json", "dbom_unknown.json"}


@pytest.mark.parametrize("part", ["pack", "manifest"])
def test_nothing_is_pruned_from_a_damaged_archive(settings, record, part):
    _, files = record("b-1", "b-2")
    archive_dboms(settings)
    (archive,) = find_archives(archives_directory(settings))
    path = getattr(archive, part)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    with pytest.raises(VerificationError):
        archive_dboms(settings, prune=True)
    assert folder(settings) == files
    assert not archive.mark.exists()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_holds_up_neither_archive_nor_prune_nor_the_next_run(settings, record, make):
    _, files = record("b-1", "b-2")
    path = settings.dboms / "dbom_b-1.json"
    path.unlink()
    make(path)
    report = archive_dboms(settings, prune=True)
    assert (report.removed, report.kept) == (1, 1)
    assert read_archived_dbom(settings, "b-1") == files["dbom_b-1.json"]
    recovery, _ = record("b-3")
    assert recovery.set_aside == 1
    assert (settings.data_dir / "set_aside" / "dboms" / "dbom_b-1.json").exists()
    assert path.read_bytes() == files["dbom_b-1.json"]


def test_the_mark_waits_for_the_ledgers_lock(settings, record):

    _, files = record("b-1")
    with FileLock(settings.data_dir / LOCK_NAME, timeout_s=1).held(), pytest.raises(StorageError):
        archive_dboms(settings.changed(busy_timeout_s=0.2), prune=True)
    assert folder(settings) == files
    assert archive_dboms(settings, prune=True).removed == 1


def test_two_archivers_make_each_archive_once(settings, record):
    record(*(f"b-{number}" for number in range(20)))
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(archive_dboms(settings, prune=True))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(report.made) for report in reports) == [0, 0, 1]
    assert sum(report.removed for report in reports) == 20


def test_a_backup_of_a_pruned_ledger_holds_every_dbom(settings, record, tmp_path, assert_whole):
    _, files = record("b-1", "b-2")
    archive_dboms(settings, prune=True)
    report = backup(settings)
    target = tmp_path / "restored"
    restore(report.path, target)
    restored = type(settings)(data_dir=target)
    assert folder(restored) == files
    assert set(assert_whole(restored)) == {"b-1", "b-2"}


def test_archives_may_be_taken_away_whole(settings, record):
    _, files = record("b-1", "b-2")
    archive_dboms(settings, prune=True)
    shutil.rmtree(archives_directory(settings))
    with contextlib.suppress(FileNotFoundError):
        record()
    assert folder(settings) == files


def test_files_go_only_while_the_ledgers_lock_is_held(settings, record, monkeypatch):
    """A recovery beside it would else take a file that goes while it looks for torn ones for torn."""
    record(*(f"b-{number}" for number in range(7)))
    monkeypatch.setattr(pruning, "GROUP", 3)
    seen = []

    real = Path.unlink

    def unlink(path, **more):
        if path.parent == settings.dboms:
            seen.append(path.name)
            with pytest.raises(StorageError), FileLock(settings.data_dir / LOCK_NAME, timeout_s=0.01).held():
                pass
        real(path, **more)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert archive_dboms(settings, prune=True).removed == 7
    assert len(seen) == 7
    with FileLock(settings.data_dir / LOCK_NAME, timeout_s=0.01).held():
        pass


def test_the_dbom_of_a_pruned_battle_is_generated_as_before(settings, make_result):
    with GreenAgent(settings=settings) as agent:
        agent.submit_result(make_result("b-1"))
        before = agent.generate_dbom(make_result("b-1"))
    archive_dboms(settings, prune=True)
    assert not (settings.dboms / "dbom_b-1.json").exists()
    with GreenAgent(settings=settings) as agent:
        assert agent.generate_dbom(make_result("b-1")) == before
