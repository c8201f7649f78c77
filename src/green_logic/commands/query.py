"""`green-logic query`: SQL over the published Parquet files."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import signal
import sys
from typing import TYPE_CHECKING, Any

from green_logic.commands import GOOD, say, write_bytes, write_json
from green_logic.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from green_logic.settings import Settings

SUMMARY = "ask the published Parquet files in SQL (needs DuckDB)"
EXAMPLES = """examples:
  green-logic query                           the views and their columns
  green-logic query "SELECT profile, agent, count(*), avg(score) FROM battles GROUP BY ALL ORDER BY 4 DESC"
  green-logic query --csv "FROM results" > results.csv"""
WIDTH = 60  # characters of a cell in the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    parser.add_argument("sql", nargs="?", default="", metavar="SQL", help="a query on the views battles and results")
    parser.add_argument("--csv", action="store_true", help="print CSV in place of a table")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the query and print its rows."""
    from green_logic.publish.analytics import connect

    with connect(settings) as connection, _heeding_ctrl_c(connection.interrupt):
        names, rows = _ask(connection, options.sql or _COLUMNS)
    if options.json:
        write_json("query", {"ok": True, "columns": names, "rows": [[_plain(value) for value in row] for row in rows]})
    elif options.csv:
        _write_csv([names, *rows])
    else:
        say(_table(names, rows))
    return GOOD


_COLUMNS = """
SELECT table_name AS view, column_name AS column, data_type AS type FROM information_schema.columns
WHERE table_name IN ('battles', 'results') ORDER BY table_name, ordinal_position
"""


def _ask(connection: Any, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    import duckdb

    hint = "green-logic query lists views and columns"
    try:
        answer = connection.execute(sql)
        if answer is None:
            raise ConfigurationError(f"the query failed: there is no statement in {sql!r}", hint=hint)
        return [column[0] for column in answer.description or ()], answer.fetchall()
    except (duckdb.Error, RuntimeError) as error:
        if "interrupted" in str(error).lower():  # how DuckDB hands on Ctrl-C
            raise KeyboardInterrupt from error
        raise ConfigurationError(f"the query failed: {error}", hint=hint) from error


@contextlib.contextmanager
def _heeding_ctrl_c(interrupt: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C asks DuckDB to end, which waits for what it has begun; the second one waits for nothing.

    Without `interrupt`, DuckDB would leave the query, and wait in vain for a thread of its own that goes on with it.
    """

    def ask(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        interrupt()
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # whoever calls us has an opinion, or Ctrl-C is not for us
        yield
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write_csv(rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    if sys.stdout.isatty():
        say(text.getvalue().rstrip("\n"))
    else:
        write_bytes(text.getvalue().encode())  # as it is: a program is to get what was published


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [[_cell(value) for value in row] for row in [names, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def _cell(value: object) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def _plain(value: object) -> object:
    """A value that JSON has."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no number for it
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)
