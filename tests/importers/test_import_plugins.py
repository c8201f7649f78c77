"""Importers of others, by entry point: what they may do, and what the import does not let them do."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from green_logic.errors import ConfigurationError
from green_logic.importers import registry
from green_logic.importers.outcomes import Failed, Record, Refused, Where
from green_logic.importers.registry import choose_importer, find_importers
from green_logic.importers.run import ImportRun


class Plugin:
    """An importer that yields whatever a test gives it."""

    name = "plugin"
    outcomes: tuple[object, ...] = ()

    def recognises(self, path: Path) -> bool:
        return path.suffix == ".plugin"

    def records(self, path: Path, options: object):
        yield from self.outcomes


class NoImporter:
    """Not one."""


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch):
    """Installs entry points for the length of a test."""

    def install(**targets: str) -> None:
        entries = [EntryPoint(name, value, registry.GROUP) for name, value in targets.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: entries if group == registry.GROUP else [])

    return install


def take(settings, tmp_path, *outcomes: object) -> dict[str, object]:
    plugin = Plugin()
    plugin.outcomes = outcomes
    with ImportRun(settings) as importing:
        importing.take(tmp_path / "x.plugin", plugin)
        return importing.report()


def test_a_plugin_is_found_by_its_entry_point_and_chosen_by_its_files(tmp_path, plug):
    plug(plugin=f"{__name__}:Plugin")
    path = tmp_path / "x.plugin"
    path.touch()
    assert type(choose_importer(path)).__name__ == "Plugin"
    assert list(find_importers()) == ["logomesh", "inspect-ai", "plugin"]


@pytest.mark.parametrize("target", ["no.such.module:X", f"{__name__}:NoImporter", f"{__name__}:missing"])
def test_a_plugin_that_cannot_be_loaded_is_an_error_by_name(plug, target):
    plug(broken=target)
    with pytest.raises(ConfigurationError, match="broken"):
        find_importers()


def test_a_plugin_cannot_take_the_place_of_a_built_in_importer(plug):
    plug(logomesh=f"{__name__}:Plugin")
    assert type(find_importers()["logomesh"]).__name__ == "LogoMeshImporter"


def test_an_id_of_a_plugin_never_becomes_a_path(tmp_path, settings):
    report = take(settings, tmp_path, Failed(Where("x", 1), "../../evil", "failed"))
    assert (report["refused"], report["not_evaluated"]) == (1, 0)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_plugin_that_names_one_battle_and_holds_another_is_refused(tmp_path, settings, make_result):
    good = make_result("b-1", score=0.5)
    digest = good["battle_sha256"]
    records = [
        Record(Where("x", 1), "b-2", good, digest, 0.5, ""),
        Record(Where("x", 2), "b-1", good, "0" * 64, 0.5, ""),
        Record(Where("x", 3), "b-1", {**good, "evaluation": {"cis_score": 7}}, digest, 0.5, ""),
        Record(Where("x", 4), "b-1", good, digest, 0.5, ""),
    ]
    report = take(settings, tmp_path, *records, Refused(Where("x", 5), "\ud800", "other", "half \ud800"))
    assert (report["recorded"], report["refused"]) == (1, 4)
