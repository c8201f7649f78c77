"""Killed at any moment of archiving, pruning, backing up or restoring: nothing is lost, and the next run completes.

Each kill hits a forked process: at random moments, and right before a random one of its calls that change the disk.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
import traceback
import warnings

import pytest

from green_logic.errors import ConfigurationError
from green_logic.ledger.database import Ledger
from green_logic.publish import archive_files
from green_logic.publish.archive import archive_dboms, read_archived_dbom
from green_logic.publish.archive_check import check_archive
from green_logic.publish.archive_files import archives_directory, find_archives
from green_logic.publish.backup import backup, find_backups
from green_logic.publish.restore import drill, restore
from green_logic.settings import Settings

KILLS = int(os.environ.get("GREEN_LOGIC_TEST_KILLS", "6"))
BATTLES = 60
CALLS = ("open", "write", "fsync", "link", "rename", "replace", "unlink", "mkdir", "rmdir")
NAMES = [f"b-{number}" for number in range(BATTLES)]


@pytest.fixture
def base(tmp_path, key, make_sealed, monkeypatch):
    """A ledger, and its DBOM files. Archives of 25 leaves each, so that one run makes three."""
    monkeypatch.setattr(archive_files, "MAX_LEAVES", 25)
    settings = Settings(data_dir=tmp_path / "base")
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed(name, origin=ledger.origin, seed=1 + len(name)) for name in NAMES])
    return settings, {path.name: path.read_bytes() for path in settings.dboms.iterdir()}


def run_killed(action, *, before_call=None, after_s=None):
    """Run `action` in a process of its own and kill it; whether it was still at work."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
        child = os.fork()
    if child == 0:
        code = 3
        try:
            _die_before(before_call)
            action()
            code = 0
        except BaseException:  # noqa: BLE001  whatever it was, this process must not go on as a test run
            traceback.print_exc()
        finally:
            os._exit(code)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _die_before(number):
    """Make the `number`-th call that changes the disk the last thing this process begins; None lets it live."""
    left = [number]

    def counted(call):
        def instead(*arguments, **more):
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **more)

        return instead

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def turns(make_action, reset):
    """One kill after the other, each on a fresh copy; yields what was copied."""
    source = random.Random()
    started = time.monotonic()
    place = reset("whole")
    assert not run_killed(make_action(place))
    whole_s = time.monotonic() - started
    yield place
    calls = _count_calls(make_action(reset("counted")))
    for turn in range(KILLS):
        place = reset(f"moment-{turn}")
        run_killed(make_action(place), after_s=source.uniform(0, whole_s))
        yield place
    for number in source.sample(range(calls), min(KILLS, calls)):
        place = reset(f"call-{number}")
        assert run_killed(make_action(place), before_call=number), number
        yield place


def _count_calls(action):
    reader, writer = os.pipe()

    def counting():
        made = [0]
        for name in CALLS:
            call = getattr(os, name)

            def instead(*arguments, call=call, **more):
                made[0] += 1
                return call(*arguments, **more)

            setattr(os, name, instead)
        action()
        total = made[0]
        os.write(writer, str(total).encode())

    run_killed(counting)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        return int(pipe.read())


def copier(settings, tmp_path):
    def reset(name):
        shutil.copytree(settings.data_dir, tmp_path / name)
        return Settings(data_dir=tmp_path / name)

    return reset


def assert_each_leaf_once(settings, *, complete):
    archives = find_archives(archives_directory(settings))
    leaves = [leaf for one in archives for leaf in range(one.first_leaf, one.last_leaf + 1)]
    assert leaves == sorted(set(leaves))
    for one in archives:
        assert check_archive(one.pack) == []
    if complete:
        assert leaves == list(range(BATTLES))
        names = {path.name for path in archives_directory(settings).iterdir()} - {".archive.lock"}
        assert names <= {getattr(one, part).name for one in archives for part in ("pack", "manifest", "mark")}


def test_a_killed_archive_run_leaves_each_leaf_at_most_once_and_the_next_completes(base, tmp_path):
    settings, files = base
    good = None
    for place in turns(lambda place: lambda: archive_dboms(place), copier(settings, tmp_path)):
        assert_each_leaf_once(place, complete=False)
        assert {path.name: path.read_bytes() for path in place.dboms.iterdir()} == files
        archive_dboms(place)
        assert_each_leaf_once(place, complete=True)
        made = {path.name: path.read_bytes() for path in archives_directory(place).iterdir()}
        good = good or made
        assert made == good, "the same bytes, however often it was cut short"
        shutil.rmtree(place.data_dir)


def test_a_killed_prune_loses_no_dbom_and_the_next_completes(base, tmp_path, key):
    settings, files = base
    archive_dboms(settings)
    for place in turns(lambda place: lambda: archive_dboms(place, prune=True), copier(settings, tmp_path)):
        left = {path.name: path.read_bytes() for path in place.dboms.iterdir()}
        assert left.items() <= files.items()
        archived = {f"dbom_{name}.json": read_archived_dbom(place, name) for name in NAMES}
        assert archived == files
        Ledger.open(place, key).close()
        assert {path.name for path in place.dboms.iterdir()} == left.keys(), (
            "what is pruned stays so, the rest is there"
        )
        archive_dboms(place, prune=True)
        assert list(place.dboms.iterdir()) == []
        assert_each_leaf_once(place, complete=True)
        shutil.rmtree(place.data_dir)


def test_a_killed_backup_is_no_backup_and_the_next_completes(base, tmp_path):
    settings, files = base
    backup(settings)
    for place in turns(lambda place: lambda: backup(place, keep="1d"), copier(settings, tmp_path)):
        root = place.data_dir / "backups"
        assert find_backups(root), "the one before, or the new one"
        for path in find_backups(root):
            assert drill(path, tmp_path).ledger_size == BATTLES
        report = backup(place, keep="1d")
        assert {path.name for path in root.iterdir()} == {".backup.lock", report.path.name}
        assert {path.name: path.read_bytes() for path in place.dboms.iterdir()} == files
        shutil.rmtree(place.data_dir)


def test_a_killed_restore_leaves_no_target_or_a_whole_one(base, tmp_path, assert_whole):
    settings, _ = base
    saved = backup(settings).path
    rows = assert_whole(settings)

    def reset(name):
        (tmp_path / name).mkdir()
        return Settings(data_dir=tmp_path / name / "restored")

    for place in turns(lambda place: lambda: restore(saved, place.data_dir), reset):
        if place.data_dir.exists():
            with pytest.raises(ConfigurationError):
                restore(saved, place.data_dir)
        else:
            restore(saved, place.data_dir)
        assert [path.name for path in place.data_dir.parent.iterdir()] == ["restored"]
        assert assert_whole(place) == rows
        shutil.rmtree(place.data_dir.parent)
