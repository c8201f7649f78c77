"""What Prefect costs: the same battles through the flow, against a running server, and through the local loop.

python -m benchmarks.orchestration [--battles 500] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import interleave, machine, wall_of

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "battles.jsonl"
BATTLES, ROUNDS = 500, 3


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--battles", type=int, default=BATTLES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["PREFECT_HOME"] = directory
        from prefect.settings import PREFECT_API_URL
        from prefect.testing.utilities import prefect_test_harness

        import flows  # noqa: F401  sets the defaults of our own starts

        source = _write_battles(Path(directory), options.battles)
        with prefect_test_harness(server_startup_timeout=120):
            url = str(PREFECT_API_URL.value())
            ways = {"--local": {}, "--prefect": {"PREFECT_API_URL": url}}
            figures = interleave(
                {
                    way: lambda way=way, more=more: wall_of(lambda: _run(source, way, more))
                    for way, more in ways.items()
                },
                options.rounds,
            )
    share = 1 - figures["--local"] / figures["--prefect"]
    what = f"{options.battles} battles, wall s, median of {options.rounds}"
    print(f"\norchestration of {what}, start included ({machine()})")
    for name, seconds in figures.items():
        print(f"  run {name:<12} {seconds:6.1f}")
    print(f"  Prefect's share {share:.0%}")


def _write_battles(directory: Path, count: int) -> Path:
    battles = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
    # without those that wait for a time limit: most of their time is nobody's work
    waiting = ("batch-gate-endless", "coalescer-")
    quick = [battle for battle in battles if not battle["battle_id"].startswith(waiting)]
    source = directory / "battles.jsonl"
    with source.open("w") as file:
        for number in range(count):
            battle = quick[number % len(quick)]
            file.write(json.dumps({**battle, "battle_id": f"{battle['battle_id']}-{number}"}) + "\n")
    return source


def _run(source: Path, way: str, more: dict[str, str]) -> None:
    program = str(Path(sys.executable).with_name("green-logic"))
    with tempfile.TemporaryDirectory() as data:
        command = [program, "run", str(source), way, "-C", data, "--quiet"]
        subprocess.run(command, env={**os.environ, **more}, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
