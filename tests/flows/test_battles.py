"""The flow: the same three steps as the local loop, repeated by Prefect."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from green_logic.battle import Battle
from green_logic.errors import RetryableError
from green_logic.pipeline import BatchRun, run_batch
from green_logic.settings import Settings

SOURCE = "def double(n):\n    return 2 * n\n"
HIDDEN = "from solution import double\n\ndef test_two():\n    assert double(2) == 4\n"


def write_battles(path: Path, count: int) -> Path:
    battle = {
        "task": {
            "title": "Double",
            "description": "Write double(n).",
            "entry_points": ["double"],
            "hidden_tests": HIDDEN,
        },
        "purple_response": {"sourceCode": SOURCE, "testCode": "", "rationale": "double returns twice its argument"},
    }
    path.write_text("".join(json.dumps({"battle_id": f"b-{n}", **battle}) + "\n" for n in range(count)))
    return path


def settings_in(directory: Path, **changes: Any) -> Settings:
    return Settings().changed(data_dir=directory, retry_delay_s=0.05, **changes)


def rows(directory: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(directory / "battles.db") as connection:
        return connection.execute(
            "SELECT battle_id, score, evidence_sha256 FROM battles JOIN ledger ON battle_row = battles.id ORDER BY 1"
        ).fetchall()


class FlakyEvaluator:
    """An evaluator whose machinery fails for one battle the first `failures` times; the rest is real."""

    def __init__(self, real: Any, battle_id: str, failures: int) -> None:
        self.calls: Counter[str] = Counter()
        self._real, self._battle_id, self._failures = real, battle_id, failures

    def evaluate(self, battle: Battle) -> dict[str, Any]:
        self.calls[battle.battle_id] += 1
        if battle.battle_id == self._battle_id and self.calls[battle.battle_id] <= self._failures:
            raise RetryableError("the sandbox worker died")
        return dict(self._real.evaluate(battle))


def task_states(flow_run_name: str) -> Counter[tuple[str, str]]:
    """(task, state) of every task run of the flow runs of this name, counted."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    with get_client(sync_client=True) as client:
        # the server takes task runs in with a delay
        for _ in range(50):
            found = client.read_task_runs(
                flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[flow_run_name])), limit=200
            )
            if found and all(run.state is not None and run.state.is_final() for run in found):
                break
            time.sleep(0.2)
    return Counter((run.name.rsplit("-", 1)[0], run.state.type.value) for run in found if run.state is not None)


def test_the_flow_records_the_same_as_the_local_loop(tmp_path: Path) -> None:
    from flows.battles import evaluate_battles

    battles = write_battles(tmp_path / "same.jsonl", 5)
    report = evaluate_battles(str(battles), str(tmp_path / "flow"), chunk_size=2)
    with BatchRun(str(battles), settings_in(tmp_path / "local", chunk_size=2)) as run:
        run_batch(run)
        local = run.report()
    assert json.loads(json.dumps(report).replace(f"{tmp_path}/flow", f"{tmp_path}/local")) == local
    assert report["recorded"] == 5
    assert rows(tmp_path / "flow") == rows(tmp_path / "local")


def test_every_chunk_is_three_named_task_runs_and_a_second_run_has_none(tmp_path: Path) -> None:
    from flows.battles import evaluate_battles

    battles = write_battles(tmp_path / "named.jsonl", 5)
    evaluate_battles(str(battles), str(tmp_path / "data"), chunk_size=2)
    states = task_states(f"battles-{battles}")
    assert states == {
        ("evaluate", "COMPLETED"): 3,
        ("generate-dbom", "COMPLETED"): 3,
        ("submit-result", "COMPLETED"): 3,
    }
    again = evaluate_battles(str(battles), str(tmp_path / "data"), chunk_size=2)
    assert (again["recorded"], again["already_recorded"]) == (0, 5)
    assert task_states(f"battles-{battles}") == states


def test_a_retry_judges_only_what_is_missing(tmp_path: Path) -> None:
    from flows.battles import run_as_flow

    battles = write_battles(tmp_path / "flaky.jsonl", 3)
    with BatchRun(str(battles), settings_in(tmp_path / "data")) as run:
        flaky = FlakyEvaluator(run.agent.evaluator, "b-1", failures=2)
        run.agent.evaluator = flaky  # type: ignore[assignment]
        run_as_flow(run)
        assert run.totals.recorded == 3
    assert flaky.calls == {"b-0": 1, "b-1": 3, "b-2": 1}


def test_a_battle_that_cannot_be_judged_is_set_aside_and_judged_by_the_next_run(tmp_path: Path) -> None:
    from flows.battles import run_as_flow

    battles = write_battles(tmp_path / "broken.jsonl", 3)
    settings = settings_in(tmp_path / "data", retries=1)
    with BatchRun(str(battles), settings) as run:
        run.agent.evaluator = FlakyEvaluator(run.agent.evaluator, "b-1", failures=99)  # type: ignore[assignment]
        run_as_flow(run)
        assert (run.totals.recorded, run.totals.not_evaluated) == (2, 1)
    assert [row[0] for row in rows(settings.data_dir)] == ["b-0", "b-2"]
    entry = json.loads((settings.not_evaluated / "b-1.json").read_bytes())
    assert (entry["reason"], entry["attempts"]) == ("the sandbox worker died", 2)
    assert task_states(f"battles-{battles}")["evaluate", "FAILED"] == 1
    with BatchRun(str(battles), settings) as run:
        run_as_flow(run)
        assert (run.totals.recorded, run.totals.already_recorded) == (1, 2)
    assert not (settings.not_evaluated / "b-1.json").exists()


def test_nothing_of_a_battle_is_stored_by_the_orchestrator(tmp_path: Path, prefect_server: Path) -> None:
    from flows.battles import evaluate, evaluate_battles, generate_dbom, submit_result

    assert [step.persist_result for step in (evaluate, generate_dbom, submit_result, evaluate_battles)] == [False] * 4
    battles = write_battles(tmp_path / "private.jsonl", 1)
    before = stored(prefect_server)
    evaluate_battles(str(battles), str(tmp_path / "data"))
    assert prefect_server.is_dir()
    assert stored(prefect_server) == before


def stored(home: Path) -> set[Path]:
    return {path for path in home.rglob("*") if path.is_file() and "storage" in path.parts}


def test_the_flow_leaves_a_summary_and_escapes_what_agents_wrote(tmp_path: Path) -> None:
    from prefect.artifacts import Artifact

    from flows.battles import evaluate_battles

    battles = write_battles(tmp_path / "summary.jsonl", 1)
    line = json.loads(battles.read_text())
    line["participant"] = {"agent": "<script>|x"}
    battles.write_text(json.dumps(line) + "\n{}\n")
    report = evaluate_battles(str(battles), str(tmp_path / "data"))
    assert (report["recorded"], report["refused"]) == (1, 1)
    artifact = Artifact.get("battles-summary")
    assert artifact is not None
    assert "b-0" in str(artifact.data)
    assert "<script>" not in str(artifact.data)


def test_a_killed_flow_is_taken_up_by_the_same_command(tmp_path: Path) -> None:
    import signal
    import subprocess

    from prefect.settings import PREFECT_API_URL

    battles = write_battles(tmp_path / "killed.jsonl", 12)
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    command = [
        sys.executable,
        "-m",
        "flows.battles",
        str(battles),
        "-C",
        str(tmp_path / "data"),
        "--chunk-size",
        "2",
        "--json",
    ]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        if len(list((tmp_path / "data" / "dboms").glob("dbom_*.json"))) >= 3:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(rows(tmp_path / "data"))
    assert done >= 2
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    report = json.loads(second.stdout)
    assert (report["already_recorded"], report["recorded"]) == (done, 12 - done)
    assert len(rows(tmp_path / "data")) == 12


def test_a_server_that_dies_in_the_middle_does_not_stop_the_work(tmp_path: Path, gate: Any) -> None:
    import subprocess

    battles = write_battles(tmp_path / "cut.jsonl", 12)
    place = ["-C", str(tmp_path / "data"), "--chunk-size", "2", "--json"]
    # Prefect's client asks a dead server five times again, for a minute and more
    mortal = {**os.environ, "PREFECT_API_URL": gate.url, "PREFECT_CLIENT_MAX_RETRIES": "1"}
    command = [sys.executable, "-m", "flows.battles", str(battles), *place]
    with subprocess.Popen(command, env=mortal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list((tmp_path / "data" / "dboms").glob("dbom_*.json")):
            time.sleep(0.01)
        gate.shut()
        answer, said = process.communicate(timeout=150)
    assert process.returncode == 0, said
    assert json.loads(answer)["recorded"] == len(rows(tmp_path / "data")) == 12
    assert "Prefect failed" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [["no-such-file.jsonl"], []])
def test_the_module_has_the_exit_codes_of_the_command(words: list[str], tmp_path: Path) -> None:
    from flows.battles import command_line, run_as_flow

    assert command_line(["run", *words, "-C", str(tmp_path / "data")], runner=run_as_flow) == 2
    assert not (tmp_path / "data").exists()
