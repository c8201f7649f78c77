"""Split execution against its peers: what it costs that no submission can forge its result.

All candidates run the hidden tests of the sound and flawed sample submissions. The CPU is that of whole process trees:
supervisors, keepers and both guests included.

    fresh pytest            `python -m pytest` for each battle, no isolation: what most peers do
    one process, bare       pytest in a warm fork, tests and solution together, no isolation
    one process, isolated   the same in our sandbox
    split                   tests and solution apart, each isolated
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.measure import interleave, machine
from green_logic.evaluation.sandbox import Sandbox

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "battles.jsonl"
ROUNDS = 3
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print the figures."""
    battles = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
    honest = [battle for battle in battles if battle["battle_id"].endswith(("-sound", "-flawed"))]
    jobs = [(battle["purple_response"]["sourceCode"], battle["task"]["hidden_tests"]) for battle in honest]
    with ExitStack() as stack:
        isolated = stack.enter_context(Sandbox.open(workers=1))
        bare = stack.enter_context(Sandbox.open(workers=1, backend="none"))
        candidates: dict[str, Callable[[], float]] = {
            "fresh pytest": lambda: _fresh_pytest(jobs),
            "one process, bare": lambda: _sandboxed(bare, jobs, split=False),
            "one process, isolated": lambda: _sandboxed(isolated, jobs, split=False),
            "split": lambda: _sandboxed(isolated, jobs, split=True),
        }
        figures = interleave(candidates, ROUNDS)
        runs = [isolated.run_tests(*job, kind="hidden") for job in jobs]
    split = figures["split"]
    print(f"\nhidden tests of {len(jobs)} battles, CPU ms each, median of {ROUNDS} ({machine()})")
    for name, seconds in figures.items():
        print(f"  {name:<24} {1000 * seconds / len(jobs):6.1f}   x{seconds / split:.2f} of split")
    calls = sorted(run.calls for run in runs)
    modes = {(run.tamper, run.runner) for run in runs}
    print(f"  calls from tests to solution: {calls[0]} to {calls[-1]} a battle; {modes}")


def _sandboxed(sandbox: Sandbox, jobs: list[tuple[str, str]], *, split: bool) -> float:
    before = _cpu_of_worker(sandbox)
    for source, tests in jobs:
        run = sandbox.run_tests(source, tests, kind="hidden", split=split)
        if run.ended != "finished":
            raise RuntimeError(f"a benchmark needs runs that finish: {run}")
    return _cpu_of_worker(sandbox) - before


def _cpu_of_worker(sandbox: Sandbox) -> float:
    """CPU seconds of the zygote and of everything below it that has ended."""
    worker: Any = sandbox._all[0].worker
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS  # utime, stime, cutime, cstime


def _fresh_pytest(jobs: list[tuple[str, str]]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for source, tests in jobs:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "solution.py").write_text(source)
            Path(directory, "test_solution.py").write_text(tests)
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_solution.py"]
            subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
