"""The watched inbox: a battle file dropped into `data/inbox/` is judged, then moved, with its report beside it.

    inbox/x.jsonl  →  done/x.jsonl    + done/x.jsonl.report.json     every line is on the ledger
                   →  failed/x.jsonl  + failed/x.jsonl.report.json   some lines are not; the report says why

Only whole files are taken: names that begin with a dot or end in .part or .tmp are somebody's work in progress, and the
others must not have changed for STABLE_S. Whatever is cut short leaves the file in the inbox, and judging it again
records nothing twice. How a judged file is moved: `settling`.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from green_logic.errors import ConfigurationError, GreenLogicError, RetryableError, UnsettledError
from green_logic.files import make_directory, storage_errors
from green_logic.intake import shown_name
from green_logic.pipeline import BatchRun, run_batch
from green_logic.proof.dbom import utc_now
from green_logic.settings import Settings
from green_logic.settling import REPORT_SUFFIX, SUFFIXES, FileState, Settled, find_state, put_back_taken, settle

UNFINISHED = (".part", ".tmp")
FATES = ("done", "failed")
STABLE_S = 2.0  # a copy in progress changes size or time more often, save on a stalled network: use .part there
FIRST_PAUSE_S, LAST_PAUSE_S = 5.0, 300.0  # before a file is tried again after the disk, not the file, failed
STRANGE_S = 30.0  # before a name is called strange: it may be about to be renamed

Judge = Callable[[Path, Settings], dict[str, Any]]
Folders = tuple[tuple[int, ...], ...]


@dataclass
class _Seen:
    state: FileState
    since: float  # monotonic seconds at which this state was first seen
    not_before: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    stuck_in: Folders | None = None  # how the folders were when it could not be moved


@dataclass
class Inbox:
    """The files of one inbox, and how long each has been left alone. Times are monotonic seconds."""

    settings: Settings
    stable_s: float = STABLE_S
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _strange: dict[str, float] = field(default_factory=dict)  # name → since when

    @property
    def directory(self) -> Path:
        """Where files are dropped."""
        return inbox_directory(self.settings)

    def make(self) -> None:
        """Make the three folders. Raises StorageError."""
        with storage_errors("cannot make the inbox"):
            for fate in FATES:
                make_directory(self.directory / fate)

    def waiting(self) -> list[str]:
        """Names of the battle files that are there, ready or not, oldest first."""
        found = []
        with storage_errors("cannot read the inbox"):
            for path in self.directory.iterdir():
                state = find_state(path)
                if state is not None:
                    found.append((state.modified_ns, path.name))
        return [name for _, name in sorted(found)]

    def ready(self, now: float) -> list[Path]:
        """The files that have not changed for STABLE_S, oldest first."""
        names = self.waiting()
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        return [self.directory / name for name in names if self.find_ready(name, now)]

    def counts(self) -> tuple[int, int]:
        """How many files have been settled so far: done, failed."""
        done, failed = (sum(1 for _ in (self.directory / fate).glob(f"[!.]*{REPORT_SUFFIX}")) for fate in FATES)
        return done, failed

    def strangers(self, now: float) -> Iterator[tuple[str, str]]:
        """What lies there and will not be judged: its name and the reason, once for each and after STRANGE_S."""
        with storage_errors("cannot read the inbox"):
            found = {path.name: reason for path in self.directory.iterdir() if (reason := _why_not(path))}
        self._strange = {name: self._strange.get(name, now) for name in found}
        for name, since in self._strange.items():
            if now - since >= STRANGE_S:
                self._strange[name] = math.inf  # told
                yield name, found[name]

    def hold(self, name: str, now: float) -> float:
        """Leave a file alone for a while, longer each time; for how many seconds."""
        seen = self._seen[name]
        pause = seen.pause_s
        seen.not_before, seen.pause_s = now + pause, min(2 * pause, LAST_PAUSE_S)
        return pause

    def find_ready(self, name: str, now: float) -> FileState | None:
        """The state of a file that has not changed for STABLE_S and is not left alone."""
        state = find_state(self.directory / name)
        if state is None:
            return None  # taken away meanwhile
        seen = self._seen.get(name)
        if seen is None or seen.state != state or (seen.stuck_in is not None and seen.stuck_in != self._folders()):
            self._seen[name] = _Seen(state, now)
            return None
        return state if now - seen.since >= self.stable_s and now >= seen.not_before else None

    def hold_until_changed(self, name: str) -> float:
        """Leave a file alone until it, or one of the folders that it could not be moved between, is another one."""
        seen = self._seen[name]
        seen.not_before, seen.stuck_in = math.inf, self._folders()
        return math.inf

    def is_stuck(self, name: str) -> bool:
        """Whether a file was judged and waits for somebody to mend the folders."""
        return name in self._seen and self._seen[name].stuck_in is not None

    def _folders(self) -> Folders:
        return tuple(_folder_state(self.directory / name) for name in ("", *FATES))


def inbox_directory(settings: Settings) -> Path:
    """Where files are dropped."""
    return settings.data_dir / "inbox"


def judge_file(path: Path, settings: Settings, loop: Callable[[BatchRun], None] = run_batch) -> dict[str, Any]:
    """Judge one battle file and record it; the report of the run. `loop` takes its chunks through the steps."""
    with BatchRun(str(path), settings) as run:
        loop(run)
        return {"ok": run.totals.clean, **run.report()}


def work(inbox: Inbox, judge: Judge, *, on_trouble: Callable[[str, GreenLogicError, float], None]) -> Iterator[Settled]:
    """Judge and settle every file that is ready now.

    A file that met a full disk or a missing key is not at fault: it stays, `on_trouble` is told its name, the error and
    the pause in seconds, and the files after it wait too. One that is judged and cannot be moved stays as well, without
    end (infinity) unless something changes, and those after it are judged.
    """
    put_back_taken(inbox.directory)
    for path in inbox.ready(time.monotonic()):
        state = inbox.find_ready(path.name, time.monotonic())
        if state is None:
            continue  # changed or taken away while those before it were judged
        try:
            yield judge_and_settle(path, state, inbox.settings, judge)
        except UnsettledError as error:
            on_trouble(path.name, error, inbox.hold_until_changed(path.name))
        except (RetryableError, ConfigurationError) as error:
            on_trouble(path.name, error, inbox.hold(path.name, time.monotonic()))
            return


def judge_and_settle(path: Path, state: FileState, settings: Settings, judge: Judge) -> Settled:
    """Judge one file that is in this state, write its report and move it.

    Raises RetryableError or ConfigurationError when the file is not at fault; it is still in the inbox then.
    """
    started_at = utc_now()
    try:
        readable = os.access(path, os.R_OK)  # here, since to the judge it is a fault of the operator, who is not asked
        outcome = judge(path, settings) if readable else _fault("unreadable", "this user may not read the file")
    except (RetryableError, ConfigurationError):
        raise
    except GreenLogicError as error:
        outcome = _fault(error.code, error.message, error.hint)
    except Exception as error:  # noqa: BLE001  a fault of the judge in one file must not stop those after it
        outcome = _fault("unexpected", f"{type(error).__name__}: {error}")
    report = {"file": shown_name(path.name), "started_at": started_at, "ended_at": utc_now(), **outcome}
    return settle(path, state, report)


def _fault(code: str, message: str, hint: str = "") -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": message, **({"hint": hint} if hint else {})}}


def _folder_state(path: Path) -> tuple[int, ...]:
    """What decides whether a file can be moved there: where it is, whose, and its permissions."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid


def _why_not(path: Path) -> str | None:
    """Why something in the inbox is never taken; None for battle files, our own folders and names in progress."""
    if path.name.startswith(".") or path.name.endswith(UNFINISHED) or path.name in FATES or find_state(path):
        return None
    if not path.name.endswith(SUFFIXES):
        return f"its name does not end in {', '.join(SUFFIXES)}"
    return "it is a link: move the file itself here" if path.is_symlink() else "it is no file"
