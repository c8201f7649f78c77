"""Export, compact, archive, prune, backup and restore, killed: at random moments, and at their calls one by one.

A kill hits a forked process that has everything imported. After each the directory is checked as it is, then the next
run has to complete it, and the audit has to find nothing.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

import press
import pytest

from green_logic.errors import GreenLogicError, RetryableError
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.publish.export import export_battles
from green_logic.publish.published import published_files
from green_logic.settings import Settings

KILLS = int(os.environ.get("GREEN_LOGIC_TEST_KILLS", "7"))
EVERY_CALL = bool(os.environ.get("GREEN_LOGIC_TEST_EVERY_CALL"))
PER_WORK = 1  # call of each work that is hit in a short run
ROWS, MORE = 8, 4  # battles that are published before, and that come since
WORLD = 12  # kills that one directory sees before a new one begins
CHANGING = ("openat", "mkdir", "write", "pwrite64", "fsync", "fdatasync", "syncfs", "link", "rename", "unlink", "rmdir")
RANK = ("rename", "link", "unlink", "rmdir", "mkdir")  # where a wrong order shows soonest
# faults that a short run looks for
FAULTS = list(press.FAULTS) if EVERY_CALL else ["superseded manifests removed first", "a restore in place"]


def record(settings, key, make_result, numbers):
    with Ledger.open(settings, key) as ledger:
        ledger.submit(
            [
                seal_result(
                    make_result(f"b-{number:05d}", seed=number % 3),
                    key=key,
                    origin=ledger.origin,
                    timestamp=f"2026-{1 + number % 2:02d}-01T00:00:00.{number:06d}Z",
                )
                for number in numbers
            ]
        )


@pytest.fixture
def world(tmp_path, forge, make_result):
    """A function that makes a directory in which everything was published once, and more was recorded since."""

    def make(name: str) -> Settings:
        settings = Settings(data_dir=tmp_path / name / "data")
        for numbers in (range(ROWS // 2), range(ROWS // 2, ROWS)):
            record(settings, forge.key, make_result, numbers)
            press.work(settings, "export")
        for one in ("archive", "backup"):
            press.work(settings, one)
        record(settings, forge.key, make_result, range(ROWS, ROWS + MORE))
        return settings

    return make


def rows_of(settings):
    """battle_id → raw_result, in the order of the ledger."""
    with contextlib.closing(sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT battle_id, raw_result FROM battles ORDER BY id").fetchall()
    return {battle_id: raw.encode() for battle_id, raw in found}


def test_kills_at_random_moments_tear_nothing_and_the_next_run_completes(
    forge, world, make_result, assert_whole, tmp_path
):
    source = random.Random()
    lengths = dict.fromkeys(press.WORKS, 0.1)
    killed: Counter[str] = Counter()
    for turn in range(KILLS):
        if turn % WORLD == 0:
            shutil.rmtree(tmp_path / f"world-{turn - WORLD}", ignore_errors=True)
            settings = world(f"world-{turn}")
        else:
            start = ROWS + MORE * (turn % WORLD + 1)
            record(settings, forge.key, make_result, range(start - MORE, start))
        # in turn, each alone and before another one
        name = press.WORKS[turn % len(press.WORKS)]
        works = [name] if turn % 2 else [name, source.choice([one for one in press.WORKS if one != "restore"])]
        published, rows = len(press.exported_ids(settings)), rows_of(settings)
        shutil.rmtree(settings.data_dir.parent / press.TARGET, ignore_errors=True)
        started = time.monotonic()
        outcome = forge.publish(settings, works, kill_after_s=source.uniform(0.0, lengths[name]))
        assert outcome.killed or outcome.done, outcome
        killed[name] += outcome.killed
        # as long as it takes here and now, whatever else this machine does
        took = time.monotonic() - started if outcome.done else 1.3 * lengths[name]
        lengths[name] += (took - lengths[name]) / 3
        press.check_left(settings, rows, published)
        press.finish(settings, works, forge.key)
        press.check_finished(settings, rows, assert_whole)
    # few turns say little on a machine whose load changes
    assert sum(killed.values()) > (KILLS // 3 if KILLS > 50 else 0), "most kills came too late"
    forge.tell(f"{KILLS} kills at random moments, {sum(killed.values())} of them in time: {dict(killed)}")


def kill_at(name, number):
    return ["-o", os.devnull, "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]


def copier(template, tmp_path):
    def copy(name: str) -> Settings:
        shutil.copytree(template.data_dir.parent, tmp_path / name)
        return Settings(data_dir=tmp_path / name / "data")

    return copy


def calls_of(forge, settings, work, variant=""):
    """The calls that change something, of one whole run: (name, number)."""
    trace = settings.data_dir.parent.with_suffix(".trace")
    names = ",".join(f"?{name}" for name in CHANGING)
    outcome = forge.publish(settings, [work], variant=variant, strace=["-o", str(trace), "-e", f"trace={names}"])
    assert outcome.done, outcome
    seen: Counter[str] = Counter()
    calls = []
    for line in forge.read_trace(trace):
        if found := re.match(r"(\w+)\(", line):
            seen[found[1]] += 1
            if found[1] != "openat" or "O_CREAT" in line:  # the others only read
                calls.append((found[1], seen[found[1]]))
    return calls


def tree(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("work", press.WORKS)
def test_a_kill_at_any_call_tears_nothing_and_the_next_run_completes(forge, world, tmp_path, assert_whole, work):
    copy = copier(world("template"), tmp_path)
    whole = copy("whole")
    calls = calls_of(forge, whole, work)
    press.finish(whole, [], forge.key)
    chosen = calls if EVERY_CALL else random.sample(calls, min(PER_WORK, len(calls)))
    for name, number in chosen:
        settings = copy(f"{name}-{number}")
        rows = rows_of(settings)
        outcome = forge.publish(settings, [work], strace=kill_at(name, number))
        assert outcome.killed, (name, number, outcome)
        press.check_left(settings, rows, ROWS)
        press.finish(settings, [work], forge.key)
        press.check_finished(settings, rows, assert_whole)
        if work in {"archive", "prune"}:
            left, expected = tree(settings.data_dir / "archives"), tree(whole.data_dir / "archives")
            assert {one: left[one] for one in expected} == expected, "the same bytes, however often it was cut short"
        shutil.rmtree(settings.data_dir.parent)
    forge.tell(f"{work}: {len(chosen)} kills, one at a call each, of {dict(Counter(name for name, _ in calls))}")


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_kill_shows_a_publication_that_is_built_wrong(forge, world, tmp_path, assert_whole, fault):
    """The checks above are worth what they see: each of these faults must be seen by one of them."""
    work = press.FAULTS[fault][0]
    copy = copier(world("template"), tmp_path)
    calls = calls_of(forge, copy("counted"), work, variant=fault)
    points = sorted(calls, key=lambda one: (RANK.index(one[0]) if one[0] in RANK else len(RANK), -one[1]))
    for name, number in points:
        settings = copy(f"{name}-{number}")
        rows = rows_of(settings)
        assert forge.publish(settings, [work], variant=fault, strace=kill_at(name, number)).killed
        try:
            press.check_left(settings, rows, ROWS)
            press.finish(settings, [work], forge.key)
            press.check_finished(settings, rows, assert_whole)
        except (AssertionError, GreenLogicError, OSError):
            return
        shutil.rmtree(settings.data_dir.parent)
    pytest.fail(f"{len(points)} kills, and the checks saw nothing wrong with: {fault}")


def test_a_killed_reading_process_publishes_nothing_and_says_so(settings, forge, make_result, monkeypatch, tmp_path):
    record(settings, forge.key, make_result, range(8))
    # an interpreter that dies like a killed one, in the place of the reading process
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nkill -9 $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    with pytest.raises(RetryableError, match="ended with -9"):
        export_battles(settings)
    monkeypatch.undo()
    assert published_files(settings) == []
    export_battles(settings)
    assert press.exported_ids(settings) == list(range(1, 9))
