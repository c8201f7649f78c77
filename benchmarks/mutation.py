"""T by mutation: what a submission's own tests cost on the original, twice, on two controls and on eight mutants.

    python -m benchmarks.mutation [--verbose] [FILE.jsonl ...]

By default the sample battles, and the real submissions in GREEN_LOGIC_TEST_DATA where there are some. The CPU is that
of the whole process tree: zygote, supervisor, keeper and every guest. The bar is 150 ms a battle. Beside it: the own
tests alone, by pytest in the same sandbox, which is all that profile 1 ran.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.measure import machine
from green_logic.evaluation.mutation.verdict import MUTANTS, judge_examination
from green_logic.evaluation.sandbox import Sandbox

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "battles.jsonl"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print the figures of each file."""
    names = [name for name in sys.argv[1:] if name != "--verbose"]
    real = Path(os.environ.get("GREEN_LOGIC_TEST_DATA", "")) / "logomesh" / "submissions.jsonl"
    files = [Path(name) for name in names] or [SAMPLES, *([real] if real.is_file() else [])]
    with Sandbox.open(workers=1) as sandbox:
        for file in files:
            _measure(sandbox, file, verbose="--verbose" in sys.argv)


def _measure(sandbox: Sandbox, file: Path, *, verbose: bool) -> None:
    battles = [battle for line in file.read_text().splitlines() if _is_examined(battle := json.loads(line))]
    examined, alone, scores = [], [], []
    fates: Counter[str] = Counter()
    for battle in battles:
        source, tests = battle["purple_response"]["sourceCode"], battle["purple_response"]["testCode"]
        before = _cpu_of_worker(sandbox)
        sandbox.run_tests(source, tests, kind="own")
        between = _cpu_of_worker(sandbox)
        seen = sandbox.examine_tests(source, tests, mutants=MUTANTS)
        examined.append(_cpu_of_worker(sandbox) - between)
        alone.append(between - before)
        part = judge_examination(seen, tests)
        evidence: Any = part.evidence["mutation"]
        scores.append(part.value or 0.0)
        fates.update(
            f"{name} {fate}" for name, test in seen.controls.items() for fate in ("fails" if test else "passes",)
        )
        fates.update(fate for _, fate in seen.mutants)
        if verbose:
            shown = {name: value for name, value in evidence.items() if value}
            print(f"  {battle['battle_id']}: T {part.value} {1000 * examined[-1]:.0f} ms, {seen.runs} runs {shown}")
    print(f"\nown tests of {len(battles)} battles of {file.name}, CPU ms each ({machine()})")
    for name, seconds in (("own tests alone, pytest", alone), (f"examined on {MUTANTS} mutants", examined)):
        ranked = sorted(1000 * value for value in seconds)
        mean, median, high = statistics.mean(ranked), statistics.median(ranked), ranked[len(ranked) * 9 // 10]
        print(f"  {name:<26} mean {mean:6.1f}   median {median:6.1f}   p90 {high:6.1f}")
    print(f"  T: mean {statistics.mean(scores):.3f}; {dict(sorted(fates.items()))}")


def _is_examined(battle: dict[str, Any]) -> bool:
    """Whether it has tests and a source that parses, and its own tests end by themselves."""
    answer = battle["purple_response"]
    try:
        compile(answer["sourceCode"], "solution.py", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return bool((answer.get("testCode") or "").strip())


def _cpu_of_worker(sandbox: Sandbox) -> float:
    """CPU seconds of the zygote and of everything below it that has ended."""
    worker: Any = sandbox._all[0].worker
    # a supervisor counts once it is reaped, which is a moment after its answer
    while Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text():
        time.sleep(0.001)
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS  # utime, stime, cutime, cstime


if __name__ == "__main__":
    main()
