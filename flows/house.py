"""The process of `serve`: keeps its children alive until a signal, and ends them in order.

It imports no Prefect: what it keeps alive cannot bring it down.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from flows.children import TICK_S, Child, adopt_orphans, end_family, end_orphans
from flows.outage import has_failed, look_around, publish_in_outage
from flows.server import (
    FIRST_S,
    GIVEN_S,
    LOOPBACK,
    choose_port,
    given_api,
    own_environment,
    server_child,
    warn_of_sqlalchemy,
)
from green_logic.commands import BAD, GOOD, INTERRUPTED, USAGE, say, write_json
from green_logic.commands.serve import CRON, publication_words, words_of
from green_logic.errors import ConfigurationError, GreenLogicError
from green_logic.evaluation.isolation.cgroups import find_obstacle
from green_logic.files import Presence, storage_errors
from green_logic.inbox import Inbox
from green_logic.publication import Order
from green_logic.publish.store import find_closed, is_uri
from green_logic.settings import Settings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class House:
    """The children of one `serve`, and how the Prefect API is."""

    settings: Settings
    options: argparse.Namespace
    api: str
    children: dict[str, Child]
    code: int = GOOD  # of this process, should it end now
    stopped: bool = False  # by a signal
    up: bool | None = None  # the API; None: not known yet
    met: bool = False  # whether it ever answered
    silences: int = 0  # servers of ours in a row that did not
    answered: float = field(default_factory=time.monotonic)  # when the API last did, or this process began
    probed: float = 0.0
    tried: float = 0.0  # when a publication without Prefect was last begun

    def tell(self, text: str) -> None:
        """Say how things are, unless told to be quiet."""
        if not self.options.quiet:
            say(text, file=sys.stderr)

    def publish_child(self) -> Child:
        """One publication, through Prefect if it can be reached."""
        words = [sys.executable, "-m", "flows.publish", *publication_words(self.options)]
        return Child("publish", words, self.children["inbox"].environment, signal.SIGINT)


def serve(options: argparse.Namespace, settings: Settings) -> int:
    """Keep the children alive until a signal, with --once until the inbox is empty and published; the exit code."""
    inbox = Inbox(settings)
    inbox.make()
    with alone(settings):
        before = inbox.counts()
        house = open_house(options, settings)
        adopt_orphans()
        try:
            with signals_stop(house):
                while not house.stopped:
                    tend(house)
                    time.sleep(TICK_S)
        finally:
            close_house(house)
    done, failed = (now - then for now, then in zip(inbox.counts(), before, strict=True))
    if options.once and failed:
        house.code = max(house.code, BAD)
    if options.json:
        write_json("serve", {"ok": house.code == GOOD, "done": done, "failed": failed})
    waiting = 0
    with contextlib.suppress(GreenLogicError):  # the folder is gone, which the inbox has told
        waiting = len(inbox.waiting())
    house.tell(
        f"stopped · inbox: {done} files done, {failed} failed" + (f", {waiting} for the next start" * bool(waiting))
    )
    return house.code


def open_house(options: argparse.Namespace, settings: Settings) -> House:
    """The children, not started yet, and the address of Prefect's API."""
    given = given_api()
    port = 0 if given else choose_port()
    api = given or f"http://{LOOPBACK}:{port}/api"
    environment = {**os.environ, "PREFECT_API_URL": api, "PYTHONUNBUFFERED": "1"}
    children = {}
    if not given:
        environment |= own_environment(settings, port)
        children["server"] = server_child(environment, port)
    words = [*words_of(options), f"--began={time.time()}"]
    # the runner can do nothing without Prefect but wait; this process knows whether it will ever come
    patience = {"inbox": min(options.patience, GIVEN_S if given else FIRST_S), "runner": math.inf}
    # SIGINT, not SIGTERM: its handler in Prefect 3.8 calls a coroutine that nobody awaits
    for role in ("inbox",) if options.once else ("inbox", "runner"):
        command = [sys.executable, "-m", "flows.serve", f"--role={role}", f"--patience={patience[role]}", *words]
        children[role] = Child(role, command, environment, signal.SIGINT)
    house = House(settings, options, api, children)
    house.tell(f"inbox {Inbox(settings).directory} · publishes {when(options)} · Prefect {api.removesuffix('/api')}")
    house.tell(limits_line())
    for place in Order(settings).places:
        # not an error: a disk may be mounted later, and until then there is work to do
        if place and not is_uri(place) and (why := find_closed(Path(place))):
            house.tell(f"WARNING: nothing can be published to {place} as things are: {why}")
    if not given:
        warn_of_sqlalchemy()
        house.tell("starting a Prefect server: 20 to 60 s, more the first time, when it makes its database …")
    return house


def tend(house: House) -> None:
    """Start what is due, see what has ended, look after the API. Sets `stopped` when there is nothing more to do."""
    for child in list(house.children.values()):
        if child.name not in house.children:
            continue  # it went with the one before it
        code = child.ended()
        if code is not None:
            _hear_of_end(house, child, code)
        elif child.process is None and time.monotonic() >= child.not_before:
            child.start()
    look_around(house)
    if not house.up and not house.options.once:
        publish_in_outage(house)


def close_house(house: House) -> None:
    """End the children in an order in which none misses another, and what they left behind."""
    # a flow run that is killed stays RUNNING for the server, and the next one is cancelled for its sake for 5 minutes
    if "runner" in house.children:
        end_family(house.children["runner"])
    for name in ("inbox", "publish", "runner", "server"):
        if name in house.children:
            house.children[name].stop()
    end_orphans()


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the only `serve` of a data directory. Raises ConfigurationError when there is another."""
    with storage_errors("cannot serve"):
        presence = Presence(settings.data_dir / ".serve.lock")
    try:
        if not presence.alone:
            raise ConfigurationError(
                f"{settings.data_dir}: another green-logic serve is at work here",
                hint="drop files into its inbox, or choose another --data-dir",
            )
        yield
    finally:
        presence.close()


@contextlib.contextmanager
def signals_stop(house: House) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the loop; a second one ends this process, and the kernel the children."""

    def stop(number: int, _frame: FrameType | None) -> None:
        house.stopped = True
        house.code = INTERRUPTED if number == signal.SIGINT else house.code
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        house.tell("stopping …")

    before = {each: signal.signal(each, stop) for each in SIGNALS}
    try:
        yield
    finally:
        if not house.stopped:
            for each, handler in before.items():
                signal.signal(each, handler)


def limits_line() -> str:
    """Which limits bind a submission of this service, and why not the best ones."""
    obstacle = find_obstacle()
    if not obstacle:
        return "limits: a control group binds all processes of a submission together"
    return f"limits: each process of a submission is bound, all together only watched; no control group: {obstacle}"


def when(options: argparse.Namespace) -> str:
    """The schedule in words."""
    if options.once:
        return "once"
    return f"every {options.interval:g} s" if options.interval else f"at {options.cron or CRON} ({options.timezone})"


def _hear_of_end(house: House, child: Child, code: int) -> None:
    if child.name == "publish" or (code == USAGE and child.name != "server"):
        # it has told why; to start it again would not help
        house.code = max(house.code, code if code >= 0 else BAD)
        del house.children[child.name]
        house.stopped = house.options.once or child.name != "publish"
    elif house.options.once and child.name == "inbox" and code in (GOOD, BAD):
        house.code = max(house.code, code)
        house.children["publish"] = house.publish_child()
        del house.children["inbox"]
    elif not has_failed(house, child):
        pause = max(0.0, child.not_before - time.monotonic())
        where = f"; see {child.log}" if child.log else ""
        say(f"{child.name} ended with code {code}{where}; starting it again in {pause:.0f} s", file=sys.stderr)
