"""What of a table a line can hold."""

from __future__ import annotations

import io

import pytest

from green_logic.commands.list import table_lines
from green_logic.ledger.listing import Listed
from green_logic.terminal import WHOLE, fitting, line_width

WIDTHS = {"id": 10, "task": 20, "a": 4, "b": 4}
LEAST = {("task",): 8, ("a", "b"): WHOLE}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("width", "kept"),
    [
        (None, WIDTHS),
        (44, WIDTHS),
        (43, WIDTHS | {"task": 19}),
        (32, WIDTHS | {"task": 8}),
        (31, {"id": 10, "a": 4, "b": 4}),
        (21, {"id": 10}),
        (5, {"id": 10}),
    ],
)
def test_columns_are_cut_and_then_left_out_until_a_line_holds_them(width: int | None, kept: dict[str, int]):
    assert fitting(WIDTHS, width, LEAST) == kept


def test_a_pipe_gets_everything_and_a_terminal_what_it_holds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert line_width(io.StringIO()) is None
    assert line_width(Terminal()) == 40


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (None, "2026-01-02T03:04:05Z  0.500  gate-sound-and-long  A gate that lets items thro…  northwind"),
        (88, "2026-01-02T03:04:05Z  0.500  gate-sound-and-long  A gate that lets items thro…  northwi…"),
        (66, "2026-01-02T03:04:05Z  0.500  gate-sound-and-long  A gate that let…"),
        (60, "2026-01-02T03:04:05Z  0.500  gate-sound-and-long"),
        (40, "0.500  gate-sound-and-long"),
        (5, "0.500  gate-sound-and-long"),
    ],
)
def test_a_listed_battle_is_one_line_with_its_whole_id(width: int | None, line: str):
    listed = Listed(
        battle_id="gate-sound-and-long",
        timestamp="2026-01-02T03:04:05.000000Z",
        score=0.5,
        task_id="t",
        task_title="A gate that lets items through",
        agent="northwind",
        model=None,
        profile=None,
        coverage=None,
    )
    assert list(table_lines([listed], width)) == [line]
    assert list(table_lines([], width)) == []
