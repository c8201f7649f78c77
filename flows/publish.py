"""export_and_archive: the ledger's new rows → Parquet, sealed DBOM archives, a checked backup, an audit of everything.

    python -m flows.publish --data-dir data

Scheduled nightly by `green-logic serve` and by deployments/; by hand it is a backfill (`--since`, `--rebuild`). A check
that fails makes the flow Failed, and its message names the finding. Without a Prefect API the library takes the same
steps (`green_logic.publication`), and one that dies in the middle is not told what was done: the work does not wait for
its scheduler.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.interrupts import answered, ended_in_order, listening, note_lost_server
from flows.messages import speak_plainly
from flows.retries import is_retryable, with_retries
from green_logic.commands import BAD, GOOD, INTERRUPTED, USAGE, add_common, say, write_json
from green_logic.commands.serve import add_publication_arguments, order_of, settings_of
from green_logic.errors import ConfigurationError, GreenLogicError
from green_logic.publication import (
    Order,
    Outcome,
    file_table,
    find_steps,
    markdown_summary,
    note_published,
    publish,
    report,
    summary_line,
    take_step,
)
from green_logic.settings import load_settings

_orders: dict[str, Order] = {}  # open in this process; tasks carry the key, for settings may hold a private key
_done: dict[str, dict[str, Any]] = {}  # what this process published, by data directory, should Prefect not take it
_awaited: set[str] = set()  # data directories of which somebody in this process will tell what was published
speak_plainly()


@task(task_run_name="export", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=is_retryable)
def export(order_id: str) -> Outcome:
    """Publish the rows that no manifest names yet as Parquet."""
    with listening():
        return take_step("export", open_order(order_id))


@task(task_run_name="archive", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=is_retryable)
def archive(order_id: str) -> Outcome:
    """Seal the DBOMs that no archive holds yet."""
    with listening():
        return take_step("archive", open_order(order_id))


@task(task_run_name="backup", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=is_retryable)
def backup(order_id: str) -> Outcome:
    """Take a snapshot of ledger and DBOMs, restored and checked before it counts."""
    with listening():
        return take_step("backup", open_order(order_id))


@task(task_run_name="audit", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=is_retryable)
def audit(order_id: str) -> Outcome:
    """Check every row, DBOM, leaf and checkpoint. Raises VerificationError, which names what is wrong."""
    with listening():
        return take_step("audit", open_order(order_id))


TASKS = {"export": export, "archive": archive, "backup": backup, "audit": audit}


def name_run() -> str:
    """The name of a flow run: with the data directory, if one was given."""
    return "-".join(filter(None, ["publish", flow_run.parameters["data_dir"]]))


# Prefect 3.8 writes the exception of a failed flow to its storage whatever persist_result says, by default pickled
@flow(flow_run_name=name_run, persist_result=False, result_serializer="json")
def export_and_archive(  # noqa: PLR0913, PLR0917  Prefect passes parameters by name
    data_dir: str | None = None,
    since: int | None = None,
    rebuild: bool = False,
    export_to: str | None = None,
    archive_to: str | None = None,
    backup_to: str | None = None,
    keep: str | None = None,
    skip: list[str] | None = None,
) -> dict[str, Any]:
    """Publish what is new in a ledger; counts and places, as `green-logic serve --publish --json` prints them.

    `since` and `rebuild` are for a backfill: they export the rows after an id, or all of them, anew. `export_to`,
    `archive_to` and `backup_to` are directories or URIs, and `keep` says which backups stay, such as 7d,4w,12m: what is
    not given here comes from the settings. `skip` names steps that are not taken.
    """
    places = {"export_to": export_to, "archive_to": archive_to, "backup_to": backup_to, "keep": keep}
    settings = load_settings({"data_dir": data_dir, **places})
    order = Order(settings, since, rebuild, tuple(skip or ()))
    place = str(settings.data_dir)
    with registered(order) as order_id:
        outcomes = take_steps(order_id)
    _done[place] = report(order, outcomes)
    if place not in _awaited:
        say(f"✔ published {place}: {summary_line(outcomes)}", file=sys.stderr)
    return _done[place]


def take_steps(order_id: str) -> list[Outcome]:
    """Take an open order through its tasks; what is done is shown even if a later one fails."""
    order = open_order(order_id)
    began_at, outcomes = datetime.now(UTC), list[Outcome]()
    try:
        for step in find_steps(order):
            outcomes.append(with_retries(TASKS[step], order.settings)(order_id))
        if outcomes:
            note_published(order, began_at)
    finally:
        show(order, outcomes)
    return outcomes


def show(order: Order, outcomes: Sequence[Outcome]) -> None:
    """Put tables and links on Prefect's page; without a page the work is done all the same."""
    try:
        create_table_artifact(file_table(outcomes), key="publication-files", description=summary_line(outcomes))
        create_markdown_artifact(markdown_summary(order, outcomes), key="publication-summary")
        for outcome in outcomes:
            create_link_artifact(link_of(outcome.place), outcome.place, key=f"publication-{outcome.step}")
            if outcome.copied_to:
                key = f"publication-{outcome.step}-copies"
                create_link_artifact(link_of(outcome.copied_to), outcome.copied_to, key=key)
    except Exception as error:  # noqa: BLE001  whatever the scheduler throws, the work is ours
        note_lost_server(error)
        say(f"Prefect did not take the summary ({type(error).__name__}: {error})", file=sys.stderr)


def link_of(place: str) -> str:
    """A place as a URI."""
    return place if urlsplit(place).scheme else Path(place).resolve().as_uri()


def open_order(order_id: str) -> Order:
    """The order that this process has open under an id."""
    try:
        return _orders[order_id]
    except KeyError:
        raise ConfigurationError(
            f"publication {order_id} is not open in this process",
            hint="start the flow again: what is published is not published twice",
        ) from None


@contextmanager
def registered(order: Order) -> Iterator[str]:
    """Let tasks find `order` under the id that this yields."""
    order_id = str(uuid4())
    _orders[order_id] = order
    try:
        yield order_id
    finally:
        del _orders[order_id]


def publish_anyway(order: Order) -> dict[str, Any]:
    """Publish through Prefect, or without it when it cannot be reached; only what the work itself met is raised."""
    place = str(order.settings.data_dir)
    _done.pop(place, None)
    _awaited.add(place)
    try:
        with ended_in_order():
            return export_and_archive(
                place, order.since, order.rebuild, *order.places, order.settings.keep, list(order.skip)
            )
    except GreenLogicError:
        raise
    except Exception as error:  # noqa: BLE001  whatever the scheduler throws, the work is ours
        note_lost_server(error)
        rest = "everything was published before" if place in _done else "publishing without it"
        say(f"Prefect failed ({type(error).__name__}: {error}); {rest}", file=sys.stderr)
    finally:
        _awaited.discard(place)
    if place in _done:
        return _done[place]
    with listening():
        return report(order, publish(order))


def main(words: list[str] | None = None) -> int:
    """Publish once; the exit code of the command line."""
    parser = argparse.ArgumentParser(prog="python -m flows.publish", allow_abbrev=False)
    add_common(parser)
    add_publication_arguments(parser)
    options = parser.parse_args(words)
    try:
        done = publish_anyway(order_of(options, settings_of(options)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except GreenLogicError as error:
        return _fail(error, as_json=options.json)
    if options.json:
        write_json("publish", {"ok": True, **done})
    else:
        say("".join(f"{step['step']}  {step['files']} new files  {step['place']}\n" for step in done["steps"]).rstrip())
    return GOOD


def _fail(error: GreenLogicError, *, as_json: bool) -> int:
    if as_json:
        content = {"code": error.code, "message": error.message, "hint": error.hint}
        write_json("publish", {"ok": False, "error": content})
    say(f"error: {error.message}\n  {error.hint}".rstrip(), file=sys.stderr)
    return USAGE if isinstance(error, ConfigurationError) else BAD


if __name__ == "__main__":
    sys.exit(answered(main()))
