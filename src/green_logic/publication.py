"""One publication in four repeatable steps: export → archive → backup → audit.

The same steps are the tasks of the flow `export_and_archive` and the body of `publish`, which needs no orchestrator: a
systemd timer, a cron job and a `serve` whose Prefect is down all use it. What a step published stays published when a
later one fails, and the next publication takes up the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from green_logic.errors import ConfigurationError, LedgerMissingError, VerificationError
from green_logic.retries import with_retries
from green_logic.settings import Settings

NAMES_KEPT = 20  # new files named in a report; a backfill makes hundreds, and the manifests name them all
FINDINGS_SHOWN = 3  # in the message of a failed audit; `green-logic verify` lists the rest


@dataclass(frozen=True)
class Order:
    """What is to be published; the settings say where to."""

    settings: Settings
    since: int | None = None  # export the rows after this id, into an empty destination
    rebuild: bool = False  # export every row anew
    skip: tuple[str, ...] = ()  # steps that are not taken

    @property
    def places(self) -> tuple[str, str, str]:
        """Where the Parquet files, the copies of archives and the backups go; "" for the usual place."""
        return self.settings.export_to, self.settings.archive_to, self.settings.backup_to


@dataclass(frozen=True)
class Outcome:
    """What one step did, as plain values: they may travel through an orchestrator."""

    step: str
    place: str
    files: int = 0  # new ones
    rows: int = 0  # of the ledger, in those files
    size_bytes: int = 0
    names: tuple[str, ...] = ()  # of the new files, the first NAMES_KEPT
    note: str = ""
    copied_to: str = ""  # the second place of archives
    copies: int = 0  # archives that were new to it


def find_steps(order: Order) -> tuple[str, ...]:
    """The steps to take: none before the first battle.

    Raises LedgerMissingError when the ledger is gone and what was made of it is still there, ConfigurationError when a
    step is to be skipped that there is not.
    """
    settings = order.settings
    if unknown := sorted(set(order.skip) - set(STEPS)):
        raise ConfigurationError(f"cannot skip {unknown[0]!r}: the steps are {', '.join(STEPS)}")
    if settings.database.exists():
        return tuple(step for step in STEPS if step not in order.skip)
    traces = [path for path in (settings.dboms, *_publications(settings)) if path.is_dir() and any(path.iterdir())]
    if traces:
        raise LedgerMissingError(
            f"{settings.database}: there is no ledger, but {traces[0]} was made from one",
            hint="restore the newest backup: green-logic restore BACKUP --data-dir NEW",
        )
    return ()


def last_published(order: Order) -> datetime | None:
    """When the last complete one with these steps and places began; None without. Raises StorageError."""
    from green_logic.publish.publication_record import find_publication  # noqa: PLC0415  only a schedule asks

    return find_publication(order.settings, order.places, find_steps(order))


def note_published(order: Order, began_at: datetime) -> None:
    """Put on record that every step was taken, for the schedule. Raises StorageError when that cannot be written."""
    from green_logic.publish.publication_record import note_publication  # noqa: PLC0415  as above

    note_publication(order.settings, order.places, find_steps(order), began_at)


def take_step(step: str, order: Order) -> Outcome:
    """Take one step; repeating it is safe.

    Raises VerificationError when something is not what was sealed, RetryableError when the same step may succeed later,
    ConfigurationError when only the operator can help.
    """
    if step != "audit":
        _sign_log(order.settings)
    return STEPS[step](order)


def publish(order: Order, on_step: Callable[[Outcome], None] | None = None) -> list[Outcome]:
    """Take every step in this process, with the retries of the settings; `on_step` hears of each that is done.

    Raises what `take_step` raises, at the first step that fails for good.
    """
    began_at, outcomes = datetime.now(UTC), list[Outcome]()
    for step in find_steps(order):
        with_retries(order.settings, _Step(step, order, outcomes))
        if on_step is not None:
            on_step(outcomes[-1])
    if outcomes:
        note_published(order, began_at)
    return outcomes


@dataclass(frozen=True)
class _Step:
    name: str
    order: Order
    outcomes: list[Outcome]

    def __call__(self) -> None:
        self.outcomes.append(take_step(self.name, self.order))


def report(order: Order, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A publication as plain values; `rows` counts the newly exported ones."""
    return {
        "data_dir": str(order.settings.data_dir),
        "rows": sum(outcome.rows for outcome in outcomes if outcome.step == "export"),
        "files": sum(outcome.files for outcome in outcomes),
        "size_bytes": sum(outcome.size_bytes for outcome in outcomes),
        "steps": [asdict(outcome) | {"names": list(outcome.names)} for outcome in outcomes],
    }


def file_table(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One line a step: what is new, how many rows and bytes, where."""
    columns = ("step", "files", "rows", "size_bytes", "place", "copied_to", "copies", "note")
    return [{name: getattr(outcome, name) for name in columns} for outcome in outcomes]


def summary_line(outcomes: Sequence[Outcome]) -> str:
    """What a publication did, in words."""
    if not outcomes:
        return "no ledger yet: nothing to publish"
    parts = [f"{one.step}: {_words(one)}" for one in outcomes]
    return " · ".join(parts)


def markdown_summary(order: Order, outcomes: Sequence[Outcome]) -> str:
    """A publication for the orchestrator's page."""
    lines = [f"**{_code(order.settings.data_dir)}**: {summary_line(outcomes)}", ""]
    for outcome in outcomes:
        lines += [f"- {outcome.step} → {_code(outcome.place)}", *(f"  - {_code(name)}" for name in outcome.names)]
        if outcome.files > len(outcome.names):
            lines.append(f"  - … {outcome.files - len(outcome.names)} more")
    return "\n".join(lines) + "\n"


# --- the steps


def _sign_log(settings: Settings) -> None:
    """Sign what no checkpoint covers, such as the battles of a run that was killed: what is published is sealed.

    Where the ledger's own key is not at hand, the last run's checkpoint stands. Raises ConfigurationError for a ledger
    that lacks what was signed here, as a restored backup does: it is not spread, and no older backup makes room for it.
    """
    from green_logic.ledger.database import Ledger  # noqa: PLC0415  only a publication needs it
    from green_logic.ledger.log import Log, has_log_tables, newest_checkpoint  # noqa: PLC0415
    from green_logic.ledger.loss import read_loss, ways_out  # noqa: PLC0415
    from green_logic.ledger.reading import open_for_reading  # noqa: PLC0415
    from green_logic.ledger.schema import key_ranges, read_meta  # noqa: PLC0415
    from green_logic.proof.keys import load_signing_key  # noqa: PLC0415

    if loss := read_loss(settings):
        raise ConfigurationError(f"{settings.database} {loss}; nothing was published", hint=ways_out(settings.data_dir))
    with open_for_reading(settings) as connection:
        newest = newest_checkpoint(connection)
        if not has_log_tables(connection) or (newest.size if newest else 0) >= Log(connection).size():
            return
        _, keyid = key_ranges(read_meta(connection))[-1]
    try:
        key = load_signing_key(settings, make=False)
    except ConfigurationError:
        return
    if key.keyid == keyid:
        with Ledger.open(settings, key) as ledger:
            ledger.checkpoint(key)


def _export(order: Order) -> Outcome:
    from green_logic.publish.export import export_battles  # noqa: PLC0415  it needs pyarrow

    done = export_battles(
        order.settings, since=order.since, rebuild=order.rebuild, destination=order.settings.export_to or None
    )
    return Outcome(
        step="export",
        place=done.destination,
        files=len(done.files),
        rows=done.rows,
        size_bytes=done.size_bytes,
        names=tuple(done.files[:NAMES_KEPT]),
        note=f"ids {done.first} to {done.last}" if done.rows else "nothing new",
    )


def _archive(order: Order) -> Outcome:
    from green_logic.publish.archive import archive_dboms  # noqa: PLC0415  only a publication needs it
    from green_logic.publish.archive_copies import copy_archives  # noqa: PLC0415
    from green_logic.publish.archive_files import archives_directory  # noqa: PLC0415

    settings = order.settings
    done = archive_dboms(settings)
    copies = copy_archives(settings, settings.archive_to) if settings.archive_to else None
    return Outcome(
        step="archive",
        place=str(archives_directory(settings)),
        files=len(done.made),
        rows=done.dboms,
        size_bytes=done.size_bytes,
        names=tuple(path.name for path in done.made[:NAMES_KEPT]),
        note=f"{done.ledger_size} DBOMs archived" if done.made else "nothing new",
        copied_to=copies.destination if copies else "",
        copies=len(copies.copied) if copies else 0,
    )


def _backup(order: Order) -> Outcome:
    from green_logic.publish.remote_backup import backup_to  # noqa: PLC0415  it audits what it restored

    done = backup_to(order.settings, order.settings.backup_to or None, order.settings.keep or None)
    return Outcome(
        step="backup",
        place=done.place.removesuffix(f"/{done.path.name}") or str(done.path.parent),
        files=1,
        rows=done.ledger_size,
        size_bytes=done.size_bytes,
        names=(done.path.name,),
        note="restored and audited"
        + (f", {len(done.removed)} older ones removed" if done.removed else "")
        + (f", {len(done.spared)} that it does not continue stay" if done.spared else ""),
    )


def _audit(order: Order) -> Outcome:
    from green_logic.audit.ledger import audit_ledger, find_own_pin  # noqa: PLC0415  only it and `verify` need it

    pin = find_own_pin(order.settings)
    done = audit_ledger(order.settings, pins=[pin] if pin else [])
    if not done.ok:
        raise VerificationError(
            f"{order.settings.data_dir}: {_findings(done.tally.as_json())}",
            kind="audit",
            hint="what was published before stays; green-logic verify lists everything that is wrong",
        )
    return Outcome(
        step="audit",
        place=str(order.settings.data_dir),
        rows=done.battles,
        note=f"{done.battles} battles and {done.leaves} leaves agree, sealed to {done.sealed}",
    )


STEPS: Mapping[str, Callable[[Order], Outcome]] = {
    "export": _export,
    "archive": _archive,
    "backup": _backup,
    "audit": _audit,
}


def _publications(settings: Settings) -> tuple[Path, ...]:
    return (settings.data_dir / "exports", settings.data_dir / "archives", settings.data_dir / "backups")


def _findings(kinds: Sequence[Mapping[str, Any]]) -> str:
    total = sum(int(kind["count"]) for kind in kinds)
    examples = [example for kind in kinds for example in kind["examples"]][:FINDINGS_SHOWN]
    shown = "; ".join(f"{example['where']}: {example['message']}" for example in examples)
    return f"the audit found {total} faults ({', '.join(str(kind['kind']) for kind in kinds)}): {shown}"


def _words(outcome: Outcome) -> str:
    new = f"{outcome.files} new files, {outcome.rows} rows, {outcome.size_bytes / 1e6:.1f} MB"
    copied = f", {outcome.copies} copied to {outcome.copied_to}" if outcome.copied_to else ""
    return (new if outcome.files else outcome.note) + copied


def _code(text: object) -> str:
    # a name comes from the operator, but a backtick would still end the code span
    return "`" + str(text).replace("`", "'") + "`"
