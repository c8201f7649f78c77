"""What a person sees: counts and places in words, and nothing that a terminal would obey."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from green_logic.console import (
    RunProgress,
    markdown_summary,
    printable,
    row_cells,
    summary_line,
    summary_table,
    write_summary,
)
from green_logic.pipeline import BatchRun
from green_logic.settings import Settings
from green_logic.summary import Row

HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\b\x9b31m\u202ereversed\u2066 [red]x[/red] :smile: |`<b>*_"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def row(**changes: object) -> Row:
    values = {"battle_id": "b-1", "task": "Adder", "agent": "purple", "cis": 0.5, "dbom": "data/dboms/dbom_b-1.json"}
    parts = {"rationale": 0.25, "architecture": 1.0, "testing": 0.0, "logic": None, "coverage": 0.75}
    return Row(**{**values, **parts, **changes})


@pytest.fixture
def run(tmp_path: Path, settings: Settings):
    """A run that recorded one battle, refused one line and set one battle aside, all with hostile texts."""
    (tmp_path / "in.jsonl").write_text("")
    with BatchRun(str(tmp_path / "in.jsonl"), settings) as run:
        run.outcomes.rows.append(row(battle_id=HOSTILE, task=HOSTILE, agent=HOSTILE))
        run.totals.read, run.totals.recorded, run.totals.refused, run.totals.not_evaluated = 3, 1, 1, 1
        run.outcomes._refused_reasons += [f"in.jsonl:2: {HOSTILE}"] * 12
        yield run


def controls(text: str) -> set[str]:
    return {char for char in text if not char.isprintable()} - {"\n"}


@pytest.mark.parametrize("char", [*map(chr, range(32)), "\x7f", "\x85", "\x9b", "\u202e", "\u2066", "\ufeff", "\ud800"])
def test_what_a_terminal_would_obey_is_shown_and_not_sent(char: str):
    assert printable(f"a{char}b") == "a�b"


def test_ordinary_text_stays_and_long_text_is_cut():
    assert printable("naïve – 日本 😀") == "naïve – 日本 😀"
    assert printable("x" * 30, 28) == "x" * 27 + "…"
    assert printable("x" * 28, 28) == "x" * 28


def test_a_component_that_was_not_measured_is_a_dash_and_a_zero_is_a_zero():
    assert row_cells(row())[3:8] == ("0.500", "0.25", "1.00", "0.00", "–")
    assert not controls("".join(row_cells(row(agent=HOSTILE, task=HOSTILE, battle_id=HOSTILE))))


def test_zero_counts_of_bad_things_are_left_out(run: BatchRun):
    assert summary_line(run) == "1 recorded · 0 already in the ledger · 1 refused · 1 not evaluated"
    run.totals.refused = run.totals.not_evaluated = 0
    assert summary_line(run) == "1 recorded · 0 already in the ledger"


def test_a_summary_for_a_pipe_holds_no_control_character_and_wraps_no_path(run: BatchRun):
    stream = io.StringIO()
    write_summary(run, stream, ["green-logic status"])
    text = stream.getvalue()
    assert not controls(text)
    assert f"ledger  {run.settings.database}  (0 battles)\n" in text
    assert f"rejects {run.outcomes.rejects}\n" in text
    assert "[red]x[/red] :smile:" in text  # neither markup nor an emoji
    assert text.count("in.jsonl:2:") == 10
    assert "✘ 1 recorded" in text


@pytest.mark.parametrize("columns", ["20", "40", "200"])
def test_a_summary_for_a_terminal_of_any_width_sends_only_its_own_sequences(
    run: BatchRun, columns: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    write_summary(run, stream, ["green-logic status"])
    text = stream.getvalue()
    for own in ("\x1b[1m", "\x1b[0m"):
        text = text.replace(own, "")
    assert not controls(text)
    assert str(run.settings.database) in text


def test_no_color_is_respected(run: BatchRun, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    write_summary(run, stream, [])
    assert not [code for code in ("\x1b[3", "\x1b[4", "\x1b[9") if code in stream.getvalue()]


def test_a_summary_table_has_a_line_for_each_row():
    assert summary_table([row(), row(battle_id="b-2")], 80).row_count == 2


@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (20, "battle CIS"),
        (40, "battle CIS R A T L"),
        (60, "battle agent CIS R A T L"),
        (80, "battle task agent CIS R A T L"),
        (120, "battle task agent CIS R A T L DBOM"),
    ],
)
def test_a_row_stays_one_line_on_a_narrow_terminal(columns: int, headings: str):
    rows = [row(battle_id="batch-gate", task="A gate that lets items 日本語 through", agent="northwind-coder")]
    console = Console(file=io.StringIO(), width=columns)
    console.print(summary_table(rows, columns))
    heading, line = console.file.getvalue().splitlines()
    assert heading.split() == headings.split()
    assert max(cell_len(heading), cell_len(line)) <= columns
    assert line.split()[0] == "batch-gate"  # an id is whole, or it cannot be copied
    assert ("…" in line) == ("task" in headings)


def test_an_id_that_is_wider_than_the_terminal_is_folded_and_not_cut():
    console = Console(file=io.StringIO(), width=20)
    console.print(summary_table([row(battle_id="x" * 50)], 20))
    assert console.file.getvalue().count("x") == 50


def test_progress_is_silent_when_asked_and_where_there_is_no_terminal(run: BatchRun):
    for quiet in (True, False):
        stream = io.StringIO()
        with RunProgress(stream, quiet=quiet) as progress:
            for _ in range(50):
                progress.show(run)
        assert stream.getvalue().strip() == ""


def test_markdown_escapes_what_would_be_a_table_a_link_or_html(run: BatchRun):
    text = markdown_summary(run)
    lines = text.splitlines()
    cells = next(line for line in lines if "owned" in line)
    assert cells.replace("\\|", "").count("|") == 10
    assert not controls(text)
    assert "<b>" not in text
    assert "\\`" in cells
    assert "\\[red\\]" in cells


def test_markdown_of_a_run_without_rows_says_so(run: BatchRun):
    run.outcomes.rows.clear()
    assert "nothing new was recorded" in markdown_summary(run)


def test_the_report_is_plain_json(run: BatchRun):
    assert json.loads(json.dumps(run.report()))["ledger_size"] == 0
