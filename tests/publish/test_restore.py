"""Restoring: whole or not at all, never over anything, and the ledger goes on."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from green_logic.audit.backups import audit_backup
from green_logic.audit.ledger import audit_ledger
from green_logic.cli import main
from green_logic.errors import ConfigurationError, ConflictError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.publish import restore as restore_module
from green_logic.publish.backup import backup, find_backups
from green_logic.publish.inventory import inventory_bytes
from green_logic.publish.restore import drill, restore
from green_logic.settings import Settings


@pytest.fixture
def saved(settings, key, make_sealed):
    """A backup of three battles."""
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed(one, origin=ledger.origin) for one in ("b-1", "b-2", "b-3")])
    return backup(settings).path


def tree(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


def test_a_restored_ledger_opens_and_goes_on(  # noqa: PLR0917  fixtures
    saved, settings, tmp_path, key, make_sealed, assert_whole
):
    target = tmp_path / "deep" / "restored"
    report = restore(saved, target)
    assert (report.ledger_size, report.path) == (3, target)
    restored = Settings(data_dir=target)
    before = assert_whole(restored)
    assert before == assert_whole(settings)
    with Ledger.open(restored, key) as ledger:
        assert ledger.recovery.rebuilt == ledger.recovery.set_aside == 0
        assert ledger.submit_one(make_sealed("b-1", origin=ledger.origin)).status == "already_recorded"
        with pytest.raises(ConflictError):
            ledger.submit_one(make_sealed("b-2", origin=ledger.origin, score=0.9))
        ledger.submit_one(make_sealed("b-4", origin=ledger.origin))
    assert assert_whole(restored).keys() == before.keys() | {"b-4"}


def test_a_backup_that_is_not_there_is_told_apart_from_a_damaged_one(tmp_path):
    (tmp_path / "file").write_text("no directory")
    for name in ("nowhere", "file"):
        for action in (lambda path: restore(path, tmp_path / "restored"), lambda path: drill(path, tmp_path)):
            with pytest.raises(ConfigurationError, match="no such backup"):
                action(tmp_path / name)
    assert not (tmp_path / "restored").exists()


def test_the_directory_above_backups_is_none_and_leads_to_the_newest(saved, settings, tmp_path, capsys):
    newest = backup(settings).path
    target = tmp_path / "new"
    for words in ([], ["--dry-run"]):
        assert main(["restore", str(saved.parent), "-C", str(target), *words]) == 2
        assert f"with 2 of them\n  the newest is {newest}\n" in capsys.readouterr().err
    assert not target.exists()


def test_it_leaves_nothing_beside_the_target(saved, tmp_path):
    (tmp_path / "place").mkdir()
    restore(saved, tmp_path / "place" / "restored")
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["restored"]
    assert sorted(path.name for path in (tmp_path / "place" / "restored").iterdir()) == [
        "battles.db",
        "dboms",
        "judge.pub",
    ]


def test_an_empty_directory_may_be_the_target(saved, tmp_path):
    target = tmp_path / "empty"
    target.mkdir()
    assert restore(saved, target).ledger_size == 3


def test_a_directory_that_somebody_stands_in_is_filled_and_stays(saved, tmp_path, monkeypatch, assert_whole):
    target = tmp_path / "here"
    (target / "lost+found").mkdir(parents=True)  # as on a new disk
    left = target / ".tmp-restore-here"
    left.mkdir()  # by a restore that was killed
    monkeypatch.chdir(target)
    inode = target.stat().st_ino
    assert restore(saved, Path()).ledger_size == 3
    assert target.stat().st_ino == inode
    assert sorted(path.name for path in target.iterdir()) == ["battles.db", "dboms", "judge.pub", "lost+found"]
    assert_whole(Settings(data_dir=target))


def test_a_mount_point_may_be_the_target(saved, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    program = "import sys; from green_logic.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "restore", str(saved), "-C", str(disk)]
    script = f"mount -t tmpfs tmpfs {disk} && {shlex.join(command)} && ls {disk}"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-3:] == ["battles.db", "dboms", "judge.pub"]


def test_what_cannot_be_filled_to_the_end_is_left_as_it_was(saved, tmp_path, monkeypatch):
    target = tmp_path / "here"
    target.mkdir()
    monkeypatch.chdir(target)
    real = Path.rename

    def fail(path, to):
        if path.name == "battles.db" and Path(to).parent == target:
            raise OSError(errno.EIO, "the disk fails")
        return real(path, to)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StorageError):
        restore(saved, target)
    assert not list(target.iterdir())


def test_nothing_is_restored_into_the_backup_itself(saved):
    before = tree(saved)
    for target in (saved / "inner", saved / "deep" / "inner"):
        with pytest.raises(ConfigurationError, match="inside the backup"):
            restore(saved, target)
    assert tree(saved) == before


@pytest.mark.parametrize("kind", ["ledger", "file", "file inside", "hidden file", "symlink"])
def test_a_target_that_holds_something_is_refused_and_stays(saved, settings, tmp_path, kind):
    target = tmp_path / "target"
    if kind == "ledger":
        shutil.copytree(settings.data_dir, target)
    elif kind == "file":
        target.write_text("mine")
    elif kind == "symlink":
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target.mkdir()
        (target / (".hidden" if kind == "hidden file" else "file")).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(ConfigurationError, match="not empty"):
        restore(saved, target)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["battles.db", "judge.pub", "dboms-000000000000-000000000002.tar.gz", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "longer"])
def test_a_damaged_backup_is_refused_before_anything_is_written(saved, tmp_path, name, damage):
    path = saved / name
    good = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = len(good) // 2
        flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
        path.write_bytes({"flip": flipped, "cut": good[:-1], "longer": good + b"\n"}[damage])
    target = tmp_path / "place" / "restored"
    with pytest.raises(VerificationError):
        restore(saved, target)
    with pytest.raises(VerificationError):
        drill(saved, tmp_path)
    assert not target.parent.exists()


def rewrite(saved, **changes):
    manifest = json.loads((saved / "manifest.json").read_text())
    del manifest["digest"]
    (saved / "manifest.json").write_bytes(inventory_bytes({**manifest, **changes}))
    return manifest


@pytest.mark.parametrize(
    "changes",
    [
        {"ledger_size": 2},
        {"origin": "green-agent/other"},
        {"keyids": []},
        {"keyids": ["SHA256:x"]},
        {"files": {}},
        {"files": []},
        {"schema": "green-logic/backup/2"},
    ],
)
def test_a_manifest_that_tells_of_another_ledger_is_refused(saved, tmp_path, changes):
    rewrite(saved, **changes)
    with pytest.raises(VerificationError):
        restore(saved, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    assert list(tmp_path.glob(".tmp-*")) == []


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "dboms/x", ".tmp-x", "battles.db-wal"])
def test_a_manifest_with_another_files_name_is_refused(saved, tmp_path, name):
    files = json.loads((saved / "manifest.json").read_text())["files"]
    rewrite(saved, files={**files, name: files["judge.pub"]})
    with pytest.raises(VerificationError, match="no file of a backup"):
        restore(saved, tmp_path / "restored")


@pytest.mark.parametrize(
    "entry", [5, None, [], {}, {"sha256": "0" * 64}, {"sha256": 1, "size_bytes": 1}, {"sha256": "0", "size_bytes": "1"}]
)
def test_a_manifest_without_size_and_digest_of_a_file_is_refused_by_all_who_read_it(saved, settings, tmp_path, entry):
    files = json.loads((saved / "manifest.json").read_text())["files"]
    rewrite(saved, files={**files, "judge.pub": entry})
    before = tree(saved)
    with pytest.raises(VerificationError, match=r"judge\.pub has no size and digest"):
        restore(saved, tmp_path / "restored")
    assert dict(audit_backup(saved).tally.counts) == {"backup": 1}
    assert dict(audit_ledger(settings).tally.counts) == {"backup": 1}
    assert find_backups(saved.parent) == []
    assert tree(saved) == before
    assert not (tmp_path / "restored").exists()


def test_a_manifest_of_no_end_is_refused_without_being_read(saved, tmp_path):
    os.truncate(saved / "manifest.json", 1 << 40)
    with pytest.raises(VerificationError, match="expected at most"):
        restore(saved, tmp_path / "restored")


def test_a_member_that_would_leave_the_folder_is_refused(saved, tmp_path):
    import hashlib

    from green_logic.publish.pack import Pack, write_pack
    from green_logic.publish.tarblocks import Member

    path = saved / "dboms-000000000000-000000000002.tar.gz"
    with Pack(path) as pack:
        members = list(pack.members())
    with path.open("wb") as file:
        members.append(Member("dbom_../../../evil.json", b"{}", 0))
        write_pack(file, members, [member.name for member in members])
    files = json.loads((saved / "manifest.json").read_text())["files"]
    files[path.name] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size_bytes": path.stat().st_size}
    rewrite(saved, files=files)
    with pytest.raises(VerificationError, match="is no DBOM"):
        restore(saved, tmp_path / "restored")
    assert not (tmp_path / "evil.json").exists()


def test_a_full_disk_leaves_no_target_and_the_next_try_works(saved, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(restore_module, "write_new_files", fail)
        with pytest.raises(StorageError, match="No space left"):
            restore(saved, tmp_path / "place" / "restored")
    assert list((tmp_path / "place").iterdir()) == []
    assert restore(saved, tmp_path / "place" / "restored").ledger_size == 3


def test_what_a_killed_restore_left_is_cleared(saved, tmp_path):
    leftover = tmp_path / ".tmp-restore-restored"
    (leftover / "dboms").mkdir(parents=True)
    (leftover / "battles.db").write_bytes(b"half")
    assert restore(saved, tmp_path / "restored").ledger_size == 3
    assert not leftover.exists()


def test_two_restores_into_one_place_make_one_ledger(saved, tmp_path, assert_whole):
    outcomes = []

    def attempt():
        try:
            outcomes.append(restore(saved, tmp_path / "place" / "restored").ledger_size)
        except (StorageError, ConfigurationError):
            outcomes.append(None)

    threads = [threading.Thread(target=attempt) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(3) == 1
    assert len(assert_whole(Settings(data_dir=tmp_path / "place" / "restored"))) == 3


def test_a_drill_leaves_nothing_behind(saved, tmp_path):
    before = tree(tmp_path)
    assert drill(saved, tmp_path).ledger_size == 3
    assert tree(tmp_path) == before


def test_the_command_restores_or_drills(saved, tmp_path, capsys):
    import argparse

    from green_logic.commands import restore as command

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    target = Settings(data_dir=tmp_path / "restored")
    for words, made in (([str(saved), "--drill"], False), ([str(saved)], True)):
        options = parser.parse_args(words)
        options.json, options.quiet, options.data_dir = True, False, str(target.data_dir)
        assert command.run(options, target) == 0
        answer = json.loads(capsys.readouterr().out)
        assert (answer["ok"], answer["drill"], answer["ledger_size"]) == (True, not made, 3)
        assert target.data_dir.exists() is made
