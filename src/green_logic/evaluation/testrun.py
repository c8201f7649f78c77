"""What a run of hostile tests was: its limits, its outcomes, and how untrusted records become both.

A guest reports through its own pipe, one JSON object per line, and everything in it may be a lie or garbage:

    {"test": "TestCase::test_x", "outcome": "failed", "message": "..."}
    {"runner": "mini" | "pytest", "calls": "12"}                           at most once
    {"loaded": "solution"}                                                 it could be imported; hidden tests begin
    {"end": "finished" | "no_tests" | "import_error", "detail": "..."}     the last line; without it the run crashed

In split execution the guest that reports is the tests' process, where no code of the submission runs.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

OUTCOMES = ("passed", "skipped", "failed", "error")  # from best to worst; a test reported twice keeps the worst
REPORTED_ENDS = frozenset({"finished", "no_tests", "import_error", "lost"})  # "lost": the solution's process
RUNNERS = ("mini", "pytest")
MAX_CALLS = 10**9
MAX_NAME = 500  # characters; a longer parameter list is cut
MAX_MESSAGE = 300  # characters
MAX_RECORDS = 40_000  # of one run, unless the judge knows how many tests there are
RECORD_BYTES = 8 << 10  # that all records of a run have on average at most: guests cut messages at 1,000 characters
CUT = 8  # times the characters that are kept are looked at; what is replaced only becomes shorter
MAX_OUTPUT = 2000  # characters, the last ones
BY_CLOCK = "wall time limit of"
BY_TEST = "one test took more than"
TEST_SHARE = 0.4  # of the time of a run that one hidden test may take,
MOST_TEST_S = 5.0  # but not so much that the CPU limit of its process would end it
BOX = "/box"  # the guest's working directory, the only one it may write to
ANY_CORE = -1  # the one that the system has chosen for a job

_UNSTABLE = (
    (re.compile(r"0x[0-9a-fA-F]{4,}"), "0x…"),  # addresses
    (re.compile(r"\bid='\d+'"), "id='…'"),  # of mocks
    (re.compile(r"\btmp[a-z0-9_]{8}\b"), "tmp…"),  # of temporary files and directories
)


@dataclass(frozen=True)
class Limits:
    """What one job may use."""

    wall_s: float = 10.0
    test_s: float = 4.0  # of one hidden test
    cpu_s: int = 10  # of each process
    memory_bytes: int = 512 << 20  # address space of each process, and memory of all together
    processes: int = 128  # threads count as well, and honest tests of thread safety start a hundred
    file_bytes: int = 16 << 20  # the largest file
    disk_bytes: int = 32 << 20  # all files together
    output_bytes: int = 4 << 20  # standard output and error together

    @classmethod
    def of_time(cls, wall_s: float) -> Self:
        """The limits of runs that may take `wall_s`."""
        return cls(wall_s=wall_s, test_s=min(TEST_SHARE * wall_s, MOST_TEST_S))


@dataclass(frozen=True)
class TestOutcome:
    """One test. `message` is the first line of its failure, cleaned so that the same failure reads the same."""

    __test__: ClassVar[bool] = False  # pytest would collect the class for its name

    name: str  # pytest's node id without the file: "test_x", "TestCase::test_x", "test_x[param]"
    outcome: str  # "passed" | "failed" | "error" | "skipped"
    message: str


@dataclass(frozen=True)
class TestRun:
    """One run of a test file against one solution."""

    __test__: ClassVar[bool] = False

    outcomes: tuple[TestOutcome, ...]
    ended: str  # "finished" | "timeout" | "crashed" | "output_limit" | "no_tests" | "import_error"
    detail: str
    output: str  # the last characters of standard output and error: evidence for people, never parsed
    wall_s: float
    cpu_s: float
    tamper: str = "in_process"  # "out_of_process": no code of the submission ran where its results were made
    runner: str = "pytest"  # "mini": the fast path of split execution
    calls: int = 0  # from the tests' process to the solution's
    fallback: str = ""  # why tests that should have run out of process did not
    loaded: bool = False  # of a variant: whether the solution itself could be imported
    cut: tuple[str, ...] = ()  # hidden tests that took too long, after which the others had a run of their own


@dataclass(frozen=True)
class Ending:
    """How the supervisor, which is trusted, saw the process tree end."""

    # "exited", "solution_ended" (the other guest of a split job did), or the limit it was killed for:
    # "timeout" | "output_limit" | ..., a key of `_judge_end`
    reason: str
    exit_code: int  # negative: the signal
    wall_s: float
    cpu_s: float


def parse_run(
    ending: Ending,
    results: bytes,
    output: bytes,
    limits: Limits,
    hidden: Mapping[str, str],
    *,
    records: int = MAX_RECORDS,
) -> TestRun:
    """The run that untrusted `results` and `output` tell of, as far as the process's end agrees.

    `hidden` maps texts that differ between runs, such as a temporary directory, to what is shown instead. No more than
    the first `records` records are read: a guest that writes more costs no more.
    """
    report = _Report()
    malformed = ""
    read = results[: records * RECORD_BYTES]
    lines = read.split(b"\n", records + 1)
    if len(lines) > records + 1 or len(read) < len(results):
        malformed = f"more than {records} results, or very long ones"
    try:
        for line in lines[:-1][:records]:
            _read_line(line.decode("utf-8"), report, hidden)
    except (ValueError, RecursionError) as error:
        malformed = f"malformed results: {clean(str(error), 100, hidden)}"
    ended, detail = _judge_end(ending, report.end, malformed, limits)
    kept = () if ended in {"import_error", "no_tests"} else tuple(report.outcomes.values())
    tail = clean_block(output.decode("utf-8", "replace"), hidden)[-MAX_OUTPUT:]
    times = (ending.wall_s, ending.cpu_s)
    return TestRun(kept, ended, detail, tail, *times, runner=report.runner, calls=report.calls, loaded=report.loaded)


@dataclass
class _Report:
    """What the records so far say."""

    outcomes: dict[str, TestOutcome] = field(default_factory=dict)
    end: tuple[str, str] | None = None
    runner: str = "pytest"
    calls: int = 0
    loaded: bool = False


def _judge_end(ending: Ending, reported: tuple[str, str] | None, malformed: str, limits: Limits) -> tuple[str, str]:
    """`ended` and `detail`. What the supervisor saw comes before what the guest says."""
    limit_details = {
        "timeout": ("timeout", f"{BY_CLOCK} {limits.wall_s:g} s"),
        "test_timeout": ("timeout", f"{BY_TEST} {limits.test_s:g} s"),
        "cpu_limit": ("timeout", "CPU time limit of one variant"),
        "output_limit": ("output_limit", f"more than {limits.output_bytes} bytes of output"),
        "results_limit": ("crashed", "results too large"),
        "memory_limit": ("crashed", f"more than {limits.memory_bytes} bytes of memory"),
        "disk_limit": ("crashed", f"more than {limits.disk_bytes} bytes of files"),
    }
    if ending.reason in limit_details:
        return limit_details[ending.reason]
    out_of_cpu = ending.exit_code == -signal.SIGKILL and ending.cpu_s >= limits.cpu_s
    if out_of_cpu or ending.exit_code == -signal.SIGXCPU:
        return "timeout", f"CPU time limit of {limits.cpu_s} s"
    if malformed:
        return "crashed", malformed
    # a solution that ends makes the tests' process lose it; how it ended says more
    is_over = reported is not None and (reported[0] != "lost" or ending.reason != "solution_ended")
    if not is_over or (ending.exit_code != 0 and ending.reason != "solution_ended"):
        return "crashed", _describe_exit(ending.exit_code)
    assert reported is not None  # noqa: S101  for the type checker: it is over
    return ("crashed", reported[1]) if reported[0] == "lost" else reported


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"the process ended with exit code {code} before its tests did"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the process was ended by {name}"


def _read_line(line: str, report: _Report, hidden: Mapping[str, str]) -> None:
    """Add what one record says. Raises ValueError for anything else."""
    if report.end:
        raise ValueError("a record after the last one")
    record = json.loads(line)
    if not isinstance(record, dict) or not all(isinstance(value, str) for value in record.values()):
        raise ValueError("expected an object of strings")
    if record.keys() == {"end", "detail"} and record["end"] in REPORTED_ENDS:
        report.end = record["end"], clean(record["detail"], MAX_MESSAGE, hidden)
    elif record.keys() == {"runner", "calls"} and record["runner"] in RUNNERS and record["calls"].isascii():
        report.runner, report.calls = record["runner"], min(int(record["calls"][:10]), MAX_CALLS)
    elif record == {"loaded": "solution"}:
        report.loaded = True
    elif record.keys() == {"test", "outcome", "message"} and record["outcome"] in OUTCOMES:
        _add_outcome(record, report.outcomes, hidden)
    else:
        raise ValueError("expected a test or an end")


def _add_outcome(record: dict[str, str], outcomes: dict[str, TestOutcome], hidden: Mapping[str, str]) -> None:
    name = clean(record["test"], MAX_NAME, hidden)
    outcome = TestOutcome(name, record["outcome"], clean(record["message"], MAX_MESSAGE, hidden))
    known = outcomes.get(name)
    if known is None or OUTCOMES.index(outcome.outcome) > OUTCOMES.index(known.outcome):
        outcomes[name] = outcome


def has_waited(run: TestRun) -> bool:
    """Whether the clock stopped a run that had the CPU for less than half of the time: it waited, or was made to."""
    return run.ended == "timeout" and run.detail.startswith((BY_CLOCK, BY_TEST)) and run.cpu_s < run.wall_s / 2


def clean(text: str, size: int, hidden: Mapping[str, str]) -> str:
    """The first line of `text`, printable, without addresses, at most `size` characters."""
    stripped = text.strip()
    first = stripped[: CUT * size].splitlines()[0] if stripped else ""
    for secret, shown in hidden.items():
        first = first.replace(secret, shown)
    for pattern, shown in _UNSTABLE:
        first = pattern.sub(shown, first)
    if not first.isprintable():
        first = "".join(character if character.isprintable() else "?" for character in first)
    return first if len(first) <= size else first[: size - 1] + "…"


def clean_block(text: str, hidden: Mapping[str, str]) -> str:
    """`text` with its lines kept and every other control character replaced, so that no terminal obeys it."""
    for secret, shown in hidden.items():
        text = text.replace(secret, shown)
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)
