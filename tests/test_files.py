"""Files appear whole or not at all; locks exclude, wait in turn, and end with their holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from green_logic import files
from green_logic.errors import StorageError
from green_logic.files import (
    SYNCFS_FROM,
    FileLock,
    Presence,
    make_directory,
    rename_new,
    storage_errors,
    write_file,
    write_new_files,
)

HOLDER = """
import sys, time
from pathlib import Path
from green_logic.files import FileLock
with FileLock(Path(sys.argv[1]), timeout_s=30).held():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path / "lock"`."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def listing(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def test_a_written_file_replaces_the_one_before_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_file(path, b"one")
    write_file(path, b"two")
    assert listing(tmp_path) == {"a.json": b"two"}


def test_the_old_file_stays_when_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_file(path, b"one")
    monkeypatch.setattr(os, "fsync", _fail)
    with pytest.raises(OSError, match="injected"):
        write_file(path, b"two")
    assert listing(tmp_path) == {"a.json": b"one"}


def test_a_private_file_is_never_readable_by_others(tmp_path):
    before = os.umask(0)
    try:
        write_file(tmp_path / "key", b"secret", mode=0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("count", [1, SYNCFS_FROM - 1, SYNCFS_FROM, SYNCFS_FROM * 3])
@pytest.mark.parametrize("group_sync", ["auto", "fsync"])
def test_a_group_of_files_arrives_whole(tmp_path, count, group_sync):
    wanted = {f"f{number}": bytes([number % 256]) * 3000 for number in range(count)}
    write_new_files(tmp_path, wanted, group_sync=group_sync)
    assert listing(tmp_path) == wanted


def test_a_name_that_exists_is_refused_and_keeps_its_bytes(tmp_path):
    (tmp_path / "b").write_bytes(b"first")
    with pytest.raises(FileExistsError):
        write_new_files(tmp_path, {"a": b"1", "b": b"2", "c": b"3"})
    assert listing(tmp_path) == {"a": b"1", "b": b"first"}


def test_a_name_that_exists_is_refused_without_hard_links_too(tmp_path, monkeypatch):
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")
    monkeypatch.setattr(os, "link", _no_links)
    with pytest.raises(FileExistsError):
        rename_new(tmp_path / "new", tmp_path / "old")
    rename_new(tmp_path / "new", tmp_path / "free")
    assert listing(tmp_path) == {"old": b"old", "free": b"new"}


def test_a_leftover_that_shares_its_inode_with_a_final_file_is_not_truncated(tmp_path):
    # what a kill between link and unlink leaves
    write_new_files(tmp_path, {"a": b"first"})
    os.link(tmp_path / "a", tmp_path / ".tmp-a")
    (tmp_path / "a").rename(tmp_path / "kept")
    write_new_files(tmp_path, {"a": b"second"})
    assert listing(tmp_path) == {"kept": b"first", "a": b"second"}


def test_a_planted_link_is_not_written_through(tmp_path):
    (tmp_path / "victim").write_bytes(b"safe")
    (tmp_path / ".tmp-a").symlink_to(tmp_path / "victim")
    write_file(tmp_path / "a", b"data")
    assert listing(tmp_path) == {"victim": b"safe", "a": b"data"}
    assert not (tmp_path / "a").is_symlink()


def test_no_temporary_file_stays_after_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_sync_file_system", _fail)
    with pytest.raises(OSError, match="injected"):
        write_new_files(tmp_path, {f"f{number}": b"x" for number in range(SYNCFS_FROM)})
    assert listing(tmp_path) == {}


def test_directories_are_made_with_their_parents_twice(tmp_path):
    make_directory(tmp_path / "a" / "b" / "c")
    make_directory(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


@pytest.mark.parametrize("below", ["file", "file/below"])
def test_a_file_in_the_place_of_a_directory_is_an_error_and_stays(tmp_path, below):
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(StorageError), storage_errors("cannot make it"):
        make_directory(tmp_path / below / "deeper")
    assert listing(tmp_path) == {"file": b"mine"}


def test_a_storage_error_names_what_failed_and_the_next_step(tmp_path):
    with (
        pytest.raises(StorageError, match=r"cannot read it: No such file.*missing") as caught,
        storage_errors("cannot read it"),
    ):
        (tmp_path / "missing").read_bytes()
    assert "run the same command again" in caught.value.hint


def test_two_holders_in_one_process_exclude_each_other(tmp_path):
    lock, other = FileLock(tmp_path / "lock", timeout_s=30), FileLock(tmp_path / "lock", timeout_s=0.05)
    with lock.held(), pytest.raises(StorageError, match="another process has held this lock"), other.held():
        pytest.fail("held twice")
    with other.held():
        pass


def test_a_lock_that_another_process_holds_is_refused_in_time(tmp_path, holder):
    started = time.monotonic()
    with pytest.raises(StorageError) as caught, FileLock(tmp_path / "lock", timeout_s=0.2).held():
        pytest.fail("held twice")
    assert time.monotonic() - started >= 0.2
    assert holder.poll() is None
    assert "nothing was lost" in caught.value.hint


def test_a_lock_ends_with_its_killed_holder(tmp_path, holder):
    threading.Timer(0.2, holder.kill).start()
    with FileLock(tmp_path / "lock", timeout_s=60).held():
        assert holder.wait(30) == -signal.SIGKILL


def test_a_waiter_that_gave_up_does_not_keep_the_lock(tmp_path, holder):
    lock = FileLock(tmp_path / "lock", timeout_s=0.05)
    for _ in range(3):
        with pytest.raises(StorageError), lock.held():
            pytest.fail("held twice")
    holder.kill()
    holder.wait()
    with FileLock(tmp_path / "lock", timeout_s=30).held():
        pass


def test_an_interrupted_waiter_does_not_keep_the_lock(tmp_path, holder):
    lock = FileLock(tmp_path / "lock", timeout_s=60)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt), lock.held():
        pytest.fail("held twice")
    holder.kill()
    holder.wait()
    with FileLock(tmp_path / "lock", timeout_s=30).held():
        pass


def test_presence_is_alone_only_when_nobody_else_is_there(tmp_path):
    first = Presence(tmp_path / "present")
    first.share()
    second = Presence(tmp_path / "present")
    second.share()
    assert (first.alone, second.alone) == (True, False)
    first.close()
    second.close()
    third = Presence(tmp_path / "present")
    assert third.alone
    third.close()


def _fail(*_):
    raise OSError(5, "injected")


def _no_links(*_):
    raise OSError(1, "no hard links here")
