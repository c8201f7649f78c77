"""A disk without room: a clear error, nothing half to be seen, and the next run completes. On a small tmpfs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from export_samples import judged, make_key, record

from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.publish.archive import archive_dboms
from green_logic.publish.backup import backup
from green_logic.publish.export import export_battles
from green_logic.settings import Settings

CASES = [
    (work, room)
    for work, rooms in {
        "export": (0, 40_000, 400_000),
        "compact": (0, 40_000),
        "archive": (0, 20_000, 60_000),
        "backup": (0, 400_000, 2_500_000),
        "restore": (0, 200_000, 400_000),
    }.items()
    for room in rooms
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A ledger that was published twice, with 2 MB recorded since that do not compress."""
    root = tmp_path_factory.mktemp("full")
    settings = Settings(data_dir=root / "data")
    key = make_key(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(root))
        for start in (0, 4):
            with Ledger.open(settings, key) as ledger:
                results = [{**judged(start + one), "log": os.urandom(30_000).hex()} for one in range(4)]
                ledger.submit([seal_result(result, key=key, origin=ledger.origin) for result in results])
            export_battles(settings)
        archive_dboms(settings)
        backup(settings)
        with Ledger.open(settings, key) as ledger:
            results = [{**judged(8 + one), "log": os.urandom(30_000).hex()} for one in range(25)]
            ledger.submit([seal_result(result, key=key, origin=ledger.origin) for result in results])
        record(settings, key, range(40, 200))
    return settings


def assert_told(hint: str, disk: Path, room: int) -> None:
    """What is free is that of the small disk, what is needed is more, where the work had begun to look."""
    found = re.match(r"in (\S+) (?:up to (\S+) MB are needed, )?(\S+) MB were free: ", hint)
    assert found, hint
    assert found[1].startswith(str(disk))
    assert float(found[3]) == pytest.approx(room / 1e6, abs=0.15)
    # SQLite tells a reader that finds no room for its WAL index only of an I/O error, before anything is known
    assert found[2] is None or float(found[2]) > float(found[3])
    assert found[2] is not None or room <= 20_000


def run_on(disk: Path, template: Settings, work: str, room: int) -> dict[str, Any]:
    """What was to be seen of a work on a small disk of its own."""
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=64m none {disk}"
    trial = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, text=True, check=False)
    if trial.returncode != 0:
        pytest.skip(f"mounts of one's own are not permitted here: {trial.stderr.strip()}")
    driver = Path(__file__).with_name("full_disk.py")
    command = shlex.join([sys.executable, str(driver), str(template.data_dir), str(disk), work, str(room)])
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && exec {command}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(("work", "room"), CASES, ids=str)
def test_on_a_full_disk_nothing_half_is_to_be_seen_and_the_next_run_completes(
    template: Settings, tmp_path: Path, work: str, room: int
) -> None:
    disk = tmp_path / "disk"
    told = run_on(disk, template, work, room)
    assert told["code"] == "storage", told
    assert "free space" in told["hint"], told
    assert_told(told["hint"], disk, room)
    assert told["left"] == told["before"], "nothing is to be seen, and nothing is gone"
    assert told["clean"] == told["clean after"] == []
    assert told["after"] != told["before"]
    assert set(told["others"]) <= {"data", "restored"}


def test_pruning_gives_an_archive_the_room_that_it_lacks(template: Settings, tmp_path: Path) -> None:
    assert run_on(tmp_path / "disk", template, "archive", 60_000)["code"] == "storage"
    told = run_on(tmp_path / "other", template, "prune", 60_000)
    assert "code" not in told, told
    assert len(told["left"]["archives"]) == 2
    assert told["left"]["dboms"] == []
    assert told["clean"] == told["clean after"] == []


def test_a_backup_without_room_removes_none_and_says_which_may_go(template: Settings, tmp_path: Path) -> None:
    told = run_on(tmp_path / "disk", template, "keep", 400_000)
    assert told["left"] == told["before"]
    assert "--dry-run names what would be removed" in told["hint"]
    assert len(told["after"]["backups"]) == 1
    assert told["after"]["backups"] != told["before"]["backups"]
    assert "--dry-run" not in run_on(tmp_path / "other", template, "backup", 400_000)["hint"]
