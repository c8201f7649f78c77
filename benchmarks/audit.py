"""Checking the books: a whole ledger, one DBOM from a cold start, and what a checkpoint costs on a large log.

python -m benchmarks.audit [BATTLES] [LEAVES]     default 100000 and 1000000; needs about 40 kB of disk per battle
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import cpu_of, machine, make_key
from benchmarks.record import make_result
from green_logic import verify_dbom
from green_logic.agent import GreenAgent
from green_logic.ledger.database import Ledger
from green_logic.ledger.log import Log, seal_log
from green_logic.ledger.schema import connect, leaf_hash
from green_logic.proof.highwater import HighWater
from green_logic.proof.keys import load_signing_key
from green_logic.settings import Settings, load_settings

PROGRAM = str(Path(sys.executable).with_name("green-logic"))
GROUP = 512  # battles in one transaction
DISTINCT = 128  # texts of code; making each battle's own would take longer than judging it
ENVELOPE = 1300  # bytes; what a seal has


def main() -> None:
    """Print the figures."""
    battles, leaves = (
        [*map(int, sys.argv[1:3]), 100_000, 1_000_000][:2] if len(sys.argv) != 2 else (int(sys.argv[1]), 0)
    )
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # a real disk; /tmp may be memory
        root = Path(directory)
        os.environ["XDG_STATE_HOME"] = str(root / "state")
        key = root / "judge.key"
        key.touch(mode=0o600)
        key.write_text(make_key())
        print(f"\naudit ({machine()})")
        settings = load_settings({"data_dir": root / "data", "signing_key": str(key)})
        _fill(settings, battles)
        _audit(settings, battles)
        _audit(settings, battles, "--every-signature")
        _cold(settings)
        if leaves:
            _checkpoint(load_settings({"data_dir": root / "large", "signing_key": str(key)}), leaves)


def _fill(settings: Settings, battles: int) -> None:
    results = [make_result(number) for number in range(DISTINCT)]
    with GreenAgent(settings=settings) as agent:
        for start in range(0, battles, GROUP):
            numbers = range(start, min(start + GROUP, battles))
            agent.submit_results([{**results[n % DISTINCT], "battle_id": f"bench-{n:07d}"} for n in numbers])
            if start % (GROUP * 20) == 0:
                agent.ledger.checkpoint(agent.key)
        agent.ledger.checkpoint(agent.key)


def _audit(settings: Settings, battles: int, *flags: str) -> None:
    command = [PROGRAM, "verify", "-C", str(settings.data_dir), "--json", *flags]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _session_megabytes(process.pid))
        time.sleep(0.1)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    target = json.load(process.stdout)["targets"][0]
    assert target["ok"] and target["battles"] == target["files"] == battles, target  # noqa: S101  no figure of a broken run
    name = f"{battles} battles{' ' if flags else ''}{' '.join(flags)}"
    print(f"  {name:<40}  {wall:.1f} s wall, {cpu:.1f} s CPU ({cpu / battles * 1e6:.0f} µs each), {peak:.0f} MB")


def _session_megabytes(session: int) -> float:
    """Memory of all processes of a session that no two of them share."""
    total = 0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.getsid(int(folder.name)) == session:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, ValueError):
            continue  # it has ended
    return total / 1024


def _cold(settings: Settings) -> None:
    dbom, key = next(settings.dboms.iterdir()), settings.data_dir / "judge.pub"
    command = [PROGRAM, "verify", str(dbom), "--key", str(key)]
    seconds = min(cpu_of(command) for _ in range(10))
    alone = min(cpu_of([sys.executable, "-I", "-S", verify_dbom.__file__, "--key", key, dbom]) for _ in range(10))
    bare = min(cpu_of([sys.executable, "-c", "pass"]) for _ in range(10))
    others = f"verify_dbom.py {alone:.3f}, python -c pass {bare:.3f}"
    print(f"  one DBOM, cold                            {seconds:.3f} s CPU ({others})")


def _checkpoint(settings: Settings, leaves: int) -> None:
    key = load_signing_key(settings)
    with Ledger.open(settings, key) as ledger:
        origin = ledger.origin
    connection = connect(settings.database, busy_timeout_s=10)
    _append(connection, 0, leaves)
    high_water = HighWater(settings.data_dir / "state")
    for added in (0, 1000):
        _append(connection, leaves, leaves + added)
        connection.execute("BEGIN IMMEDIATE")
        started, cpu = time.perf_counter(), time.process_time()
        checkpoint = seal_log(connection, origin, key, high_water)
        cpu = time.process_time() - cpu
        connection.execute("COMMIT")
        wall = time.perf_counter() - started
        print(f"  checkpoint of {checkpoint.size} leaves            {wall * 1e3:.1f} ms wall, {cpu * 1e3:.1f} ms CPU")
    started = time.perf_counter()
    Log(connection).inclusion(leaves // 3, leaves)
    print(f"  inclusion proof                           {(time.perf_counter() - started) * 1e3:.1f} ms wall")
    connection.close()


def _append(connection, first: int, last: int) -> None:
    connection.execute("BEGIN")
    for n in range(first, last):
        envelope = f"{n:0{ENVELOPE}d}"
        row = (f"b-{n}", "2026-01-01T00:00:00.000000Z", 0.5, "", "{}", "")
        connection.execute("INSERT INTO battles VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)
        connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, '', '', x'')", (n, n + 1, envelope, leaf_hash(envelope))
        )
    connection.execute("COMMIT")


if __name__ == "__main__":
    main()
