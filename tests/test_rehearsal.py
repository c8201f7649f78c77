"""A dry run foretells the run, and leaves no trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from green_logic.errors import ConfigurationError, InvalidBattleError
from green_logic.pipeline import BatchRun, run_batch
from green_logic.rehearsal import Forecast, rehearse
from green_logic.settings import Settings


def battle(battle_id: str, title: str = "x", **more: Any) -> str:
    task = {"title": title, "description": "Do it.", **more}
    return json.dumps({"battle_id": battle_id, "task": task, "purple_response": {"sourceCode": "x = 1\n"}})


def foretell(settings: Settings, lines: list[str], directory: Path) -> tuple[Forecast, list[str]]:
    (directory / "in.jsonl").write_text("\n".join(lines))
    reasons: list[str] = []
    forecast, _ = rehearse(str(directory / "in.jsonl"), settings, reasons.append)
    return forecast, reasons


def run(settings: Settings, directory: Path) -> BatchRun:
    with BatchRun(str(directory / "in.jsonl"), settings) as batch:
        run_batch(batch)
        return batch


def test_repeats_conflicts_and_case_twins_inside_the_input_are_foreseen(settings: Settings, tmp_path: Path) -> None:
    lines = [battle("a"), battle("b"), battle("a"), battle("a", "other"), battle("B"), "{", battle("c")]
    forecast, reasons = foretell(settings, lines, tmp_path)
    assert forecast == Forecast(read=7, would_judge=3, already_recorded=1, conflicts=1, refused=2)
    assert [reason.split(":")[1] for reason in reasons] == ["4", "5", "6"]
    assert "another input" in reasons[0]
    assert "only in case" in reasons[1]
    assert not settings.data_dir.exists()


def test_a_conflict_with_the_ledger_is_foreseen(settings: Settings, tmp_path: Path) -> None:
    foretell(settings, [battle("a"), battle("b")], tmp_path)
    run(settings, tmp_path)
    before = settings.database.read_bytes()
    forecast, reasons = foretell(settings, [battle("a"), battle("b", "other"), battle("A"), battle("c")], tmp_path)
    assert forecast == Forecast(read=4, would_judge=1, already_recorded=1, conflicts=1, refused=1)
    assert all("recorded" in reason for reason in reasons)
    assert settings.database.read_bytes() == before


@given(st.lists(st.tuples(st.sampled_from(["a", "A", "b", "c"]), st.sampled_from(["x", "y"])), max_size=12), st.data())
@hypothesis_settings(max_examples=12)
def test_what_a_dry_run_says_is_what_the_run_does(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("rehearsal")
    chunk = data.draw(st.sampled_from([1, 3, 32]))
    settings = Settings(data_dir=directory / "data", chunk_size=chunk, workers=1)
    lines = [battle(*pair) for pair in pairs]
    half = len(lines) // 2
    for part in (lines[:half], lines):  # the second time a part of it is on the ledger
        forecast, reasons = foretell(settings, part, directory)
        totals = run(settings, directory).totals
        assert (
            forecast.read,
            forecast.would_judge,
            forecast.already_recorded,
            forecast.conflicts,
            forecast.refused,
        ) == (
            totals.read,
            totals.recorded,
            totals.already_recorded,
            totals.conflicts,
            totals.refused,
        )
        assert len(reasons) == totals.conflicts + totals.refused


def test_what_cannot_be_read_is_an_error_and_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        rehearse(str(tmp_path / "none.jsonl"), settings, pytest.fail)
    with pytest.raises(InvalidBattleError, match="a JSON array"):
        foretell(settings, ["[", battle("a"), "]"], tmp_path)
    assert not settings.data_dir.exists()


def test_a_report_lists_the_recorded_battles_and_the_odd_keys(settings: Settings, tmp_path: Path) -> None:
    foretell(settings, [battle("a", hiddenTests="x"), battle("b", hiddenTests="x"), battle("c")], tmp_path)
    with BatchRun(str(tmp_path / "in.jsonl"), settings) as batch:
        run_batch(batch)
        report = batch.report()
    assert [entry["battle_id"] for entry in report["battles"]] == ["a", "b", "c"]
    assert all(0 <= entry["score"] <= 1 and entry["coverage"] == 0.75 for entry in report["battles"])
    assert all(Path(entry["dbom"]).is_file() for entry in report["battles"])
    assert report["battles_left_out"] == 0
    assert report["warnings"] == [
        {"message": "task.hiddenTests: kept but not read; did you mean hidden_tests?", "line": 1, "lines": 2}
    ]


def test_a_report_of_many_battles_stays_short(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("green_logic.outcomes.ROWS_KEPT", 2)
    foretell(settings, [battle(f"b-{number}") for number in range(5)], tmp_path)
    with BatchRun(str(tmp_path / "in.jsonl"), settings) as batch:
        run_batch(batch)
        report = batch.report()
    assert len(report["battles"]) == 2
    assert report["battles_left_out"] == 3
