"""A dry run of the export: the same answers and refusals, and nothing is touched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from export_samples import copy_of, make_key, record

from green_logic.cli import main
from green_logic.errors import ConfigurationError, VerificationError
from green_logic.publish.export import ExportPlan, export_battles, plan_export
from green_logic.publish.published import published_files
from green_logic.settings import Settings

ROWS = 60


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(data_dir=tmp_path_factory.mktemp("template") / "data")
    record(settings, make_key(tmp_path_factory.mktemp("key")), range(ROWS))
    return settings


@pytest.fixture
def recorded(template: Settings, tmp_path: Path) -> Settings:
    """A ledger of 60 battles."""
    return copy_of(template, tmp_path / "data")


def everything(root: Path) -> dict[str, str]:
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_a_plan_says_what_an_export_does_and_touches_nothing(recorded: Settings) -> None:
    before = everything(recorded.data_dir)
    address = str(recorded.data_dir / "exports" / "battles")
    assert plan_export(recorded) == ExportPlan(address, 1, ROWS, ROWS)
    assert plan_export(recorded, since=50) == ExportPlan(address, 51, ROWS, 10)
    assert everything(recorded.data_dir) == before
    report = export_battles(recorded)
    assert (report.first, report.last, report.rows) == (1, ROWS, ROWS)
    assert plan_export(recorded) == ExportPlan(address, 0, 0, 0)
    assert plan_export(recorded, rebuild=True).rows == ROWS


def test_a_plan_refuses_what_an_export_refuses(recorded: Settings) -> None:
    export_battles(recorded)
    before = everything(recorded.data_dir)
    with pytest.raises(ConfigurationError, match="exclude"):
        plan_export(recorded, since=1, rebuild=True)
    with pytest.raises(ConfigurationError, match="repeat or leave out"):
        plan_export(recorded, since=1)
    published_files(recorded)[0].write_bytes(b"short")
    with pytest.raises(VerificationError, match="expected"):
        plan_export(recorded)
    with pytest.raises(ConfigurationError):
        plan_export(recorded.changed(data_dir=recorded.data_dir / "nowhere"))
    assert everything(recorded.data_dir).keys() == before.keys()


def test_the_command_prints_the_plan_and_writes_nothing(recorded: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(recorded.data_dir)
    command = ["-C", str(recorded.data_dir), "export", "--dry-run"]
    assert main(command) == 0
    assert "60 rows, ids 1 to 60 -> " in capsys.readouterr().out
    assert main([*command, "--json", "--since", "58"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["dry_run"], answer["first"], answer["last"], answer["rows"]) == (True, 59, 60, 2)
    assert main([*command, "--since", "60"]) == 0
    assert "nothing new" in capsys.readouterr().out
    assert main([*command, "--since", "-1"]) != 0
    assert everything(recorded.data_dir) == before
