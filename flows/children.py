"""Child processes that are kept alive, each in a session of its own, and the orphans that they leave behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from green_logic.commands import BAD, say
from green_logic.evaluation.isolation import kernel

STOP_S = 20.0  # for a child to end by itself; what it leaves undone is done again
TICK_S = 0.3  # between two looks at the children
LONG_LIFE_S = 60.0  # a child that lived so long starts again at once
LONGEST_PAUSE_S = 60.0


@dataclass
class Child:
    """A process that is kept alive, in a session of its own."""

    name: str
    command: list[str]
    environment: dict[str, str]
    stop_signal: signal.Signals
    log: Path | None = None  # where its output goes; None: to our standard error
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    def start(self) -> None:
        """Start it."""
        # one start's output is enough: a log that nobody rotates fills the disk
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        output = 2 if self.log is None else os.open(self.log, flags, 0o600)
        try:
            self.process = subprocess.Popen(  # noqa: S603  our own modules and Prefect's, no shell
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=partial(_die_with, os.getpid(), self.stop_signal),  # noqa: PLW1509  there are no threads here
            )
        finally:
            if self.log is not None:
                os.close(output)
        self.started = time.monotonic()

    def ended(self) -> int | None:
        """Its exit code, once, when it has ended; then when it may start again is set."""
        code = None if self.process is None else self.process.poll()
        if code is None:
            return None
        self.process, now = None, time.monotonic()
        self.failures = 0 if now - self.started > LONG_LIFE_S else self.failures + 1
        self.not_before = now + (min(2.0**self.failures, LONGEST_PAUSE_S) if self.failures else 0.0)
        return code

    def stop(self) -> None:
        """Ask it to end; after STOP_S end it, and whatever is left of its session."""
        if self.process is None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not end within {STOP_S:g} s: killing it", file=sys.stderr)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


def end_with_parent() -> None:
    """Let this process outlive its parent by STOP_S at most.

    The kernel's signal asks it to end; but Python may raise KeyboardInterrupt where a callback swallows it.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(TICK_S)
        time.sleep(STOP_S)
        os._exit(BAD)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def find_children(parent: int) -> list[int]:
    """The processes whose parent is `parent`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # the name in parentheses may hold anything, so the fields are counted from its end
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(entry.name))
    return found


def end_family(parent: Child) -> None:
    """Let the children of a child end by themselves, while it can still report it."""
    if parent.process is None:
        return
    pids = find_children(parent.process.pid)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while pids and parent.process.poll() is None and time.monotonic() < deadline:
        time.sleep(TICK_S)
        pids = find_children(parent.process.pid)


def adopt_orphans() -> None:
    """Let what a child leaves behind come to this process, not to init."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans(children: Iterable[Child]) -> None:
    """Let orphans that have ended go: a zombie keeps its number."""
    known = {child.process.pid for child in children if child.process is not None}
    for pid in set(find_children(os.getpid())) - known:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def end_orphans() -> None:
    """End whatever has come to this process and is still there."""
    while orphans := find_children(os.getpid()):
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _die_with(parent: int, stop_signal: signal.Signals) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, int(stop_signal))
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
