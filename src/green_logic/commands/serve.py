"""`green-logic serve`: judge what arrives, publish on a schedule; or publish once, without a scheduler."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from green_logic.commands import GOOD, say, write_json
from green_logic.commands.config import check_setting
from green_logic.errors import ConfigurationError, LedgerMissingError

if TYPE_CHECKING:
    import argparse

    from green_logic.publication import Order
    from green_logic.settings import Settings

SUMMARY = "judge what arrives in data/inbox/ and publish on a schedule, until Ctrl-C"
EXAMPLES = """examples:
  green-logic serve                                        inbox, Prefect with its page, publication at 03:00 UTC
  green-logic serve --cron "30 1 * * *" --timezone Europe/Berlin
  cp battles.jsonl data/inbox/.x && mv data/inbox/.x data/inbox/battles.jsonl      judged within seconds
  green-logic serve --archive-to s3://bucket/arena --backup-to /mnt/b --keep 7d,4w,12m
  green-logic serve --once                                 take what is in the inbox, publish, exit
  green-logic serve --publish                              publish once without Prefect: for cron and systemd timers"""
FLOW_MODULE = "flows.serve"
CRON = "0 3 * * *"  # nightly, when an arena is likely to be idle
STEPS = ("export", "archive", "backup", "audit")  # of a publication
PLACES = ("export_to", "archive_to", "backup_to", "keep")  # settings of a publication
LEAST_INTERVAL_S = 5.0  # a publication takes about as long even if nothing is new


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """When to publish, and where to."""
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--cron", metavar="EXPR", help=f"when to publish, as five cron fields (default: {CRON!r})")
    when.add_argument("--interval", type=float, metavar="S", help="publish every S seconds instead")
    parser.add_argument("--timezone", metavar="NAME", default="UTC", help="of the cron fields (default: UTC)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="take what is in the inbox, publish once, exit")
    how.add_argument("--publish", action="store_true", help="publish once in this process, without Prefect, and exit")
    add_publication_arguments(parser)


def add_publication_arguments(parser: argparse.ArgumentParser) -> None:
    """What a publication can be told; the flow's own command line has the same."""
    parser.add_argument("--since", type=int, metavar="ID", help="backfill: export the rows after this id, once")
    parser.add_argument("--rebuild", action="store_true", help="backfill: export every row anew, once")
    parser.add_argument(
        "--export-to", "--dest", metavar="URI", help="where Parquet goes (default: exports/ in the data)"
    )
    parser.add_argument(
        "--archive-to", metavar="URI", help="a second place, to which archives are copied (default: none)"
    )
    parser.add_argument("--backup-to", metavar="URI", help="where backups go (default: backups/ in the data)")
    parser.add_argument("--keep", metavar="RULE", help="which backups stay, such as 7d,4w,12m (default: all)")
    parser.add_argument("--skip", metavar="STEP", action="append", choices=STEPS, help=f"leave out {', '.join(STEPS)}")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Publish here, or become the flows' own process."""
    check_options(options, settings)
    if options.publish:
        return _publish(options, settings)
    return _become_service(options)


def check_options(options: argparse.Namespace, settings: Settings) -> None:
    """Raises ConfigurationError for what would fail only at night."""
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(options.timezone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise ConfigurationError(
            f"--timezone expected a name such as Europe/Berlin, got {options.timezone!r}"
        ) from error
    for name in PLACES:
        check_setting(name, settings)
    if options.interval is not None and not options.interval >= LEAST_INTERVAL_S:
        raise ConfigurationError(f"--interval expected at least {LEAST_INTERVAL_S:g} s, got {options.interval:g}")
    if options.cron is not None and len(options.cron.split()) != len(CRON.split()):
        raise ConfigurationError(f"--cron expected five fields such as {CRON!r}, got {options.cron!r}")
    if (options.since is not None or options.rebuild) and not options.publish:
        raise ConfigurationError(
            "--since and --rebuild are for one backfill, not for every night", hint="add --publish to do it now"
        )


def _publish(options: argparse.Namespace, settings: Settings) -> int:
    from green_logic.publication import publish, report, summary_line

    order = order_of(options, settings)
    show = not (options.quiet or options.json)
    if not settings.data_dir.is_dir():
        # the flow of a schedule may run before the first battle; whoever asks for it by hand, or by a timer, means one
        raise LedgerMissingError(
            f"{settings.data_dir}: there is no such directory",
            hint="give the right one with --data-dir, or mount the disk that it is on",
        )
    outcomes = publish(order, lambda done: say(f"  {done.step} done", file=sys.stderr) if show else None)
    if options.json:
        write_json("publish", {"ok": True, **report(order, outcomes)})
    else:
        say(f"✔ {summary_line(outcomes)}")
    return GOOD


def order_of(options: argparse.Namespace, settings: Settings) -> Order:
    """The publication that these options ask for."""
    from green_logic.publication import Order

    return Order(settings, options.since, options.rebuild, tuple(options.skip or ()))


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that these options and everything else give: for the flows' own processes."""
    from green_logic.settings import load_settings

    return load_settings({name: getattr(options, name) for name in ("data_dir", *PLACES)})


def _become_service(options: argparse.Namespace) -> NoReturn:
    import importlib.util

    if importlib.util.find_spec("flows") is None:
        raise ConfigurationError(
            "the package `flows` is not installed here", hint="pip install -e . in the repository, or serve --publish"
        )
    os.execv(sys.executable, [sys.executable, "-m", FLOW_MODULE, *words_of(options)])  # noqa: S606  our own module, no shell


def words_of(options: argparse.Namespace) -> list[str]:
    """The command line that gives these options again."""
    return [*_words(options, "once", "json", "cron", "interval", "timezone"), *publication_words(options)]


def publication_words(options: argparse.Namespace) -> list[str]:
    """The command line of one publication with these options."""
    return _words(options, "quiet", "data_dir", *PLACES, "skip")


def _words(options: argparse.Namespace, *names: str) -> list[str]:
    words = []
    for name in names:
        value = getattr(options, name)
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value not in (None, False):  # an empty place is the usual one, whatever the settings say
            words += [f"{flag}={one}" for one in (value if isinstance(value, list) else [value])]
    return words
