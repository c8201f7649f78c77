"""The judge's end of one sandbox worker: starts the zygote, hands it jobs, notices its death."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

from green_logic.errors import RetryableError
from green_logic.evaluation.interpreter import find_private_uid, readable_paths, start_zygote
from green_logic.evaluation.isolation.cgroups import make_group
from green_logic.evaluation.isolation.channel import (
    ChannelClosedError,
    read_frame,
    read_record,
    send_frame,
    send_record,
)
from green_logic.evaluation.isolation.earlier import NOTHING, Earlier
from green_logic.evaluation.isolation.exchange import Exchange, open_exchange
from green_logic.evaluation.isolation.split.needs import SIDES, Needs
from green_logic.evaluation.isolation.split.shelf import Shelf
from green_logic.evaluation.mutation.examination import Examination, examine
from green_logic.evaluation.mutation.plan import ORIGINAL, Plan, Variant, parse_plan
from green_logic.evaluation.testrun import ANY_CORE, BOX, Ending, Limits, TestRun, parse_run

START_S = 60.0  # for an interpreter and pytest on a machine with cold disks
GRACE_S = 30.0  # beyond a job's wall limit, for a supervisor to end it on an overloaded machine
STOP_S = 5.0
PLAN_PATIENCE = 4  # times a job's wall limit for compiling, which waits for nothing: its CPU limit is what binds it
SPARE_MUTANTS = 2  # in 165 submissions, samples and real ones, no mutant failed to be imported
OWN_RECORDS = 10_000  # of the first run of a submission's own tests,
MORE_RECORDS = 100  # and of every other one so many more than twice its tests


class WorkerDeathError(Exception):
    """The worker ended or broke off in the middle of a job. The message says how."""


class Worker:
    """One zygote process. Not thread-safe: one job at a time."""

    def __init__(self, backend: str, number: int, count: int) -> None:
        """Start the process and return at once; `wait_ready` tells if it lives. It is `number` of `count` of the judge.

        Raises RetryableError if it cannot be started.
        """
        self.cgroup = 0  # the version of control groups that binds the guests, known once the worker is ready
        self._ready = False
        self._compiled = Shelf()
        with contextlib.ExitStack() as made:
            try:
                self._begin(backend, number, count, made)
            except OSError as error:
                raise RetryableError(f"sandbox worker {number} cannot be started: {error}") from error
            self._made = made.pop_all()

    @property
    def pid(self) -> int:
        """Process id of the zygote."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait for the worker's first word. Raises WorkerDeathError with the reason if it cannot isolate."""
        if self._ready:
            return
        self._channel.settimeout(START_S)
        with self._reporting_death():
            self.cgroup = int(self._read_answer()["cgroup"])
        self._ready = True

    def run(
        self,
        source: str,
        tests: str,
        kind: str,
        limits: Limits,
        split: Needs | None = None,
        *,
        earlier: Earlier = NOTHING,
    ) -> TestRun:
        """Run one job, in two processes if `split` says what its tests need; without the tests that ran `earlier`.

        Raises WorkerDeathError, after which only `close` makes sense.
        """
        self.wait_ready()
        self._channel.settimeout(limits.wall_s + GRACE_S)
        with self._reporting_death():
            job: dict[str, object] = {"source": source, "limits": asdict(limits)}
            if split:
                send_record(self._channel, {**job, "kind": "split", "captures": sorted(split.captures)})
                # apart, so that the solution's process can be forked before anybody reads the tests
                send_record(self._channel, {"tests": tests, **split.told(), "earlier": asdict(earlier)})
                send_frame(self._channel, self._compiled.find(tests))
            else:
                send_record(self._channel, {**job, "kind": kind, "tests": tests, "earlier": asdict(earlier)})
            places = {f"{self._box}/{side}": BOX for side in SIDES} if split and self._box != BOX else {}
            run = self._read_run(limits, places)
            if split:
                self._compiled.keep(tests, read_frame(self._channel))
        return replace(run, tamper="out_of_process") if split else replace(run, runner="pytest", calls=0)

    def examine(self, source: str, tests: str, limits: Limits, mutants: int) -> Examination:
        """Run the submission's own tests on its solution and on up to `mutants` broken copies of it.

        Raises WorkerDeathError, after which only `close` makes sense; RetryableError if the machine was too slow.
        """
        self.wait_ready()
        with self._reporting_death(), contextlib.ExitStack() as opened:
            send_record(self._channel, {"kind": "variants", "limits": asdict(limits)})
            # a mutant that cannot be imported says nothing about tests, and another one takes its place
            plan = self._read_plan(source, tests, mutants + SPARE_MUTANTS, limits)
            if plan.fault:
                send_record(self._channel, {"done": True})
                run = self.run(source, tests, "own", limits)
                return Examination(run, fault=f"no variant of the solution can be made: {plan.fault}")
            most = OWN_RECORDS

            def ask(
                variant: Variant, *, seed: int, expected: Sequence[str] | None, wall_s: float, cpu_s: float
            ) -> Callable[[], TestRun]:
                files = opened.enter_context(contextlib.ExitStack())
                order = {"variant": (seed, expected, variant.shown, tests)}
                exchange = files.enter_context(open_exchange(order, (variant.code, plan.tests_code)))
                self._send_order(exchange, wall_s, cpu_s)

                def wait() -> TestRun:
                    nonlocal most
                    with files:
                        ending = self._read_ending(wall_s)
                        written = exchange.read_results(), exchange.read_output()
                    run = parse_run(ending, *written, replace(limits, wall_s=wall_s), {self._box: BOX}, records=most)
                    if variant.kind == ORIGINAL and run.ended != "timeout":
                        most = min(OWN_RECORDS, MORE_RECORDS + 2 * len(run.outcomes))
                    return run

                return wait

            examination = examine(plan, ask, limits, mutants)
            send_record(self._channel, {"done": True})
        return examination

    def close(self) -> None:
        """End the process and everything below it."""
        self._channel.close()
        with self._process:
            self._stop()
        self._made.close()

    def _begin(self, backend: str, number: int, count: int, made: contextlib.ExitStack) -> None:
        """Start the process; `made` takes what must go after it. Raises OSError."""
        self._box = BOX if backend == "namespaces" else tempfile.mkdtemp(prefix="green-logic-box-")
        if self._box != BOX:
            made.callback(shutil.rmtree, self._box, ignore_errors=True)
        self._group = make_group()
        if self._group:
            made.callback(self._group.remove)
        self._channel, theirs = socket.socketpair()
        made.callback(self._channel.close)
        with theirs:
            options = {
                "channel": theirs.fileno(),
                "backend": backend,
                "readable": readable_paths(),
                "box": self._box,
                "uid": find_private_uid(number),
                # judges that leave cores free must not meet on one: there the system chooses
                "core": number if count >= len(os.sched_getaffinity(0)) else ANY_CORE,
                "group": self._group.directories if self._group else (),
            }
            self._process = start_zygote(options, theirs.fileno(), self._box)

    def _stop(self) -> None:
        """Let the process end by itself, as it does when its channel closes, or kill it."""
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _read_run(self, limits: Limits, places: Mapping[str, str] = MappingProxyType({})) -> TestRun:
        """The run that the next answer tells of; `places`: parts of the box, and what is shown instead."""
        ending = self._read_answer()
        results, output = read_frame(self._channel), read_frame(self._channel)
        return parse_run(Ending(**ending), results, output, limits, {**places, self._box: BOX})

    def _send_order(self, exchange: Exchange, wall_s: float, cpu_s: float) -> None:
        """Have a guest do what `exchange` orders, once the one before it has ended."""
        self._channel.settimeout(wall_s + GRACE_S)
        send_record(self._channel, {"run": {"wall_s": wall_s, "cpu_s": cpu_s}}, exchange.descriptors)

    def _read_ending(self, wall_s: float) -> Ending:
        """How the guest ended that nobody has asked about yet."""
        self._channel.settimeout(wall_s + GRACE_S)
        return Ending(**self._read_answer())

    def _read_plan(self, source: str, tests: str, candidates: int, limits: Limits) -> Plan:
        """The variants, or why there are none: compiling them may exceed every limit, as running them may.

        Raises RetryableError, with the worker ready for another job, if only the machine was too slow for it.
        """
        with open_exchange({"plan": (source, tests, candidates)}) as exchange:
            self._send_order(exchange, PLAN_PATIENCE * limits.wall_s, float(limits.cpu_s))
            ending = self._read_ending(PLAN_PATIENCE * limits.wall_s)
            results = exchange.read_results()
        if ending.reason == "timeout" or (ending.exit_code == -signal.SIGKILL and ending.reason == "exited"):
            # nothing of the submission runs there: a machine without time, or without memory, ended it
            send_record(self._channel, {"done": True})
            raise RetryableError(
                f"compiling the variants of a solution ended by {ending.reason} after {ending.wall_s:.1f} s, of which "
                f"{ending.cpu_s:.1f} s were CPU time",
                hint="run the same command again when the machine is less busy",
            )
        if (ending.reason, ending.exit_code) != ("exited", 0):
            return Plan(fault=f"compiling it ended with {ending.reason} {ending.exit_code}")
        try:
            return parse_plan(results, source)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            return Plan(fault=f"malformed variants: {type(error).__name__}")

    def _read_answer(self) -> dict[str, Any]:
        answer = read_record(self._channel)
        if "failure" in answer:
            raise WorkerDeathError(str(answer["failure"]))
        return answer

    @contextlib.contextmanager
    def _reporting_death(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            self._process.kill()
            raise WorkerDeathError("it did not answer in time") from error
        except ChannelClosedError as error:
            self._stop()
            raise WorkerDeathError(f"its process ended with {self._process.wait()}{self._last_words()}") from error
        except OSError as error:
            raise WorkerDeathError(f"the judge could not hand it its job: {error}") from error

    def _last_words(self) -> str:
        """The last line that the zygote itself wrote, such as the reason why Python did not start."""
        assert self._process.stderr is not None  # noqa: S101  for the type checker: `_start` asks for a pipe
        os.set_blocking(self._process.stderr.fileno(), False)
        lines = (self._process.stderr.read() or b"").decode("utf-8", "replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""
