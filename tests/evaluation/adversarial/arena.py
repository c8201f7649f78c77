"""Lets every attack of this folder fight the hidden tests. Run as a script it prints what each gained, as JSON."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from green_logic.errors import RetryableError
from green_logic.evaluation.sandbox import Limits, Sandbox, TestRun

FOLDER = Path(__file__).parent
NO_ATTACKS = {"arena", "hidden_tests", "wrong"}
ATTACKS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NO_ATTACKS)
LIMITS = Limits(wall_s=0.8, cpu_s=2, processes=24)
TESTS = (FOLDER / "hidden_tests.py").read_text(encoding="utf-8")
WRONG = (FOLDER / "wrong.py").read_text(encoding="utf-8")
HONEST = "def double(n): return 2 * n\n"
HONEST_TESTS = "from solution import double\ndef test_double(): assert double(4) == 8\n"


def passed(run: TestRun) -> list[str]:
    """Names of the tests that passed."""
    return sorted(outcome.name for outcome in run.outcomes if outcome.outcome == "passed")


def fight(sandbox: Sandbox, attack: str, *, split: bool | None = None) -> TestRun:
    """A wrong solution with one attack below it."""
    source = f"{WRONG}\n{(FOLDER / f'{attack}.py').read_text(encoding='utf-8')}"
    return sandbox.run_tests(source, TESTS, kind="hidden", limits=LIMITS, split=split)


def patiently(job: Callable[[], TestRun]) -> TestRun:
    """As the judge does it: a worker that failed is no result, and the job is done again."""
    for _ in range(3):
        with contextlib.suppress(RetryableError):
            return job()
    return job()


def fight_all(
    sandbox: Sandbox, attacks: Iterable[str], *, split: bool | None = None
) -> dict[str, tuple[TestRun, TestRun]]:
    """Each attack's battle, and the honest one that the same worker judges after it."""

    def one(attack: str) -> tuple[str, tuple[TestRun, TestRun]]:
        run = patiently(lambda: fight(sandbox, attack, split=split))
        return attack, (run, patiently(lambda: sandbox.run_tests(HONEST, HONEST_TESTS, kind="hidden")))

    with ThreadPoolExecutor(sandbox.workers) as pool:
        return dict(pool.map(one, attacks))


if __name__ == "__main__":
    with Sandbox.open(workers=2, backend=sys.argv[1]) as opened:
        results = fight_all(opened, ATTACKS)
    summary = {name: [passed(run), run.tamper, passed(after)] for name, (run, after) in results.items()}
    sys.stdout.write(json.dumps(summary))
