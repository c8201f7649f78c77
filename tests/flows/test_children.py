"""Children that are kept alive: they start again with growing pauses, end when asked or killed, and die with us."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import children
from flows.children import LONG_LIFE_S, LONGEST_PAUSE_S, Child, end_family, find_children, reap_orphans

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0
STUBBORN = (
    "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; print('up', flush=True); time.sleep(99)"
)


def python(code: str, log: Path | None = None, name: str = "child") -> Child:
    return Child(name, [sys.executable, "-c", code], dict(os.environ), signal.SIGINT, log)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    """Starts a child that runs some Python, and waits until it has said something."""
    made: list[Child] = []

    def start(code: str) -> Child:
        made.append(python(code, tmp_path / f"{len(made)}.log"))
        made[-1].start()
        wait_until((tmp_path / f"{len(made) - 1}.log").read_text, "its first word")
        return made[-1]

    yield start
    for child in made:
        if child.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()


def wait_until(condition: Callable[[], object], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_has_a_session_of_its_own_and_ends_when_asked(started: Any) -> None:
    child = started("import time; print('up', flush=True); time.sleep(99)")
    assert os.getsid(child.process.pid) == child.process.pid != os.getsid(0)
    pid = child.process.pid
    child.stop()
    assert child.process is None
    assert not is_alive(pid)
    child.stop()  # again: nothing to do


def test_a_child_that_does_not_end_is_killed_with_what_it_started(
    started: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(children, "STOP_S", 0.2)
    child = started(
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n" + STUBBORN
    )
    (grandchild,) = wait_until(lambda: find_children(child.process.pid), "its own child")
    child.stop()
    wait_until(lambda: not is_alive(grandchild), "the end of its own child")
    assert "did not end within 0.2 s: killing it" in capsys.readouterr().err


def test_pauses_grow_with_each_quick_end_and_vanish_after_a_long_life() -> None:
    child = python("raise SystemExit(3)")
    pauses = []
    for _ in range(8):
        child.start()
        assert child.process is not None
        child.process.wait()
        before = time.monotonic()
        assert child.ended() == 3
        pauses.append((child.not_before - time.monotonic(), child.not_before - before))
        assert child.ended() is None  # told once
    expected = [2, 4, 8, 16, 32]
    assert all(least <= pause <= most for pause, (least, most) in zip(expected, pauses, strict=False)), pauses
    assert pauses[-1][0] <= LONGEST_PAUSE_S <= pauses[-1][1]
    child.start()
    assert child.process is not None
    child.process.wait()
    child.started -= LONG_LIFE_S + 1
    assert child.ended() == 3
    assert child.not_before <= time.monotonic()


def test_the_log_holds_the_last_start_alone_and_is_private(tmp_path: Path) -> None:
    child = python("print('once')", tmp_path / "server.log")
    for _ in range(2):
        child.start()
        assert child.process is not None
        child.process.wait()
        child.ended()
    assert (tmp_path / "server.log").read_text() == "once\n"
    assert (tmp_path / "server.log").stat().st_mode & 0o077 == 0


def test_children_die_with_a_parent_that_is_killed() -> None:
    code = (
        "import sys, time; from tests.flows.test_children import python\n"
        "child = python('import time; time.sleep(99)'); child.start()\n"
        "print(child.process.pid, flush=True); time.sleep(99)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_until(lambda: not is_alive(pid), "the end of the child")


def test_a_family_ends_before_its_head(started: Any) -> None:
    child = started(
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        "print('up', flush=True)\n"
        "time.sleep(99)"
    )
    assert find_children(child.process.pid)
    # a zombie until its parent looks: the family has ended all the same
    (pid,) = find_children(child.process.pid)
    end_family_quickly(child)
    assert not is_alive(pid)
    assert child.process.poll() is None


def end_family_quickly(child: Child) -> None:
    before, children.STOP_S = children.STOP_S, 1.0
    try:
        end_family(child)
    finally:
        children.STOP_S = before


def test_orphans_are_reaped_and_known_children_are_not(started: Any) -> None:
    known = started("print('up', flush=True)")
    with subprocess.Popen([sys.executable, "-c", ""]) as stray:
        wait_until(lambda: not is_alive(stray.pid), "its end")
        wait_until(lambda: not is_alive(known.process.pid), "the end of the known one")
        reap_orphans([known])
        assert stray.pid not in find_children(os.getpid())
    assert known.ended() == 0
