"""`green-logic import`: what it says, its exit codes, its one document."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from foreign import arena_row, sample_of, write_database, write_dbom, write_log

from green_logic.commands import add_common, import_
from green_logic.errors import ConfigurationError
from green_logic.settings import Settings

Command = Callable[..., int]


@pytest.fixture
def command(settings: Settings) -> Command:
    """The command as the front door calls it."""

    def call(*words: str | Path) -> int:
        parser = argparse.ArgumentParser()
        import_.add_arguments(parser)
        add_common(parser)
        return import_.run(parser.parse_args([str(word) for word in words]), settings)

    return call


def test_all_imported_is_0_and_anything_left_out_is_1(tmp_path, command):
    assert command(write_database(tmp_path / "good.db", [arena_row("b-1")])) == 0
    assert command(write_database(tmp_path / "again.db", [arena_row("b-1")])) == 0
    assert command(write_database(tmp_path / "conflict.db", [arena_row("b-1", 0.1)])) == 1
    assert command(write_log(tmp_path / "run.eval", [sample_of()])) == 1
    assert command(write_log(tmp_path / "run.eval", [sample_of()]), "--score-map", "C=1") == 0


@pytest.mark.parametrize("words", [["--score-map", "C"], ["--format", "none"], ["--format", "inspect-ai"], []])
def test_wrong_use_is_told_before_anything_is_written(tmp_path, command, settings, words):
    database = write_database(tmp_path / "good.db", [arena_row("b-1")])
    missing = [tmp_path / "missing.db"] if words[:1] != ["--score-map"] else []
    with pytest.raises(ConfigurationError):
        command(database, *missing, *words)
    assert not settings.data_dir.exists()


def test_it_says_the_counts_both_sides_of_a_conflict_and_where_the_rest_is(tmp_path, command, capsys):
    rows = [arena_row("b-1", 0.2), arena_row("b-1", 0.9), arena_row("b-2", breakdown="Scoring failed due to error: x")]
    write_dbom(tmp_path / "dboms", rows[1])
    assert command(write_database(tmp_path / "battles.db", rows)) == 1
    out = capsys.readouterr().out
    for text in (
        "3 records read",
        "1 recorded",
        "1 conflicts",
        "1 not evaluated",
        "battles.db:1",
        "score 0.200",
        "score 0.900",
        "legacy-unsigned",
        "1 match their row",
        "1 were overwritten by a later run",
        "every record that was left out",
    ):
        assert text in out


def test_json_is_one_document_with_the_counts_and_no_other_word(tmp_path, command, capsys):
    database = write_database(tmp_path / "battles.db", [arena_row("b-1"), arena_row("b-1", 0.9)])
    assert command(database, "--json") == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["schema"], document["ok"], document["read"]) == ("green-logic/import/1", False, 2)
    assert document["examples"]["conflict"][0]["recorded"]["score"] == 0.67
    assert not captured.err


def test_the_log_is_signed_once_battles_are_recorded(tmp_path, command, settings):
    command(write_database(tmp_path / "bad.db", [arena_row("b-1", score=None)]))
    assert not (settings.data_dir / "checkpoint").exists()
    command(write_database(tmp_path / "battles.db", [arena_row("b-1")]))
    assert (settings.data_dir / "checkpoint").is_file()


def test_a_dry_run_says_that_it_is_one(tmp_path, command, capsys, settings):
    assert command(write_database(tmp_path / "battles.db", [arena_row("b-1")]), "--dry-run") == 0
    assert "would be recorded" in capsys.readouterr().out
    assert not settings.data_dir.exists()


def test_what_a_terminal_would_obey_is_not_sent_to_it(tmp_path, command, capsys):
    row = arena_row("b-1", breakdown="Scoring failed due to error: \x1b[2J")
    command(write_database(tmp_path / "battles.db", [row]))
    assert "\x1b" not in capsys.readouterr().out
