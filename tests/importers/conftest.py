"""The import itself, and what a test may ask about it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from green_logic.importers.registry import choose_importer
from green_logic.importers.run import ImportRun
from green_logic.importers.score_map import parse_score_maps
from green_logic.settings import Settings

Import = Callable[..., dict[str, Any]]


@pytest.fixture
def run_import(settings: Settings) -> Import:
    """Imports paths into the test's ledger; the report. `of` names another importer, `maps` are score maps."""

    def take(*paths: Path, maps: Sequence[str] = (), of: str | None = None, dry_run: bool = False) -> dict[str, Any]:
        with ImportRun(settings, score_maps=parse_score_maps(maps), dry_run=dry_run) as importing:
            for path in paths:
                importing.take(path, choose_importer(path, name=of))
            report = importing.report()
        others = ("recorded", "already_recorded", "conflicts", "refused", "not_evaluated")
        assert report["read"] == sum(report[name] for name in others), "a record was dropped in silence"
        return report

    return take


@pytest.fixture
def recorded(settings: Settings) -> Callable[[], dict[str, dict[str, Any]]]:
    """The results on the ledger by id."""

    def read() -> dict[str, dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(settings.database)) as connection:
            rows = connection.execute("SELECT battle_id, raw_result FROM battles").fetchall()
        return {battle_id: json.loads(raw) for battle_id, raw in rows}

    return read


@pytest.fixture
def unchanged() -> Callable[..., contextlib.AbstractContextManager[None]]:
    """Checks that a block changes no byte, no date and no name in a directory."""

    @contextlib.contextmanager
    def watch(directory: Path) -> Iterator[None]:
        def state() -> dict[str, tuple[int, bytes]]:
            files = [path for path in directory.rglob("*") if path.is_file()]
            return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

        before = state()
        yield
        assert state() == before

    return watch


@pytest.fixture(scope="session")
def arena() -> Path:
    """The real records; the test is skipped, visibly, where they are not."""
    default = Path(__file__).parents[3] / "shared" / "data"
    directory = Path(os.environ.get("GREEN_LOGIC_TEST_DATA", default)) / "logomesh"
    if not directory.is_dir():
        pytest.skip(f"no real records in {directory}: set GREEN_LOGIC_TEST_DATA")
    return directory
