"""A full disk, a limit on files, a read-only directory: told as an error, and nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from green_logic.errors import StorageError
from green_logic.ledger.database import Ledger
from green_logic.ledger.reading import read_state
from green_logic.proof.keys import key_path
from green_logic.settings import Settings

OPEN_AND_SUBMIT = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import result_of
from pathlib import Path
from green_logic.errors import StorageError
from green_logic.ledger.database import Ledger
from green_logic.ledger.reading import read_state
from green_logic.proof.keys import load_signing_key
from green_logic.settings import Settings
settings = Settings(data_dir=Path(sys.argv[2]))
try:
    Ledger.open(settings, load_signing_key(Settings(signing_key=sys.argv[3])))
except StorageError as error:
    print(error.hint)
print(read_state(settings)["battles"])
"""


def in_private_mounts(mount, command):
    """The shell command that runs `command` after `mount`, seen by nobody else; skips where that is not permitted."""
    script = f"{mount} && exec {shlex.join(map(str, command))}"
    trial = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, text=True, check=False)
    if trial.returncode != 0:
        pytest.skip(f"mounts of one's own are not permitted here: {trial.stderr.strip()}")
    return ["unshare", "-rm", "sh", "-c", script]


def run_exhaust(how, data_dir, mount=""):
    script = Path(__file__).with_name("exhaust.py")
    command = [sys.executable, script, data_dir, key_path(Settings()), how]
    if mount:
        command = in_private_mounts(mount, command)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_nothing_lost(told, why):
    assert len(told["hints"]) == 3
    assert why in told["hints"][0]
    assert told["rows"] == told["acknowledged"]
    assert len(told["rows"]) == 160


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("room", [0, 40_000, 200_000, 1_000_000, 2_000_000])
def test_a_full_disk_loses_nothing_and_the_same_call_succeeds_once_there_is_room(tmp_path, room):
    disk = tmp_path / "disk"
    disk.mkdir()
    check_nothing_lost(run_exhaust(room, disk / "data", f"mount -t tmpfs -o size=16m none {disk}"), "free space")


@pytest.mark.usefixtures("key")
def test_a_limit_on_file_sizes_loses_nothing(settings):
    check_nothing_lost(run_exhaust("file-size", settings.data_dir), "run the same command again")


def test_a_read_only_directory_is_an_error_for_writers_and_none_for_readers(settings, key, make_sealed):
    with Ledger.open(settings, key) as ledger:
        ledger.submit_one(make_sealed("b-1"))
    data = settings.data_dir
    command = [sys.executable, "-c", OPEN_AND_SUBMIT, Path(__file__).parents[1], data, key_path(Settings())]
    mount = f"mount --bind {data} {data} && mount -o remount,bind,ro {data}"
    done = subprocess.run(in_private_mounts(mount, command), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["the file system is read-only: choose another --data-dir", "1"]


def test_a_directory_without_write_permission_is_an_error_for_writers_and_none_for_readers(settings, key, make_sealed):
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    with Ledger.open(settings, key) as ledger:
        ledger.submit_one(make_sealed("b-1"))
    for path in (settings.data_dir, settings.database, *settings.data_dir.glob(".*.lock")):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        with pytest.raises(StorageError) as caught:
            Ledger.open(settings, key)
        assert "permission" in caught.value.hint
        assert read_state(settings)["battles"] == 1
    finally:
        settings.data_dir.chmod(0o755)


def test_a_data_directory_that_cannot_be_made_is_an_error(tmp_path, key):
    (tmp_path / "file").write_bytes(b"mine")
    for path in (tmp_path / "file", tmp_path / "file" / "data", Path("/proc/green-logic")):
        with pytest.raises(StorageError):
            Ledger.open(Settings(data_dir=path), key)
    assert (tmp_path / "file").read_bytes() == b"mine"
