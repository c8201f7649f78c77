"""Judging: the sandbox against a fresh `python -m pytest` for each battle, which is what peers without one do.

Both run the hidden tests of the sound and flawed sample submissions. Ours isolates them as well.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import interleave, machine, wall_of
from green_logic.agent import GreenAgent
from green_logic.evaluation.sandbox import Sandbox
from green_logic.pipeline import BatchRun, run_batch
from green_logic.settings import load_settings

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "battles.jsonl"
ROUNDS = 5


def main() -> None:
    """Print the figures."""
    battles = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
    honest = [battle for battle in battles if battle["battle_id"].endswith(("-sound", "-flawed"))]
    with Sandbox.open(workers=1) as sandbox:
        cpu: dict[str, list[float]] = {"sandbox": [], "pytest": []}
        wall = interleave(
            {
                "fresh pytest, no isolation": lambda: _clocked(cpu["pytest"], lambda: _fresh_pytest(honest)),
                f"warm sandbox ({sandbox.backend})": lambda: wall_of(
                    lambda: _sandboxed(sandbox, honest, cpu["sandbox"])
                ),
            },
            ROUNDS,
        )
    print(f"\nhidden tests of {len(honest)} battles, ms each, one at a time, median of {ROUNDS} ({machine()})")
    for (name, seconds), used in zip(wall.items(), (cpu["pytest"], cpu["sandbox"]), strict=True):
        print(f"  {name:<28} wall {1000 * seconds / len(honest):6.0f}   CPU {1000 * min(used) / len(honest):6.0f}")
    _whole_runs(battles)


def _whole_runs(battles: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "battles.jsonl"
        quick = [battle for battle in battles if not battle["battle_id"].endswith("-endless")] * 8
        lines = (json.dumps({**battle, "battle_id": f"{battle['battle_id']}-{n}"}) for n, battle in enumerate(quick))
        source.write_text("\n".join(lines))
        settings = load_settings({"data_dir": Path(directory) / "data"})
        with GreenAgent(settings=settings) as agent:
            embedder = agent.evaluator.profile["id"]
        with BatchRun(str(source), settings) as run:
            seconds = wall_of(lambda: run_batch(run))
        rate = len(quick) / seconds
    print(f"  the whole of `run`, all cores, {embedder}: {rate:.1f} battles/s, {1000 / rate:.0f} ms each")


def _sandboxed(sandbox: Sandbox, battles: list[dict[str, Any]], cpu: list[float]) -> None:
    cpu.append(
        sum(
            sandbox.run_tests(
                battle["purple_response"]["sourceCode"], battle["task"]["hidden_tests"], kind="hidden"
            ).cpu_s
            for battle in battles
        )
    )


def _fresh_pytest(battles: list[dict[str, Any]]) -> None:
    for battle in battles:
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "solution.py").write_text(battle["purple_response"]["sourceCode"])
            (Path(directory) / "test_solution.py").write_text(battle["task"]["hidden_tests"])
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_solution.py"]
            subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, check=False)


def _clocked(figures: list[float], action: Any) -> float:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
