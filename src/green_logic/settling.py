"""Settling: a judged file of the inbox goes to its place with its report, if it is still the one that was judged.

    inbox/x.jsonl → .settling/x.jsonl → done/x.jsonl     what was judged
                                      → inbox/x.jsonl    something else: it came, or grew, in the meantime

Between a look at a file and its move somebody may put another one under its name. So the move comes first, to a folder
of our own, and the look second. Nothing that is there is ever overwritten, and no report stays without its file, save
after a crash: it tells of a run that happened.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from green_logic.errors import UnsettledError
from green_logic.files import make_directory, rename_new, storage_error, storage_errors, sync_directory, write_new_files

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")  # unfinished ones end in none of these
REPORT_SUFFIX = ".report.json"
TAKEN = ".settling"  # a folder, not a prefix: the longest name that a file system allows leaves no room for one
STEM_BYTES = 200  # of a name that are kept: it gets a suffix, and file systems allow 255 in all

Fate = Literal["done", "failed", "changed"]

_NO_RIGHT = "let this user write in inbox/ and {fate}/; only its owner moves a file from a sticky one (chmod +t)"
_NO_FOLDER = "{fate}/ must be a folder on the same file system as inbox/"
# what no waiting mends, and how it is mended
_OBSTACLES = {
    errno.EXDEV: f"{_NO_FOLDER}, not a link or a mount that leads to another one",
    errno.ENOTDIR: _NO_FOLDER,
    errno.ENOENT: _NO_FOLDER,  # a link that leads nowhere
    errno.ELOOP: _NO_FOLDER,
    errno.EPERM: _NO_RIGHT,
    errno.EACCES: _NO_RIGHT,
}


class FileState(NamedTuple):
    """What tells a file from another one, and from itself after a change."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True)
class Settled:
    """What became of one file: where it lies now, and the report of the run, which lies beside it unless it changed."""

    name: str  # in the inbox
    fate: Fate
    path: Path
    report: dict[str, Any]


def find_state(path: Path) -> FileState | None:
    """The state of a battle file, or None for what is no whole one: a folder, a link, a name in progress."""
    if path.name.startswith(".") or not path.name.endswith(SUFFIXES):
        return None
    try:
        found = path.lstat()  # a link may lead to a file that is still being written, or out of the inbox
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileState(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def settle(path: Path, judged: FileState, report: dict[str, Any]) -> Settled:
    """Move a judged file to its place, with its report beside it; what is not what was `judged` stays in the inbox.

    A writer that keeps the file open may still change it afterwards: that is not seen. Raises UnsettledError when the
    move is impossible as things are, StorageError when it may succeed later; the file is in the inbox then.
    """
    fate: Fate = "done" if report["ok"] else "failed"
    with _told_as_unsettled(path.name, fate), _taken(path) as taken:
        if find_state(taken) != judged:
            return Settled(path.name, "changed", _put_back(taken), report)
        target = _move_with_report(taken, path.parent / fate, report)
        for directory in (target.parent, taken.parent, path.parent):
            sync_directory(directory)
    return Settled(path.name, fate, target, report)


def put_back_taken(inbox: Path) -> None:
    """Give the files that a crash caught while they were settled their names again. Raises StorageError."""
    with storage_errors("cannot put a file back into the inbox"), contextlib.suppress(FileNotFoundError):
        for taken in sorted((inbox / TAKEN).iterdir()):
            _put_back(taken)


def settled_line(settled: Settled) -> str:
    """What became of a file, in words; of a failed one also the first reason, and where the others are."""
    report = settled.report
    if settled.fate == "changed":
        name = "" if settled.path.name == settled.name else f" as {settled.path.name}"
        return (
            f"↻ {settled.name} → inbox{name}: it was changed, replaced or taken away while it was judged"
            "\n  what was read of it counts; what lies in the inbox now is judged once it is left alone"
        )
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


@contextlib.contextmanager
def _told_as_unsettled(name: str, fate: Fate) -> Iterator[None]:
    """Turn an OSError into a StorageError, and into an UnsettledError where somebody has to mend something first."""
    try:
        yield
    except OSError as error:
        told = storage_error(f"cannot settle {name}", error)
        if error.errno not in _OBSTACLES:
            raise told from error
        raise UnsettledError(told.message, hint=_OBSTACLES[error.errno].format(fate=fate)) from error


@contextlib.contextmanager
def _taken(path: Path) -> Iterator[Path]:
    """A file under a name that only we use; what is still there in the end gets its own name back."""
    taken = path.parent / TAKEN / path.name
    make_directory(taken.parent)
    put_back_taken(path.parent)  # or the rename would replace what an error left there
    with contextlib.suppress(FileNotFoundError):  # taken away meanwhile
        path.rename(taken)  # in one step: with link and unlink, what comes between them would be lost
    try:
        yield taken
    finally:
        _put_back(taken)


def _move_with_report(source: Path, directory: Path, report: dict[str, Any]) -> Path:
    """Report first: where it cannot be written, as on a full disk, nothing is moved."""
    make_directory(directory)
    target = _free_name(directory, source.name)
    beside = target.with_name(target.name + REPORT_SUFFIX)
    data = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    try:
        write_new_files(directory, {beside.name: data})
        rename_new(source, target)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()  # it says what has not come true
        raise
    return target


def _put_back(taken: Path) -> Path:
    """Into the inbox, under another name if its own belongs to a newer file by now; where it lies."""
    inbox = taken.parent.parent
    target = inbox / taken.name
    while os.path.lexists(taken):
        try:
            rename_new(taken, target)
            sync_directory(inbox)
        except FileExistsError:
            if os.path.samestat(taken.lstat(), target.lstat()):
                taken.unlink()  # a crash inside rename_new left one file under both names
            else:
                target = _free_name(inbox, taken.name)
    return target


def _free_name(directory: Path, name: str) -> Path:
    """`name`, or with a number before its suffixes, such that neither a file nor a report of that name is there."""
    suffix = next((suffix for suffix in reversed(SUFFIXES) if name.endswith(suffix)), "")
    stem = os.fsdecode(os.fsencode(name.removesuffix(suffix))[:STEM_BYTES])
    for number in itertools.count(1):
        candidate = directory / (f"{stem}{suffix}" if number == 1 else f"{stem}.{number}{suffix}")
        if not (os.path.lexists(candidate) or os.path.lexists(f"{candidate}{REPORT_SUFFIX}")):
            return candidate
    raise AssertionError  # count() does not end
