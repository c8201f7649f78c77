"""Battle files on their way into the ledger: repeated, interrupted, damaged, two at once; nothing is lost."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from green_logic.agent import GreenAgent
from green_logic.battle import Battle
from green_logic.errors import NotEvaluatedError, RetryableError, SandboxUnavailableError, StorageError
from green_logic.evaluation.evaluator import Evaluator
from green_logic.ledger.schema import LOCK_NAME
from green_logic.pipeline import BatchRun, run_batch
from green_logic.proof.checkpoint import parse_checkpoint
from green_logic.settings import Settings


class Flaky:
    """An evaluator that fails as told, `failures` by battle id in turn, and judges for real otherwise."""

    def __init__(self, real: Evaluator, failures: dict[str, list[BaseException]] | None = None) -> None:
        self.calls: Counter[str] = Counter()
        self._real = real
        self._failures = {name: list(errors) for name, errors in (failures or {}).items()}
        self._lock = threading.Lock()

    def evaluate(self, battle: Battle) -> dict[str, Any]:
        with self._lock:
            self.calls[battle.battle_id] += 1
            errors = self._failures.get(battle.battle_id)
            error = errors.pop(0) if errors else None
        if error is not None:
            raise error
        return self._real.evaluate(battle)


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """Settings whose retries do not wait."""
    return settings.changed(workers=1, chunk_size=4, retries=2, retry_delay_s=0.0)


def battle(battle_id: str, source: str = "x = 1", **more: Any) -> dict[str, Any]:
    task = {"title": "T", "description": "Set x."}
    return {"battle_id": battle_id, "task": task, "purple_response": {"sourceCode": source}} | more


def put(directory: Path, battles: Iterable[dict[str, Any] | str], name: str = "in.jsonl") -> str:
    lines = [item if isinstance(item, str) else json.dumps(item) for item in battles]
    (directory / name).write_text("\n".join(lines), encoding="utf-8")
    return str(directory / name)


def go(source: str, settings: Settings, failures: dict[str, list[BaseException]] | None = None) -> tuple[Flaky, dict]:
    """Run a file; the evaluator with its calls, and the report."""
    with BatchRun(source, settings) as run:
        evaluator = run.agent.evaluator = Flaky(run.agent.evaluator, failures)
        run_batch(run)
        report = run.report()
    outcomes = ("recorded", "already_recorded", "conflicts", "refused", "not_evaluated")
    assert report["read"] == sum(report[name] for name in outcomes)
    assert {name: report[name] for name in outcomes} | {"read": report["read"]} == asdict(run.totals)
    return evaluator, report


def counts(report: dict[str, Any]) -> dict[str, int]:
    names = ("recorded", "already_recorded", "conflicts", "refused", "not_evaluated")
    return {name: report[name] for name in names if report[name]}


def rows(settings: Settings) -> dict[str, dict[str, Any]]:
    """raw_result of every row by battle id; each row has its DBOM file."""
    connection = sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True)
    found = connection.execute("SELECT battle_id, raw_result FROM battles ORDER BY id").fetchall()
    connection.close()
    assert {path.name for path in settings.dboms.iterdir()} == {f"dbom_{name}.json" for name, _ in found}
    assert len(found) == len({name for name, _ in found})
    return {name: json.loads(text) for name, text in found}


def set_aside(settings: Settings) -> dict[str, dict[str, Any]]:
    directory = settings.not_evaluated
    return {path.stem: json.loads(path.read_bytes()) for path in directory.iterdir()} if directory.exists() else {}


# --- the ordinary run, and once more


def test_every_line_has_one_outcome_and_the_second_run_judges_nothing(tmp_path: Path, quick: Settings):
    source = put(tmp_path, [battle(f"b{number}") for number in range(10)] + ["{}", "", battle("b10")])
    evaluator, report = go(source, quick)
    assert counts(report) == {"recorded": 11, "refused": 1}
    assert evaluator.calls == Counter(f"b{number}" for number in range(11))
    first = rows(quick)
    evaluator, report = go(source, quick)
    assert counts(report) == {"already_recorded": 11, "refused": 1}
    assert report["ledger_size"] == 11
    assert not evaluator.calls
    assert rows(quick) == first
    assert list(first) == [f"b{number}" for number in range(11)]


def test_an_empty_file_makes_an_empty_ledger(tmp_path: Path, quick: Settings):
    _, report = go(put(tmp_path, []), quick)
    assert (counts(report), report["ledger_size"], report["rejects"]) == ({}, 0, None)


def test_refused_lines_are_listed_with_their_numbers_and_leave_nothing_else(tmp_path: Path, quick: Settings):
    source = put(tmp_path, ["[]", battle("../x"), battle("a/b"), battle("ok"), battle("b", source=3)])
    _, report = go(source, quick)
    assert counts(report) == {"recorded": 1, "refused": 4}
    entries = [json.loads(line) for line in Path(report["rejects"]).read_bytes().splitlines()]
    assert [entry["line"] for entry in entries] == [1, 2, 3, 5]
    assert [reason.split(": ", 1)[1] for reason in report["reasons"]] == [entry["reason"] for entry in entries]
    assert list(rows(quick)) == ["ok"]
    assert set_aside(quick) == {}


# --- twice in one file, and against the ledger


def test_the_same_line_again_is_already_recorded_and_another_one_a_conflict(tmp_path: Path, quick: Settings):
    lines = [battle("b"), battle("b"), battle("b", source="x = 2"), battle("c"), battle("b")]
    evaluator, report = go(put(tmp_path, lines), quick)
    assert counts(report) == {"recorded": 2, "already_recorded": 2, "conflicts": 1}
    assert evaluator.calls == {"b": 1, "c": 1}
    assert rows(quick)["b"]["purple_response"]["sourceCode"] == "x = 1"
    entries = [json.loads(line) for line in Path(report["rejects"]).read_bytes().splitlines()]
    assert [(entry["line"], entry["battle_id"]) for entry in entries] == [(3, "b")]
    assert "is recorded with another input; the first stays" in entries[0]["reason"]


def test_another_input_for_a_recorded_id_is_a_conflict_and_the_first_stays(tmp_path: Path, quick: Settings):
    go(put(tmp_path, [battle("b")]), quick)
    first = rows(quick), (quick.dboms / "dbom_b.json").read_bytes()
    evaluator, report = go(put(tmp_path, [battle("b", source="x = 2")]), quick)
    assert counts(report) == {"conflicts": 1}
    assert not evaluator.calls
    assert (rows(quick), (quick.dboms / "dbom_b.json").read_bytes()) == first


def test_many_repetitions_of_one_id_do_not_pile_up(tmp_path: Path, quick: Settings):
    lines = [battle("b")] * 150 + [battle("b", source="x = 2")] * 150 + [battle("c")]
    seen = []
    with BatchRun(put(tmp_path, lines), quick) as run:
        for number in run.chunks():
            seen.append(run.totals.read)
            for step in (run.evaluate, run.generate_dbom, run.submit_result):
                step(number)
        assert counts(run.report()) == {"recorded": 2, "already_recorded": 149, "conflicts": 150}
    assert seen[0] <= 2 * quick.chunk_size


def test_fat_battles_are_taken_a_few_at_a_time(tmp_path: Path, quick: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("green_logic.planning.CHUNK_BYTES", 20_000)
    source = put(tmp_path, [battle(f"b{number}", pad="x" * 9_000) for number in range(12)])
    sizes = []
    with BatchRun(source, quick.changed(chunk_size=100)) as run:
        for number in run.chunks():
            sizes.append(run.evaluate(number))
            run.generate_dbom(number)
            run.submit_result(number)
        assert counts(run.report()) == {"recorded": 12}
    assert max(sizes) == 3


def test_ids_that_differ_in_case_are_refused_in_one_file_and_against_the_ledger(tmp_path: Path, quick: Settings):
    _, report = go(put(tmp_path, [battle("Case"), battle("case"), battle("CASE"), battle("x")]), quick)
    assert counts(report) == {"recorded": 2, "refused": 2}
    evaluator, report = go(put(tmp_path, [battle("cAse"), battle("X")]), quick)
    assert counts(report) == {"refused": 2}
    assert report["reasons"][0].endswith("1: battle_id: cAse differs from the recorded Case only in case")
    assert not evaluator.calls
    assert list(rows(quick)) == ["Case", "x"]


def test_a_second_line_of_an_id_waits_for_the_first_across_chunks(tmp_path: Path, quick: Settings):
    twice = ["b3", "B3", "b5", "b3"]  # b3 closes the first chunk, the others open the second
    names = [*(f"b{number}" for number in range(4)), *twice, "b6", "b5", "b7"]
    evaluator, report = go(put(tmp_path, map(battle, names)), quick)
    assert counts(report) == {"recorded": 7, "already_recorded": 3, "refused": 1}
    assert evaluator.calls == Counter(f"b{number}" for number in (0, 1, 2, 3, 5, 6, 7))
    assert set(rows(quick)) == set(evaluator.calls)


# --- the next chunk begins before this one ends


class Meeting:
    """An evaluator that holds one battle until others have begun, and judges for real otherwise."""

    def __init__(self, real: Evaluator, held: str, until: set[str]) -> None:
        self._real, self._held = real, held
        self._begun = {name: threading.Event() for name in until}

    def evaluate(self, battle: Battle) -> dict[str, Any]:
        if battle.battle_id == self._held:
            assert all(begun.wait(30) for begun in self._begun.values()), "the others never began"
        elif battle.battle_id in self._begun:
            self._begun[battle.battle_id].set()
        return self._real.evaluate(battle)


def test_a_worker_without_work_begins_with_the_next_chunk(tmp_path: Path, quick: Settings):
    source = put(tmp_path, [battle(f"b{number}") for number in range(9)])
    with BatchRun(source, quick.changed(workers=2)) as run:
        run.agent.evaluator = Meeting(run.agent.evaluator, "b0", {"b3", "b4", "b7"})
        run_batch(run)
        assert counts(run.report()) == {"recorded": 9}
    assert list(rows(quick)) == [f"b{number}" for number in range(9)]


def test_no_worker_begins_with_the_chunk_after_the_next(tmp_path: Path, quick: Settings):
    source = put(tmp_path, [battle(f"b{number}") for number in range(12)])
    with BatchRun(source, quick) as run:
        evaluator = run.agent.evaluator = Flaky(run.agent.evaluator)
        chunks = run.chunks()
        run.evaluate(next(chunks))
        run.evaluate(2)
        assert max(evaluator.calls) == "b7"
        assert list(evaluator.calls.values()) == [1] * 8


def test_what_failed_ahead_is_retried_in_its_own_turn(tmp_path: Path, quick: Settings):
    failures = {"b4": [RetryableError("one")], "b5": [NotEvaluatedError("no tests")], "b6": [ZeroDivisionError("oops")]}
    source = put(tmp_path, [battle(f"b{number}") for number in range(8)])
    evaluator, report = go(source, quick.changed(workers=2), failures)
    assert counts(report) == {"recorded": 6, "not_evaluated": 2}
    assert evaluator.calls == Counter([*(f"b{number}" for number in range(8)), "b4"])
    assert set(set_aside(quick)) == {"b5", "b6"}


def test_a_pipe_is_judged_chunk_by_chunk_as_it_comes(tmp_path: Path, quick: Settings, monkeypatch: pytest.MonkeyPatch):
    reading, writing = os.pipe()
    lines = [json.dumps(battle(f"b{number}")).encode() + b"\n" for number in range(6)]
    with os.fdopen(reading) as stdin, os.fdopen(writing, "wb", buffering=0) as pipe:
        monkeypatch.setattr(sys, "stdin", stdin)
        pipe.write(b"".join(lines[:4]))
        with BatchRun("-", quick) as run:
            chunks = run.chunks()
            first = next(chunks)  # nothing else has come yet
            for step in (run.evaluate, run.generate_dbom, run.submit_result):
                assert step(first) == 4
            assert list(rows(quick)) == ["b0", "b1", "b2", "b3"]
            pipe.write(b"".join(lines[4:]))
            pipe.close()
            second = next(chunks)
            for step in (run.evaluate, run.generate_dbom, run.submit_result):
                assert step(second) == 2
            assert list(chunks) == []


# --- when the world fails


def test_a_retryable_error_is_retried_for_the_missing_battles_only(tmp_path: Path, quick: Settings):
    failures = {"b1": [RetryableError("one"), RetryableError("two")], "b3": [RetryableError("three")]}
    evaluator, report = go(put(tmp_path, [battle(f"b{number}") for number in range(4)]), quick, failures)
    assert counts(report) == {"recorded": 4}
    assert evaluator.calls == {"b0": 1, "b1": 3, "b2": 1, "b3": 2}
    assert set_aside(quick) == {}


def test_after_the_last_retry_a_battle_is_set_aside_and_the_same_command_judges_it_later(
    tmp_path: Path, quick: Settings
):
    source = put(tmp_path, [battle("b0"), battle("b1")])
    evaluator, report = go(source, quick, {"b1": [RetryableError("worker died")] * 3})
    assert counts(report) == {"recorded": 1, "not_evaluated": 1}
    assert evaluator.calls == {"b0": 1, "b1": 3}
    assert list(rows(quick)) == ["b0"]
    entry = set_aside(quick)["b1"]
    assert (entry["reason"], entry["code"], entry["attempts"], entry["line"]) == ("worker died", "retryable", 3, 2)
    evaluator, report = go(source, quick)
    assert counts(report) == {"recorded": 1, "already_recorded": 1}
    assert evaluator.calls == {"b1": 1}
    assert set_aside(quick) == {}
    assert list(rows(quick)) == ["b0", "b1"]


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), MemoryError()])
def test_a_fault_of_the_judge_sets_aside_one_battle_and_is_not_retried(
    tmp_path: Path, quick: Settings, error: Exception
):
    evaluator, report = go(put(tmp_path, [battle("b0"), battle("b1"), battle("b2")]), quick, {"b1": [error]})
    assert counts(report) == {"recorded": 2, "not_evaluated": 1}
    assert evaluator.calls["b1"] == 1
    assert set_aside(quick)["b1"]["reason"] == f"the judge failed: {type(error).__name__}: {error}"
    assert list(rows(quick)) == ["b0", "b2"]


def test_a_battle_that_cannot_be_judged_is_not_retried(tmp_path: Path, quick: Settings):
    failures = {"b1": [NotEvaluatedError("no tests")], "b2": [RetryableError("once")]}
    evaluator, report = go(put(tmp_path, [battle("b1"), battle("b2")]), quick, failures)
    assert counts(report) == {"recorded": 1, "not_evaluated": 1}
    assert evaluator.calls == {"b1": 1, "b2": 2}


def test_a_result_that_cannot_be_sealed_sets_aside_one_battle(tmp_path: Path, quick: Settings):
    # an attacker's "evaluation" moves under "input", one level down: there it is too deep for the encoder
    deep = json.dumps(battle("deep"))[:-1] + ', "evaluation": ' + "[" * 253 + "]" * 253 + "}"
    _, report = go(put(tmp_path, [deep, battle("b")]), quick)
    assert counts(report) == {"recorded": 1, "not_evaluated": 1}
    assert set_aside(quick)["deep"]["reason"].startswith("the result cannot be sealed: battle deep: ")
    assert list(rows(quick)) == ["b"]


class Unopenable(GreenAgent):
    """An agent whose judge cannot be opened."""

    error: Exception = RetryableError("no worker starts")

    @property
    def evaluator(self) -> Any:
        raise self.error


def test_a_judge_that_does_not_open_sets_every_battle_aside_with_the_reason(tmp_path: Path, quick: Settings):
    with BatchRun(put(tmp_path, [battle("b0"), battle("b1")]), quick) as run:
        run.agent = Unopenable(settings=quick)
        run_batch(run)
        assert counts(run.report()) == {"not_evaluated": 2}
        assert not run.totals.clean
    assert {entry["reason"] for entry in set_aside(quick).values()} == {"no worker starts"}
    assert rows(quick) == {}


def test_without_isolation_the_run_stops_and_nothing_is_recorded(tmp_path: Path, quick: Settings):
    with BatchRun(put(tmp_path, [battle("b0")]), quick) as run:
        run.agent = Unopenable(settings=quick)
        run.agent.error = SandboxUnavailableError("none holds")
        with pytest.raises(SandboxUnavailableError):
            run_batch(run)
    assert rows(quick) == {}
    assert set_aside(quick) == {}


def test_a_storage_error_stops_the_run_and_what_was_recorded_stays(tmp_path: Path, quick: Settings):
    hasty = quick.changed(chunk_size=1, retries=0, busy_timeout_s=0.2)
    source = put(tmp_path, [battle(f"b{number}") for number in range(4)])
    with BatchRun(source, hasty) as run:
        number = next(run.chunks())
        for step in (run.evaluate, run.generate_dbom, run.submit_result):
            step(number)
        with (hasty.data_dir / LOCK_NAME).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(StorageError, match="another process has held this lock"):
                run_batch(run)
        assert (run.totals.recorded, run.totals.not_evaluated) == (1, 0)
    assert list(rows(hasty)) == ["b0"]
    assert set_aside(hasty) == {}
    evaluator, report = go(source, quick)
    assert counts(report) == {"recorded": 3, "already_recorded": 1}
    assert evaluator.calls == {"b1": 1, "b2": 1, "b3": 1}


def test_an_interrupted_run_is_completed_by_the_next_one(tmp_path: Path, quick: Settings):
    source = put(tmp_path, ["{}", *(battle(f"b{number}") for number in range(10))])
    with pytest.raises(KeyboardInterrupt):
        go(source, quick, {"b6": [KeyboardInterrupt()]})
    assert list(rows(quick)) == ["b0", "b1", "b2", "b3"]
    assert parse_checkpoint((quick.data_dir / "checkpoint").read_bytes()).size == 4  # what it recorded is sealed
    evaluator, report = go(source, quick)
    assert counts(report) == {"recorded": 6, "already_recorded": 4, "refused": 1}
    assert set(evaluator.calls) == {f"b{number}" for number in range(4, 10)}
    assert len(rows(quick)) == 10


def test_a_step_may_be_repeated(tmp_path: Path, quick: Settings):
    with BatchRun(put(tmp_path, [battle("b0"), battle("b1")]), quick) as run:
        evaluator = run.agent.evaluator = Flaky(run.agent.evaluator)
        for number in run.chunks():
            assert [run.evaluate(number), run.evaluate(number)] == [2, 2]
            assert [run.generate_dbom(number), run.generate_dbom(number)] == [2, 2]
            assert run.submit_result(number) == 2
    assert set(evaluator.calls.values()) == {1}
    assert len(rows(quick)) == 2


def test_an_entry_of_a_battle_that_another_run_recorded_is_removed(tmp_path: Path, quick: Settings):
    source = put(tmp_path, [battle("b")])
    go(source, quick)
    quick.not_evaluated.mkdir()
    (quick.not_evaluated / "b.json").write_text("{}")
    go(source, quick)
    assert set_aside(quick) == {}


# --- two at once

RUN = "import sys; from green_logic.cli import main; sys.exit(main(sys.argv[1:]))"


def test_two_runs_of_one_file_at_once_record_every_battle_once(tmp_path: Path, quick: Settings):
    source = put(tmp_path, [*(battle(f"b{number}", source=f"x = {number}") for number in range(40)), "{}"])
    words = [sys.executable, "-c", RUN, "run", source, "-C", str(quick.data_dir), "--json", "--local", "-j1"]
    words += ["--chunk-size", "4"]
    processes = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [1, 1], answers
    reports = [json.loads(out) for out, _ in answers]
    assert sum(report["recorded"] for report in reports) == 40
    assert sum(report["already_recorded"] for report in reports) == 40
    assert [report["conflicts"] for report in reports] == [0, 0]
    assert [report["refused"] for report in reports] == [1, 1]
    assert len(rows(quick)) == 40
    assert len(Path(reports[0]["rejects"]).read_bytes().splitlines()) == 1


# --- what a result keeps


def test_unknown_keys_are_kept_and_the_judges_own_names_cannot_be_taken(tmp_path: Path, quick: Settings):
    reserved = ("audit_result", "sandbox_result", "evaluation", "profile", "evaluator", "timing", "battle_sha256")
    forged = {name: {"cis_score": 1.0, "forged": True} for name in (*reserved, "input")}
    mine = {"season": 3, "tags": ["a"], "dbom_hash": "0" * 64, "score": 1.0, "cis_score": 1.0}
    participant = {"agent": "purple", "team": "unknown key"}
    go(put(tmp_path, [battle("b", participant=participant, **mine, **forged)]), quick)
    result = rows(quick)["b"]
    assert result["input"] == forged
    assert {name: result[name] for name in mine} == mine
    assert result["participant"] == participant
    assert "forged" not in json.dumps({name: value for name, value in result.items() if name != "input"})
    assert result["evaluation"]["cis_score"] < 1.0
    dbom = json.loads((quick.dboms / "dbom_b.json").read_bytes())
    assert dbom["score_cis"] == result["evaluation"]["cis_score"]
    assert dbom["h_delta"] != "0" * 64


def test_progress_is_told_for_every_line(tmp_path: Path, quick: Settings):
    told = []
    source = put(tmp_path, [battle("b0"), "{}", battle("b1")])
    with BatchRun(source, quick, on_progress=lambda run: told.append((run.judged, run.totals.refused))) as run:
        run_batch(run)
        assert run.offset == run.size_bytes
    assert told[-1] == (2, 1)
