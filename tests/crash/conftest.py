"""Runs that die or meet errors where we choose, and what must hold of the ledger afterwards."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from green_logic.errors import ConfigurationError, LedgerMissingError
from green_logic.ledger.database import Ledger
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.recovery import rebuild
from green_logic.proof.dbom import check_dbom, dbom_name, seal_result
from green_logic.proof.keys import SigningKey, load_signing_key
from green_logic.settings import Settings

EVERY_CALL = bool(os.environ.get("GREEN_LOGIC_TEST_EVERY_CALL"))
CHANGING = [
    *("open", "openat", "creat", "mkdir", "mkdirat", "write", "writev", "pwrite64", "fsync", "fdatasync", "syncfs"),
    *("link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "ftruncate", "fallocate"),
]
READING = ["read", "pread64", "flock", "getdents64"]
if EVERY_CALL:
    READING.append("fcntl")  # SQLite retries a failed WAL lock for 10 s
NOTES_SIZE = 1 << 20
READY, WATCHED, GO = 1, 2, 3  # first byte of the notes, see forge.py
TRACED = 1 << 30  # what strace answers for the parent's process id


@dataclass
class Outcome:
    """What a run said before it ended, and how it ended."""

    status: int
    acknowledged: list[list[str]] = field(default_factory=list)
    error: str = ""
    message: str = ""
    done: bool = False

    @property
    def killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL


class Forge:
    """One process that has everything imported, and forks a run whenever it is asked."""

    def __init__(self, key_file: Path, scratch: Path, assert_whole: Callable, make_result: Callable) -> None:
        self.key: SigningKey = load_signing_key(Settings(signing_key=str(key_file)))
        self._assert_whole = assert_whole
        self._make_result = make_result
        command = [sys.executable, str(Path(__file__).with_name("forge.py")), str(key_file)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._scratch = scratch

    def tell(self, text: str) -> None:
        """A figure for `pytest -rP`."""
        print(text)  # noqa: T201

    def close(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._process.stdout.close()

    def run(
        self,
        settings: Settings,
        groups: list[list[str]],
        *,
        variant: str = "",
        strace: list[str] | None = None,
        kill_after_s: float | None = None,
    ) -> Outcome:
        """One run; under strace with the given options, or killed after a while."""
        request = {"data_dir": str(settings.data_dir), "groups": groups, "variant": variant}
        return self._run(request, strace, kill_after_s)

    def publish(
        self,
        settings: Settings,
        works: list[str],
        *,
        variant: str = "",
        strace: list[str] | None = None,
        kill_after_s: float | None = None,
    ) -> Outcome:
        """Publications, one after the other; see `run`."""
        request = {"data_dir": str(settings.data_dir), "works": works, "variant": variant}
        return self._run(request, strace, kill_after_s)

    def _run(self, request: dict, strace: list[str] | None, kill_after_s: float | None) -> Outcome:
        path = self._scratch / "notes"
        path.write_bytes(bytes(NOTES_SIZE))
        request |= {"notes": str(path), "traced": strace is not None}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        with path.open("r+b") as file, mmap.mmap(file.fileno(), NOTES_SIZE) as notes:
            _wait_until(lambda: notes[0] == READY)
            tracer = None if strace is None else _attach(child, strace)
            _wait_until(lambda: tracer is None or tracer.poll() is not None or notes[0] == WATCHED)
            assert tracer is None or tracer.poll() is None, "strace could not attach"
            notes[0] = GO
            if kill_after_s is not None:
                time.sleep(kill_after_s)
                with contextlib.suppress(ProcessLookupError):  # it was faster
                    os.kill(child, signal.SIGKILL)
            outcome = Outcome(int(self._process.stdout.readline()))
            lines = notes[1:].split(b"\0", 1)[0]
        if tracer is not None:
            tracer.wait(60)
        for line in lines.splitlines():
            note = json.loads(line)
            outcome.acknowledged += [note.pop("acknowledged")] if "acknowledged" in note else []
            outcome = replace(outcome, **note)
        return outcome

    def count_calls(self, settings: Settings, groups: list[list[str]], *, variant: str = "") -> Counter[str]:
        """How often a run makes each file-system call."""
        return Counter(re.findall(r"^(\w+)\(", "\n".join(self.trace(settings, groups, variant=variant)), re.MULTILINE))

    def trace(self, settings: Settings, groups: list[list[str]], *, variant: str = "") -> list[str]:
        """The file-system calls of a run in order, with the paths of their descriptors."""
        trace = self._scratch / "trace"
        names = ",".join(f"?{name}" for name in [*CHANGING, *READING])
        outcome = self.run(settings, groups, variant=variant, strace=["-y", "-o", str(trace), "-e", f"trace={names}"])
        assert outcome.done, outcome
        return self.read_trace(trace)

    @staticmethod
    def read_trace(path: Path) -> list[str]:
        """The lines of a trace without those calls by which the run waited for its tracer."""
        lines = path.read_text(errors="replace").splitlines()
        return [line for line in lines if not line.startswith("getppid(")]

    def choose_calls(self, counts: Counter[str], *, per_name: int, reading: bool = False) -> list[tuple[str, int]]:
        """Which calls of a counted run to hit: `per_name` of each kind, spread evenly; all with the setting for it."""
        chosen = []
        for name in [*CHANGING, *(READING if reading else [])]:
            count = counts.get(name, 0)
            step = 1 if EVERY_CALL else max(1, round(count / per_name))
            chosen += [(name, number) for number in range(1 + (step - 1) // 2, count + 1, step)]
        assert chosen
        return chosen

    def check(
        self, settings: Settings, outcome: Outcome, groups: list[list[str]], *, again: bool = True
    ) -> dict[str, bytes]:
        """The rows of a directory that a crash left: checked as it is, after a recovery, after the same work again."""
        left = _check_as_it_is(settings, {self.key.keyid: self.key.public})
        for ids in groups:
            assert len(left & set(ids)) in {0, len(ids)}, "a group is recorded whole or not at all"
        acknowledged = {battle_id for ids in outcome.acknowledged for battle_id in ids}
        assert acknowledged <= left, "what was acknowledged is there"
        with Ledger.open(settings, self.key):
            pass
        rows = self._assert_whole(settings)
        assert rows.keys() == left
        if again:
            with Ledger.open(settings, self.key) as ledger:
                for ids in groups:
                    results = [self._make_result(battle_id) for battle_id in ids]
                    ledger.submit([seal_result(result, key=self.key, origin=ledger.origin) for result in results])
            after = self._assert_whole(settings)
            assert after.keys() == {*rows, *(battle_id for ids in groups for battle_id in ids)}
            assert rows.items() <= after.items(), "the same work again changes no row"
        return rows


def _attach(child: int, options: list[str]) -> subprocess.Popen:
    """A tracer that also answers `getppid`: so the run itself sees when its calls are traced, and starts no sooner."""
    options = [f"{option},getppid" if option.startswith("trace=") else option for option in options]
    answer = f"inject=getppid:retval={TRACED}"
    return subprocess.Popen(
        ["strace", "-q", "-p", str(child), *options, "-e", answer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """Memory instead of a disk, for speed: a kill leaves the same on both. The long campaign uses the disk."""
    memory = Path("/dev/shm")
    if EVERY_CALL or not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="green-logic-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def forge(tmp_path_factory, assert_whole, make_result) -> Iterator[Forge]:
    scratch = tmp_path_factory.mktemp("forge")
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (scratch / "judge.key").touch(mode=0o600)
    (scratch / "judge.key").write_bytes(pem)
    with contextlib.closing(Forge(scratch / "judge.key", scratch, assert_whole, make_result)) as opened:
        yield opened


@pytest.fixture(scope="session")
def strace(tmp_path_factory) -> None:
    """Skips, visibly, where strace is absent or may not trace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: no call was failed or killed")
    trial = ["strace", "-q", "-o", os.devnull, "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "true"]
    if subprocess.run(trial, capture_output=True, check=False).returncode != 0:
        pytest.skip("strace may not trace here: no call was failed or killed")


def _check_as_it_is(settings: Settings, keys: dict) -> set[str]:
    """Before any recovery: a file under its final name is a whole DBOM, and no row is without its own."""
    files = {path.name: path.read_bytes() for path in settings.dboms.glob("dbom_*")}
    for name, data in files.items():
        check_dbom(data, keys, name=name)
    try:
        with open_for_reading(settings) as connection:
            ids = {battle_id for (battle_id,) in connection.execute("SELECT battle_id FROM battles")}
            for battle_id in ids:
                assert files.get(dbom_name(battle_id)) == rebuild(connection, battle_id), "a row without its DBOM"
            return ids
    except LedgerMissingError:
        return set()
    except ConfigurationError:
        # the tables are made in the first transaction; killed before, the database is empty
        return set()
