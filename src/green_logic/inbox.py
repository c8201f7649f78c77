"""The watched inbox: a battle file dropped into `data/inbox/` is judged, then moved, with its report beside it.

    inbox/x.jsonl  →  done/x.jsonl    + done/x.jsonl.report.json     every line is on the ledger
                   →  failed/x.jsonl  + failed/x.jsonl.report.json   some lines are not; the report says why

Only whole files are taken: names that begin with a dot or end in .part or .tmp are somebody's work in progress, and the
others must not have changed for STABLE_S. The report is written before the file is moved: whatever is cut short leaves
the file in the inbox, and judging it again records nothing twice. Nothing that is there is ever overwritten.
"""

from __future__ import annotations

import itertools
import math
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from green_logic.errors import ConfigurationError, GreenLogicError, RetryableError
from green_logic.files import make_directory, rename_new, storage_errors, sync_directory, write_new_files
from green_logic.intake import shown_name
from green_logic.pipeline import BatchRun, run_batch
from green_logic.proof.dbom import utc_now
from green_logic.settings import Settings

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")  # unfinished ones end in none of these
UNFINISHED = (".part", ".tmp")
FATES = ("done", "failed")
REPORT_SUFFIX = ".report.json"
STABLE_S = 2.0  # a copy in progress changes size or time more often, save on a stalled network: use .part there
FIRST_PAUSE_S, LAST_PAUSE_S = 5.0, 300.0  # before a file is tried again after the disk, not the file, failed
STRANGE_S = 30.0  # before a name is called strange: it may be about to be renamed
STEM_BYTES = 200  # of a name that are kept: it gets a suffix, and file systems allow 255 in all

Judge = Callable[[Path, Settings], dict[str, Any]]
Fate = Literal["done", "failed"]


@dataclass(frozen=True)
class Settled:
    """What became of one file: where it lies now, and the report beside it."""

    name: str  # in the inbox
    fate: Fate
    path: Path
    report: dict[str, Any]


@dataclass
class _Seen:
    state: tuple[int, int, int]  # inode, size, mtime
    since: float  # monotonic seconds at which this state was first seen
    not_before: float = 0.0
    pause_s: float = FIRST_PAUSE_S


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
                state = _state(path)
                if state is not None:
                    found.append((state[2], path.name))
        return [name for _, name in sorted(found)]

    def ready(self, now: float) -> list[Path]:
        """The files that have not changed for STABLE_S, oldest first."""
        names = self.waiting()
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        return [self.directory / name for name in names if self._is_ready(name, now)]

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

    def _is_ready(self, name: str, now: float) -> bool:
        state = _state(self.directory / name)
        if state is None:
            return False  # taken away meanwhile
        seen = self._seen.get(name)
        if seen is None or seen.state != state:
            self._seen[name] = _Seen(state, now)
            return False
        return now - seen.since >= self.stable_s and now >= seen.not_before


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
    the pause in seconds, and the files after it wait too. Raises StorageError when a settled file cannot be moved.
    """
    for path in inbox.ready(time.monotonic()):
        if not path.is_file():
            continue  # taken away meanwhile
        try:
            yield judge_and_settle(path, inbox.settings, judge)
        except (RetryableError, ConfigurationError) as error:
            on_trouble(path.name, error, inbox.hold(path.name, time.monotonic()))
            return


def judge_and_settle(path: Path, settings: Settings, judge: Judge) -> Settled:
    """Judge one file, write its report and move it.

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
    return settle(path, "done" if outcome["ok"] else "failed", report)


def settle(path: Path, fate: Fate, report: dict[str, Any]) -> Settled:
    """Move a judged file to its place, with its report beside it. Raises StorageError; then it is judged again.

    A crash between the two leaves a report without a file. It stays: it tells of a run that happened, and the next
    attempt gets a name of its own.
    """
    directory = path.parent / fate
    with storage_errors(f"cannot settle {path.name}"):
        make_directory(directory)
        target = _free_name(directory, path.name)
        data = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
        write_new_files(directory, {target.name + REPORT_SUFFIX: data})
        rename_new(path, target)
        sync_directory(directory)
        sync_directory(path.parent)
    return Settled(path.name, fate, target, report)


def settled_line(settled: Settled) -> str:
    """What became of a file, in words; of a failed one also the first reason, and where the others are."""
    report = settled.report
    if "error" in report:
        error = report["error"]
        return f"✘ {settled.name} → {settled.fate}: {error['message']}\n  {error.get('hint', '')}".rstrip()
    names = ("recorded", "already_recorded", "conflicts", "refused", "not_evaluated")
    counts = " · ".join(f"{report[name]} {name.replace('_', ' ')}" for name in names if report[name])
    line = f"{'✔' if report['ok'] else '✘'} {settled.name} → {settled.fate}: {counts or 'no battles'} ({report['by']})"
    if report["ok"]:
        return line
    first = "".join(f"\n  {' '.join(reason.split())}" for reason in report["reasons"][:1])
    return f"{line}{first}\n  all reasons: {settled.path}{REPORT_SUFFIX}"


def _fault(code: str, message: str, hint: str = "") -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": message, **({"hint": hint} if hint else {})}}


def _free_name(directory: Path, name: str) -> Path:
    """`name`, or with a number before its suffixes, such that neither a file nor a report of that name is there."""
    suffix = next((suffix for suffix in reversed(SUFFIXES) if name.endswith(suffix)), "")
    stem = os.fsdecode(os.fsencode(name.removesuffix(suffix))[:STEM_BYTES])
    for number in itertools.count(1):
        candidate = directory / (f"{stem}{suffix}" if number == 1 else f"{stem}.{number}{suffix}")
        if not candidate.exists() and not candidate.with_name(candidate.name + REPORT_SUFFIX).exists():
            return candidate
    raise AssertionError  # count() does not end


def _state(path: Path) -> tuple[int, int, int] | None:
    """What tells a changed file, or None for what is no whole battle file: a folder, a link, a name in progress."""
    if path.name.startswith(".") or not path.name.endswith(SUFFIXES):
        return None
    try:
        found = path.lstat()  # a link may lead to a file that is still being written, or out of the inbox
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _why_not(path: Path) -> str | None:
    """Why something in the inbox is never taken; None for battle files, our own folders and names in progress."""
    if path.name.startswith(".") or path.name.endswith(UNFINISHED) or path.name in FATES or _state(path) is not None:
        return None
    if not path.name.endswith(SUFFIXES):
        return f"its name does not end in {', '.join(SUFFIXES)}"
    return "it is a link: move the file itself here" if path.is_symlink() else "it is no file"
