"""The job that a sandbox runs before any other: it tries each wall and is believed only when all of them stand."""

from __future__ import annotations

from green_logic.evaluation.testrun import Limits, TestRun

PROBE_LIMITS = Limits(wall_s=60.0)  # the first job on a cold machine
PROBE_SOURCE = "LIMIT = 1"
PROBE_TESTS = """
import os, socket
import pytest

def test_runs():
    assert LIMIT == 1

def test_host_files_are_hidden():
    for path in ("/etc/passwd", "/etc/shadow", "/root", "/home", "/proc/1/environ", "/sys/kernel"):
        with pytest.raises(OSError):
            os.close(os.open(path, os.O_RDONLY))

def test_host_files_cannot_be_written():
    for path in ("/x", "/usr/x", os.path.dirname(os.__file__) + "/x.py"):
        with pytest.raises(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT))

def test_network_is_refused():
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with pytest.raises(OSError):
                socket.socket(family, kind)

def test_other_processes_are_out_of_reach():
    if os.getppid():
        with pytest.raises(OSError):
            os.kill(os.getppid(), 0)

def test_privileges_are_gone():
    with pytest.raises(OSError):
        os.setgroups([])
"""


def find_breach(run: TestRun, *, walls: bool) -> str:
    """What is wrong with a sandbox whose probe ended as `run`; empty if nothing. `walls`: more than running counts."""
    if run.ended != "finished":
        return f"{run.ended}: {run.detail}"
    expected = {line[4:-3] for line in PROBE_TESTS.splitlines() if line.startswith("def ")} if walls else {"test_runs"}
    passed = {outcome.name for outcome in run.outcomes if outcome.outcome == "passed"}
    messages = {outcome.name: outcome.message for outcome in run.outcomes}
    return ", ".join(f"{name}: {messages.get(name, 'missing')}" for name in sorted(expected - passed))
