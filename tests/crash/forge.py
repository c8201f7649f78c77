"""Forks one small run after another, of the ledger or of publications, so that it can be killed or failed at each call.

`python forge.py KEY_FILE` reads one JSON object a line: the run to fork. It prints the process id, and once the run has
ended its exit status. A run says in the first byte of its notes that it is ready, and waits there for the signal to go.
It writes to the notes through shared memory: what it says survives a kill, and saying it is no system call that an
injected error could hit.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import press
from conftest import result_of

from green_logic import files
from green_logic.errors import GreenLogicError
from green_logic.ledger import database, shelf
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import load_signing_key
from green_logic.settings import Settings

NOTES_SIZE = 1 << 20
READY, WATCHED, GO = 1, 2, 3
TRACED = 1 << 30  # more than any process id: only a tracer answers so
PR_SET_PTRACER = 0x59616D61  # linux/prctl.h; lets strace attach where only parents may (Yama)


class Notes:
    """Lines in shared memory; the first byte is the starting signal."""

    def __init__(self, path: str) -> None:
        with Path(path).open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), NOTES_SIZE)
        self._memory.seek(1)

    def wait(self, *, traced: bool) -> None:
        self._memory[0] = READY
        if traced:  # that it is attached to does not say that its calls are watched yet
            while os.getppid() != TRACED:
                time.sleep(0.0005)
            self._memory[0] = WATCHED
        while self._memory[0] != GO:
            time.sleep(0.0005)

    def write(self, **note: object) -> None:
        self._memory.write(json.dumps(note).encode() + b"\n")


def spoil(variant: str) -> None:
    """The faults that the checks must see; without a name, the ledger as it is."""
    put, commit = shelf.DbomShelf.put, Ledger._commit
    if variant == "row before its DBOM":
        shelf.DbomShelf.put = lambda *_: None
        shelf.DbomShelf.settle = lambda self, battles: put(self, list(battles))
    elif variant == "DBOM written in place":
        shelf.write_new_files = _write_in_place
    elif variant == "a transaction a row":
        Ledger._commit = lambda self, battles: [commit(self, [sealed]) for sealed in battles]
    elif variant == "no DBOM":
        shelf.DbomShelf.put = lambda *_: None
    elif variant == "DBOM not synced":
        write = files._write_bytes
        files._write_bytes = lambda path, data, *, sync, **more: write(path, data, sync=False, **more)
    elif variant == "name not synced":
        files.sync_directory = lambda _: None
    elif variant == "row not synced":
        make = database.make_or_check_schema
        database.make_or_check_schema = lambda connection, *more: (
            make(connection, *more),
            connection.execute("PRAGMA synchronous = NORMAL"),
        )[0]
    elif variant:
        raise ValueError(variant)


def _write_in_place(directory: Path, files: dict[str, bytes], **_: object) -> None:
    for name, data in files.items():
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for start in range(0, len(data), 4096):
            os.write(descriptor, data[start : start + 4096])
        os.fsync(descriptor)
        os.close(descriptor)


def run(request: dict, key: object, notes: Notes) -> None:
    """Open the ledger, submit the groups, close it; say what was acknowledged, and how it ended."""
    settings = Settings(data_dir=Path(request["data_dir"]), busy_timeout_s=20.0)
    variant = request.get("variant", "")
    if variant not in {"acknowledged before", "acknowledged in spite of an error"}:
        spoil(variant)
    notes.wait(traced=request["traced"])
    try:
        with Ledger.open(settings, key) as ledger:
            for ids in request["groups"]:
                group = [seal_result(result_of(battle_id), key=key, origin=ledger.origin) for battle_id in ids]
                if variant == "acknowledged before":
                    notes.write(acknowledged=ids)
                try:
                    ledger.submit(group)
                except GreenLogicError:
                    if variant != "acknowledged in spite of an error":
                        raise
                notes.write(acknowledged=ids)
    except GreenLogicError as error:
        notes.write(error=error.code, message=str(error))
    else:
        notes.write(done=True)


def publish(request: dict, notes: Notes) -> None:
    """One publication after the other; say how it ended."""
    settings = Settings(data_dir=Path(request["data_dir"]), busy_timeout_s=20.0)
    if request["variant"]:
        press.spoil(request["variant"])
    notes.wait(traced=request["traced"])
    try:
        for name in request["works"]:
            press.work(settings, name)
    except GreenLogicError as error:
        notes.write(error=error.code, message=str(error))
    else:
        notes.write(done=True)


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    key = load_signing_key(Settings(signing_key=sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        notes = Notes(request["notes"])  # before the fork: opening them is not a call of the run
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
            code = 1
            try:
                if "works" in request:
                    publish(request, notes)
                else:
                    run(request, key, notes)
                code = 0
            finally:
                os._exit(code)
        _answer(child)
        _answer(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
