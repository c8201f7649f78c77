"""The scheduled flow: export, archive, backup and audit, each repeated when the world fails, loud when the data do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from green_logic.errors import LedgerMissingError, VerificationError
from green_logic.publication import STEPS, Order, find_steps, publish, report
from green_logic.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def recorded(settings: Settings, make_result: Any) -> Settings:
    """A ledger of three battles."""

    quick = settings.changed(retries=1, retry_delay_s=0.01)
    record(quick, make_result, "b-1", "b-2", "b-3")
    return quick


def record(settings: Settings, make_result: Any, *battle_ids: str) -> None:
    from green_logic.agent import GreenAgent

    with GreenAgent(settings=settings) as agent:
        for battle_id in battle_ids:
            agent.submit_result(make_result(battle_id))
        agent.ledger.checkpoint(agent.key)  # as a run does at its end


def steps_of(done: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {step["step"]: (step["files"], step["rows"]) for step in done["steps"]}


def published(settings: Settings) -> list[str]:
    places = [settings.data_dir / "exports", settings.data_dir / "archives"]
    return sorted(path.name for place in places for path in place.rglob("*") if path.suffix in {".parquet", ".gz"})


def test_the_flow_publishes_what_is_new_and_a_second_run_finds_nothing(recorded: Settings, make_result: Any) -> None:
    from flows.publish import export_and_archive

    first = export_and_archive(str(recorded.data_dir))
    assert steps_of(first) == {"export": (1, 3), "archive": (1, 3), "backup": (1, 3), "audit": (0, 3)}
    files = published(recorded)
    second = export_and_archive(str(recorded.data_dir))
    assert steps_of(second) == {"export": (0, 0), "archive": (0, 0), "backup": (1, 3), "audit": (0, 3)}
    assert published(recorded) == files
    record(recorded, make_result, "b-4")
    assert steps_of(export_and_archive(str(recorded.data_dir)))["export"] == (1, 1)
    rebuilt = export_and_archive(str(recorded.data_dir), rebuild=True)
    assert steps_of(rebuilt)["export"] == (1, 4)


def test_the_library_publishes_the_same_without_the_orchestrator(recorded: Settings) -> None:
    from flows.publish import export_and_archive

    order = Order(recorded)
    local = report(order, publish(order))
    assert steps_of(local) == {"export": (1, 3), "archive": (1, 3), "backup": (1, 3), "audit": (0, 3)}
    assert steps_of(export_and_archive(str(recorded.data_dir)))["export"] == (0, 0)


def test_the_flow_leaves_a_table_and_a_summary(recorded: Settings) -> None:
    from prefect.artifacts import Artifact

    from flows.publish import export_and_archive

    export_and_archive(str(recorded.data_dir))
    table = Artifact.get("publication-files")
    assert table is not None
    lines = json.loads(str(table.data))
    assert [(line["step"], line["files"], line["rows"]) for line in lines][:2] == [("export", 1, 3), ("archive", 1, 3)]
    assert all(line["size_bytes"] > 0 for line in lines[:3])
    link = Artifact.get("publication-export")
    assert link is not None
    assert (recorded.data_dir / "exports").as_uri() in str(link.data)
    summary = Artifact.get("publication-summary")
    assert summary is not None
    assert published(recorded)[0] in str(summary.data)


def test_a_second_place_that_the_settings_name_is_used_and_shown(
    recorded: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from prefect.artifacts import Artifact

    from flows.publish import export_and_archive

    monkeypatch.setenv("GREEN_LOGIC_ARCHIVE_TO", str(tmp_path / "second"))
    done = export_and_archive(str(recorded.data_dir))
    assert [(step["copies"], step["copied_to"]) for step in done["steps"] if step["step"] == "archive"] == [
        (1, str(tmp_path / "second" / "archives"))
    ]
    assert len(list((tmp_path / "second" / "archives").glob("*.tar.gz"))) == 1
    link = Artifact.get("publication-archive-copies")
    assert link is not None
    assert (tmp_path / "second" / "archives").as_uri() in str(link.data)
    export_and_archive(str(recorded.data_dir), archive_to="")  # none, whatever the settings say
    table = Artifact.get("publication-files")
    assert table is not None
    assert [line["copied_to"] for line in json.loads(str(table.data))] == [""] * 4


def test_a_scheduled_publication_tells_once_what_it_did(recorded: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    from flows.publish import export_and_archive, main

    place = str(recorded.data_dir)
    export_and_archive(place)
    assert f"✔ published {place}: export: 1 new files, 3 rows" in capsys.readouterr().err
    (recorded.dboms / "dbom_b-2.json").write_bytes(b"{}")
    export_and_archive(place, return_state=True)
    assert "✔" not in capsys.readouterr().err
    assert main(["-C", place, "--skip", "audit"]) == 0  # whoever waits for the answer gets it on standard output
    captured = capsys.readouterr()
    assert "✔" not in captured.err
    assert "backup  1 new files" in captured.out
    export_and_archive(place, skip=["audit"])
    assert "✔" in capsys.readouterr().err


def test_a_run_without_a_directory_of_its_own_is_not_named_after_none(
    recorded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client

    from flows.publish import export_and_archive

    directory = str(recorded.data_dir)
    monkeypatch.setenv("GREEN_LOGIC_DATA", directory)
    export_and_archive(skip=["archive", "backup"])
    export_and_archive(directory, skip=["archive", "backup"])
    with get_client(sync_client=True) as client:
        names = {run.name for run in client.read_flow_runs(limit=50)}
    assert {"publish", f"publish-{directory}"} <= names


def test_an_archive_that_rotted_at_the_second_place_fails_the_flow(recorded: Settings, tmp_path: Path) -> None:
    from flows.publish import export_and_archive

    export_and_archive(str(recorded.data_dir), archive_to=str(tmp_path / "second"))
    (copy,) = (tmp_path / "second" / "archives").glob("*.tar.gz")
    copy.write_bytes(copy.read_bytes()[::-1])
    theirs = copy.read_bytes()
    state = export_and_archive(str(recorded.data_dir), archive_to=str(tmp_path / "second"), return_state=True)
    assert state.is_failed()
    assert f"{copy}: its SHA-256 is not the manifest's" in str(state.message)
    assert copy.read_bytes() == theirs


def test_a_check_that_fails_makes_the_flow_failed_and_names_the_finding(recorded: Settings) -> None:
    from flows.publish import export_and_archive

    path = recorded.dboms / "dbom_b-2.json"
    path.write_bytes(path.read_bytes().replace(b'"1.1"', b'"1.2"'))
    state = export_and_archive(str(recorded.data_dir), return_state=True)
    assert state.is_failed()
    assert state.message is not None
    assert "VerificationError" in state.message
    assert "dbom_b-2.json" in state.message
    assert published(recorded)  # what is sound is published all the same: it comes from the rows
    with pytest.raises(VerificationError, match="dbom_b-2"):
        publish(Order(recorded))


def test_a_step_that_met_a_full_disk_is_repeated(recorded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.publish import export_and_archive

    monkeypatch.setenv("GREEN_LOGIC_RETRIES", "8")
    monkeypatch.setenv("GREEN_LOGIC_RETRY_DELAY_S", "0.1")
    obstacle = recorded.data_dir / "archives"
    obstacle.write_text("in the way")  # to the step it is as good as a disk that cannot be written
    threading.Timer(1.0, obstacle.unlink).start()
    assert steps_of(export_and_archive(str(recorded.data_dir)))["archive"] == (1, 3)


def test_a_finding_is_not_repeated(recorded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.publish import export_and_archive

    monkeypatch.setenv("GREEN_LOGIC_RETRIES", "1")
    monkeypatch.setenv("GREEN_LOGIC_RETRY_DELAY_S", "300")
    (recorded.dboms / "dbom_b-2.json").write_bytes(b"{}")
    started = time.monotonic()
    assert export_and_archive(str(recorded.data_dir), return_state=True).is_failed()
    assert time.monotonic() - started < 300


def test_before_the_first_battle_there_is_nothing_to_publish(settings: Settings) -> None:
    from flows.publish import export_and_archive

    assert steps_of(export_and_archive(str(settings.data_dir))) == {}
    assert not settings.data_dir.exists()


def test_a_ledger_that_vanished_is_not_taken_for_a_new_one(recorded: Settings) -> None:
    publish(Order(recorded))
    files = published(recorded)
    for path in recorded.data_dir.glob("battles.db*"):
        path.unlink()
    with pytest.raises(LedgerMissingError, match="no ledger"):
        find_steps(Order(recorded))
    assert published(recorded) == files


def test_a_dead_api_does_not_stop_the_publication(recorded: Settings) -> None:
    command = [sys.executable, "-m", "flows.publish", "-C", str(recorded.data_dir), "--json"]
    dead = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = subprocess.run(command, check=False, cwd=ROOT, env=dead, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert steps_of(json.loads(done.stdout))["export"] == (1, 3)
    assert "publishing without it" in done.stderr


def test_a_server_that_dies_in_the_middle_does_not_stop_the_publication(recorded: Settings, gate: Any) -> None:
    command = [sys.executable, "-m", "flows.publish", "-C", str(recorded.data_dir), "--json"]
    # Prefect's client asks a dead server five times again, for a minute and more
    mortal = {**os.environ, "PREFECT_API_URL": gate.url, "PREFECT_CLIENT_MAX_RETRIES": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=mortal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not published(recorded):
            time.sleep(0.01)
        gate.shut()
        answer, said = process.communicate(timeout=150)
    assert process.returncode == 0, said
    assert gate.passed, "the flow never met the server"
    done = json.loads(answer)
    assert steps_of(done) == {"export": (1, 3), "archive": (1, 3), "backup": (1, 3), "audit": (0, 3)}
    assert "everything was published before" in said
    assert len(list((recorded.data_dir / "backups").glob("*/manifest.json"))) == 1  # nothing was done twice
    assert steps_of(report(Order(recorded), publish(Order(recorded))))["export"] == (0, 0)


def test_steps_can_be_left_out_and_unknown_ones_cannot(recorded: Settings) -> None:
    from flows.publish import export_and_archive

    done = export_and_archive(str(recorded.data_dir), skip=["backup", "archive"])
    assert steps_of(done) == {"export": (1, 3), "audit": (0, 3)}
    assert not (recorded.data_dir / "backups").exists()
    files = published(recorded)
    state = export_and_archive(str(recorded.data_dir), skip=["back-up"], return_state=True)
    assert state.is_failed()
    assert "cannot skip 'back-up'" in str(state.message)
    assert published(recorded) == files


def test_a_failure_is_told_in_words_once_and_without_the_way_there(recorded: Settings) -> None:
    (recorded.dboms / "dbom_b-2.json").write_bytes(b"{}")
    command = [sys.executable, "-m", "flows.publish", "-C", str(recorded.data_dir)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert done.returncode == 1
    assert "dbom_b-2.json" in done.stderr
    assert "green-logic verify lists everything" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_pickled_even_if_the_flow_fails(recorded: Settings, prefect_server: Path) -> None:
    from flows.publish import TASKS, export_and_archive

    assert [step.persist_result for step in (*TASKS.values(), export_and_archive)] == [False] * 5
    assert list(TASKS) == list(STEPS)
    before = stored(prefect_server)
    export_and_archive(str(recorded.data_dir))
    assert stored(prefect_server) == before
    (recorded.dboms / "dbom_b-2.json").write_bytes(b"{}")
    export_and_archive(str(recorded.data_dir), return_state=True)
    for path in stored(prefect_server) - before:  # the exception, which Prefect keeps in any case
        assert json.loads(path.read_bytes())["__exc_type__"] == "green_logic.errors.VerificationError"


def stored(home: Path) -> set[Path]:
    return {path for path in home.rglob("*") if path.is_file() and "storage" in path.parts}
