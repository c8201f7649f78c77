"""Many processes write one ledger: none fails, none starves, and one battle stays one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from green_logic.proof.keys import key_path
from green_logic.settings import Settings


@pytest.fixture
def write_together(settings, key):
    """Runs writers and gives what each of them did."""

    def run(what, processes, seconds=0.0):
        script = str(Path(__file__).with_name("writers.py"))
        command = [sys.executable, script, settings.data_dir, key_path(Settings()), what, str(seconds), str(processes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        writers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(writers) == processes
        assert [writer["error"] for writer in writers if "error" in writer] == []
        return writers

    return run


def test_four_writers_at_once_all_get_their_share(settings, write_together, assert_whole):
    writers = write_together("share", 4, seconds=3.0)
    counts = [writer["count"] for writer in writers]
    assert len(assert_whole(settings)) == sum(counts)
    assert min(counts) * 10 >= max(counts), writers  # 1 : 2 on a busy machine, 1 : 926 without the lock


def test_sixteen_writers_of_one_battle_make_one_row(settings, write_together, assert_whole):
    writers = write_together("same", 16)
    assert Counter(writer["status"] for writer in writers) == {"recorded": 1, "already_recorded": 15}
    assert len({writer["h_delta"] for writer in writers}) == 1
    assert list(assert_whole(settings)) == ["one"]


def test_sixteen_truths_for_one_battle_leave_the_first(settings, write_together, assert_whole):
    writers = write_together("different", 16)
    assert Counter(writer["status"] for writer in writers) == {"recorded": 1, "conflict": 15}
    (first,) = [writer["own"] for writer in writers if writer["status"] == "recorded"]
    assert {writer["h_delta"] for writer in writers} == {first}
    assert list(assert_whole(settings)) == ["one"]
