"""What a run looks like to a person: progress while it lasts, a table at its end, markdown for the orchestrator."""

from __future__ import annotations

import html
import time
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from green_logic.terminal import WHOLE, fitting

if TYPE_CHECKING:
    from green_logic.pipeline import BatchRun
    from green_logic.summary import Row

LINE_EVERY_S = 10.0  # between progress lines where there is no terminal
HEADINGS = ("battle", "task", "agent", "CIS", "R", "A", "T", "L", "DBOM")
# what a narrow terminal does without: where the DBOMs lie is said below the table, and `show` has the rest
LEAST: dict[tuple[str, ...], int] = {("DBOM",): WHOLE, ("task",): 12, ("agent",): 8, ("R", "A", "T", "L"): WHOLE}
REASONS_SHOWN = 10
ROWS_SHOWN = 60  # of the table; a longer one is not read
PATH_LIMIT = 5000  # characters; a path has at most 4096 bytes


class RunProgress:
    """Progress on standard error: one live line on a terminal, else a line now and then. A context manager."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._console = Console(file=stream, emoji=False)
        self._quiet = quiet
        self._last = time.monotonic()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("reading", total=None)

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the line away, before something else is written."""
        self._bar.stop()

    def show(self, run: BatchRun) -> None:
        """Draw the state of `run`."""
        text = f"judged {run.judged}  recorded {run.totals.recorded}  read {run.totals.read}"
        if self._console.is_terminal:
            self._bar.update(self._task, description=text, completed=run.offset, total=run.size_bytes or None)
        elif not self._quiet and time.monotonic() - self._last >= LINE_EVERY_S:
            self._last = time.monotonic()
            self._console.print(text, markup=False)


def summary_table(rows: list[Row], width: int) -> Table:
    """The judged battles of a run, in the columns that fit into `width`; an id that does not is folded, never cut."""
    columns = dict(zip(HEADINGS, zip(*map(row_cells, rows), strict=True), strict=True))
    widths = {heading: max(map(cell_len, (heading, *cells))) for heading, cells in columns.items()}
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = fitting(widths, width, LEAST)
    for heading, most in shown.items():
        cut = heading in {"task", "agent"}
        table.add_column(
            heading,
            justify="right" if heading in "CIS R A T L" else "left",
            max_width=most,
            no_wrap=cut,
            overflow="ellipsis" if cut else "fold",
        )
    for cells in zip(*(columns[heading] for heading in shown), strict=True):
        table.add_row(*map(Text, cells))
    return table


def row_cells(row: Row) -> tuple[str, ...]:
    """One battle as text; a component that was not measured is a dash. Control characters are shown, not sent."""
    parts = (row.rationale, row.architecture, row.testing, row.logic)
    names = (printable(row.battle_id), printable(row.task, 28), printable(row.agent, 20))
    return (*names, f"{row.cis:.3f}", *("–" if part is None else f"{part:.2f}" for part in parts), printable(row.dbom))


def printable(text: str, limit: int = 200) -> str:
    """Untrusted text for a terminal: no control or bidi characters, at most `limit` characters."""
    clean = "".join(char if char.isprintable() else "�" for char in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def summary_line(run: BatchRun) -> str:
    """What became of the lines, in words."""
    totals = run.totals
    parts = [f"{totals.recorded} recorded", f"{totals.already_recorded} already in the ledger"]
    others = {"conflicts": totals.conflicts, "refused": totals.refused, "not evaluated": totals.not_evaluated}
    parts += [f"{count} {name}" for name, count in others.items() if count]
    return " · ".join(parts)


def write_summary(run: BatchRun, stream: TextIO, next_commands: list[str]) -> None:
    """The end of a run: table, counts, where things are, what to try next."""
    outcomes = run.outcomes
    console = Console(file=stream, highlight=False, emoji=False, width=None if stream.isatty() else 160)
    if outcomes.rows:
        console.print(summary_table(outcomes.rows[:ROWS_SHOWN], console.width))
        more = run.totals.recorded - min(len(outcomes.rows), ROWS_SHOWN)
        if more > 0:
            console.print(f"… and {more} more", markup=False)
        console.print()
    mark = "✔" if run.totals.clean else "✘"
    console.print(f"{mark} {summary_line(run)}", markup=False, style="bold")
    if not run.totals.recorded and run.totals.clean:
        console.print(f"  {'nothing new to record' if run.totals.read else 'the input holds no battle'}", markup=False)
    for reason in outcomes.reasons[:REASONS_SHOWN]:
        console.print(f"  {printable(reason, 300)}", markup=False)
    if len(outcomes.reasons) > REASONS_SHOWN:
        console.print("  … and more", markup=False)
    if "+hashed" in outcomes.profile:
        console.print(
            f"! profile {outcomes.profile}: no embedding weights, so R rests on shared words only", markup=False
        )
        console.print("  fetch them before scores are compared: green-logic models fetch", markup=False)
    settings = run.settings
    places = [f"ledger  {settings.database}  ({run.agent.ledger.size()} battles)", f"DBOMs   {settings.dboms}/"]
    places += [f"rejects {outcomes.rejects}"] if outcomes.rejects else []
    for line in ("", *places, "", "next", *(f"  {command}" for command in next_commands)):
        console.print(printable(line, PATH_LIMIT), markup=False, soft_wrap=True)  # to be copied, so not wrapped


def markdown_summary(run: BatchRun) -> str:
    """The end of a run for the orchestrator's page; untrusted text is escaped."""
    outcomes = run.outcomes
    head = f"**{_escaped(run.name)}**: {summary_line(run)}\n\n"
    table = "| " + " | ".join(HEADINGS) + " |\n|" + "---|" * len(HEADINGS) + "\n"
    table += "".join("| " + " | ".join(map(_escaped, row_cells(row))) + " |\n" for row in outcomes.rows[:ROWS_SHOWN])
    reasons = "".join(f"- {_escaped(printable(reason, 300))}\n" for reason in outcomes.reasons[:REASONS_SHOWN])
    return head + (table if outcomes.rows else "nothing new was recorded\n") + ("\n" + reasons if reasons else "")


def _escaped(text: str) -> str:
    for sign in "\\`|[]*_!":
        text = text.replace(sign, "\\" + sign)
    return html.escape(text)
