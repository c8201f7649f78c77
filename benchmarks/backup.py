"""Recovery objectives: backup, drill and restore while a writer records at full speed, and what that costs the writer.

`python -m benchmarks.backup [BATTLES…]`, 10,000 and 100,000 unless given; the larger takes 3 GB and a quarter of an
hour. Wall seconds on a real disk, in the working directory.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.measure import machine, make_key
from benchmarks.record import make_result
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import load_signing_key
from green_logic.publish.backup import BackupReport, backup
from green_logic.publish.restore import drill, restore
from green_logic.settings import Settings, load_settings

SIZES = (10_000, 100_000)
GROUP, FILL = 8, 250  # battles that the writer submits at once, and that the ledger is filled with
ALONE_S = 10.0  # that the writer is watched without anything beside it


@dataclass
class Writer:
    """A process that records as fast as it can; `recorded` counts from its output."""

    process: subprocess.Popen[str]
    log: Path

    def rate(self, action: Callable[[], object]) -> float:
        """Battles a second that it recorded during an action."""
        before, started = self.log.stat().st_size, time.monotonic()
        action()
        # one byte a group
        return GROUP * (self.log.stat().st_size - before) / (time.monotonic() - started)


def main() -> None:
    """Print the figures, or write battles for the part that watches a writer."""
    if sys.argv[1:2] == ["--write"]:
        _write_for_ever(load_settings({"data_dir": sys.argv[2], "signing_key": sys.argv[3]}), int(sys.argv[4]))
        return
    for size in [int(word) for word in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # a real disk; /tmp may be memory
            _measure(Path(directory), size)


def _measure(root: Path, battles: int) -> None:
    settings = _fill(root, battles)
    size = settings.database.stat().st_size / 1e6
    print(f"\n{battles} battles, {size:.0f} MB of database, and a writer in groups of {GROUP}, wall s ({machine()})")
    made: list[BackupReport] = []
    rates: dict[str, float] = {}
    seconds: dict[str, float] = {}
    with _writer(settings, root, battles) as writer:
        rates["alone"] = writer.rate(lambda: time.sleep(ALONE_S))
        rates["beside the backup"] = writer.rate(lambda: made.append(backup(settings, root / "backups")))
        rates["alone again"] = writer.rate(lambda: time.sleep(ALONE_S))
        rates["beside the drill"] = writer.rate(lambda: seconds.update(drill=drill(made[0].path, root).seconds))
    (report,) = made
    seconds["restore, durable, nobody beside it"] = restore(report.path, root / "restored").seconds
    shutil.rmtree(root / "restored")
    for name, value in (("backup", report.seconds), ("  of it the snapshot", report.snapshot_s), *seconds.items()):
        print(f"  {name:<36} {value:8.1f}   {report.ledger_size / value:9.0f} battles/s")
    print(f"  backup: {report.ledger_size} battles in {report.size_bytes / 1e6:.0f} MB")
    for name, rate in rates.items():
        print(f"  writer {name:<29} {rate:8.0f} battles/s   {rate / rates['alone']:.0%}")


def _fill(root: Path, battles: int) -> Settings:
    key_file = root / "judge.key"
    key_file.touch(mode=0o600)
    key_file.write_text(make_key())
    settings = load_settings({"data_dir": root / "data", "signing_key": str(key_file)})
    key = load_signing_key(settings)
    with Ledger.open(settings, key) as ledger:
        for start in range(0, battles, FILL):
            numbers = range(start, min(start + FILL, battles))
            ledger.submit([seal_result(make_result(number), key=key, origin=ledger.origin) for number in numbers])
    return settings


@contextmanager
def _writer(settings: Settings, root: Path, first: int) -> Iterator[Writer]:
    log = root / "groups"
    command = [sys.executable, "-m", "benchmarks.backup", "--write", str(settings.data_dir), settings.signing_key]
    with log.open("wb") as out, subprocess.Popen([*command, str(first)], stdout=out, text=True) as process:
        while not log.stat().st_size:
            time.sleep(0.01)
        try:
            yield Writer(process, log)
        finally:
            process.terminate()


def _write_for_ever(settings: Settings, first: int) -> None:
    key = load_signing_key(settings)
    with Ledger.open(settings, key) as ledger:
        for start in count(first, GROUP):
            numbers = range(start, start + GROUP)
            ledger.submit([seal_result(make_result(number), key=key, origin=ledger.origin) for number in numbers])
            sys.stdout.write(".")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
