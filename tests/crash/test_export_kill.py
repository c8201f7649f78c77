"""Exports, rebuilds and compactions killed at any moment: every id stays in one place, and the next run completes."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.publish.compact import compact_exports
from green_logic.publish.export import export_battles
from green_logic.publish.manifest import DATA_PATH, Catalog, parse_manifest, read_catalog
from green_logic.publish.parquet import check_file
from green_logic.publish.published import published_files
from green_logic.publish.store import LocalStore
from green_logic.settings import Settings

KILLS = int(os.environ.get("GREEN_LOGIC_TEST_KILLS", "6"))
PER_CALL = 1000 if os.environ.get("GREEN_LOGIC_TEST_EVERY_CALL") else 2
# rows to export, files to merge, then everything anew; and a first export
AGAIN, FIRST = ("export", "compact", "rebuild"), ("export",)
CALLS = [("link", AGAIN), ("unlink", AGAIN), ("fsync", AGAIN), ("rename", FIRST), ("mkdir", FIRST)]
CALLS += [("openat", AGAIN), ("write", AGAIN)] if PER_CALL > 2 else []
# imports first, so that the moments fall into the work; says when it begins, and when it is done
DRIVER = """
import sys
from pathlib import Path
from green_logic.publish.compact import compact_exports
from green_logic.publish.export import export_battles
from green_logic.settings import Settings
settings = Settings(data_dir=Path(sys.argv[1]))
print("ready", flush=True)
for work in sys.argv[2:]:
    compact_exports(settings) if work == "compact" else export_battles(settings, rebuild=work == "rebuild")
print("done", flush=True)
"""


def record(settings, key, make_result, numbers):
    with Ledger.open(settings, key) as ledger:
        ledger.submit(
            [
                seal_result(
                    make_result(f"b-{number:05d}", seed=number % 3, log="x" * 2000),
                    key=key,
                    origin=ledger.origin,
                    timestamp=f"2026-{1 + number % 2:02d}-01T00:00:00.{number:06d}Z",
                )
                for number in numbers
            ]
        )


def run_and_kill(settings, work, *, after_s=None, strace=()):
    """Whether the kill came before the work was done."""
    command = [*strace, sys.executable, "-c", DRIVER, str(settings.data_dir), *work]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "ready\n" or strace
        if after_s is not None:
            time.sleep(after_s)
            process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    killed = "done" not in rest
    assert not killed or process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    return killed


def catalog_of(settings) -> Catalog:
    return read_catalog(LocalStore(settings.data_dir / "exports" / "battles"))


def check_published(settings) -> list[int]:
    """The published ids, after every file that counts was read whole."""
    root = settings.data_dir / "exports" / "battles" / "v1"
    ids: list[int] = []
    for manifest in catalog_of(settings).live:
        for file in manifest.files:
            path = root / file.path
            check_file(path, file.path, first=file.first, last=file.last, rows=file.rows, sha256=file.sha256)
            import pyarrow.parquet as pq

            ids += pq.ParquetFile(path).read(columns=["id"])["id"].to_pylist()
    return sorted(ids)


def check_completed(settings, rows):
    """The next run publishes the rest and leaves nothing that does not count."""
    before = check_published(settings)
    assert before == list(range(1, len(before) + 1)), "each id once, without a gap"
    report = export_battles(settings)
    assert report.rows == rows - len(before)
    assert check_published(settings) == list(range(1, rows + 1))
    root = settings.data_dir / "exports" / "battles"
    named = set(published_files(settings))
    assert set(root.rglob("*.parquet")) == named
    assert all(DATA_PATH.fullmatch(path.relative_to(root / "v1").as_posix()) for path in named)
    manifests = root / "v1" / "_manifests"
    found = {path.name for path in manifests.iterdir()}
    assert found == {manifest.name for manifest in catalog_of(settings).live}
    for name in found:
        parse_manifest((manifests / name).read_bytes(), name)


def test_kills_at_random_moments_leave_every_id_in_one_place(settings, key, make_result):
    source = random.Random()
    works = itertools.cycle((["export"], ["export", "compact"], ["rebuild"], ["compact", "export"]))
    rows = killed = 0
    for _ in range(KILLS):
        record(settings, key, make_result, range(rows, rows + 40))
        rows += 40
        work = next(works)
        killed += run_and_kill(settings, work, after_s=source.uniform(0.0, 0.5))
        check_completed(settings, rows)
    assert killed, "no kill came in time"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(("name", "work"), CALLS, ids=[name for name, _ in CALLS])
def test_a_kill_at_any_call_leaves_every_id_in_one_place(tmp_path: Path, key, make_result, name, work):
    template = Settings(data_dir=tmp_path / "template")
    for start in (0, 4, 8):
        record(template, key, make_result, range(start, start + 4))
        if start < 8 and work == AGAIN:
            export_battles(template)
    total = count_calls(copy(template, tmp_path / "counted"), work, name)
    assert total
    for number in choose(total):
        settings = copy(template, tmp_path / f"{name}-{number}")
        strace = ["strace", "-o", os.devnull, "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]
        assert run_and_kill(settings, work, strace=strace), (name, number)
        check_completed(settings, 12)
        shutil.rmtree(settings.data_dir)


def count_calls(settings, work, name) -> int:
    log = settings.data_dir.with_suffix(".strace")
    assert not run_and_kill(settings, work, strace=["strace", "-o", str(log), "-e", f"trace={name}"])
    return sum(line.startswith(f"{name}(") for line in log.read_text().splitlines())


def choose(total: int) -> list[int]:
    """The last calls are those of the work; the first ones of an interpreter's start are of no interest."""
    numbers = range(max(1, total - 60), total + 1)
    return list(numbers) if len(numbers) <= PER_CALL else random.sample(numbers, PER_CALL)


def copy(template: Settings, target: Path) -> Settings:
    shutil.copytree(template.data_dir, target)
    return Settings(data_dir=target)


def test_a_killed_compaction_is_taken_up_again(settings, key, make_result):
    for start in (0, 4, 8):
        record(settings, key, make_result, range(start, start + 4))
        export_battles(settings)
    run_and_kill(settings, ["compact"], after_s=0.02)
    compact_exports(settings)
    assert len(published_files(settings)) == 2  # one a month
    check_completed(settings, 12)


def test_a_killed_reading_process_publishes_nothing_and_says_so(settings, key, make_result, monkeypatch, tmp_path):
    record(settings, key, make_result, range(8))
    # an interpreter that dies like a killed one, in the place of the reading process
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nkill -9 $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    from green_logic.errors import RetryableError

    with pytest.raises(RetryableError, match="ended with -9"):
        export_battles(settings)
    monkeypatch.undo()
    assert published_files(settings) == []
    check_completed(settings, 8)
