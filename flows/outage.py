"""What `serve` does while Prefect does not answer: gives a server of its own more time, publishes without it what is
due, and in the end goes on without it.
"""

from __future__ import annotations

import math
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.children import Child, reap_orphans
from flows.server import is_reachable
from green_logic.commands import BAD, say
from green_logic.commands.serve import order_of
from green_logic.errors import GreenLogicError
from green_logic.publication import last_published

if TYPE_CHECKING:
    from flows.house import House

PROBE_EVERY_S = 3.0
MOST_STARTS = 4  # of a server that never answers, each with twice the patience: 3, 6, 12 and 24 min
MOST_ENDS = 8  # of a server that never answers and ends by itself, with pauses: some 4 min
OUTAGE_S = 600.0  # without Prefect, before a publication is made without it
DAY_S = 86400.0


def look_around(house: House) -> None:
    """See whether the API answers, and do something about a server of ours that runs and is silent."""
    now = time.monotonic()
    if now - house.probed < PROBE_EVERY_S:
        return
    house.probed = now
    reap_orphans(house.children.values())
    up = is_reachable(house.api)
    if up:
        house.answered, house.met, house.silences = now, True, 0
    if up != bool(house.up):
        good = f"✔ Prefect answers: {house.api.removesuffix('/api')}"
        house.tell(good if up else "Prefect is away; judging goes on")
    house.up = up
    server = house.children.get("server")
    if server is not None and server.process and now - max(house.answered, server.started) > patience_s(house):
        _end_silence(house, server)


def patience_s(house: House, more: int = 0) -> float:
    """How long a server of ours may be silent: twice as long after each that was, for the machine may be slow."""
    return float(house.options.patience * 2 ** min(house.silences + more, MOST_STARTS - 1))


def publish_in_outage(house: House) -> None:
    """Publish without Prefect what its schedule cannot, as often as it would."""
    now, every = time.monotonic(), house.options.interval or DAY_S
    waiting = now - house.answered < OUTAGE_S or (house.tried and now - house.tried < every)
    if waiting or "publish" in house.children:
        return
    house.tried = now
    age_s = age_of_publication(house)
    if age_s >= every:
        house.children["publish"] = house.publish_child()
    else:
        house.tried = now - age_s


def age_of_publication(house: House) -> float:
    """Seconds since the last publication; inf when there is none on record."""
    try:
        last = last_published(order_of(house.options, house.settings))
    except GreenLogicError:
        last = None  # a ledger that is lost or cannot be read: that is for the publication to say
    return math.inf if last is None else (datetime.now(UTC) - last).total_seconds()


def has_failed(house: House, child: Child) -> bool:
    """Whether a child that just ended is a server that ends whenever it is started; then serve goes on without it."""
    if child.name != "server" or house.met or child.failures < MOST_ENDS:
        return False
    _give_up(house, child, f"the Prefect server has ended by itself {child.failures} times and never answered")
    return True


def _end_silence(house: House, server: Child) -> None:
    """Start a silent server anew; after MOST_STARTS in vain go on without one, unless it has answered before."""
    waited = patience_s(house)
    if house.silences + 1 >= MOST_STARTS and not house.met:
        how = f"started {MOST_STARTS} times, the Prefect server never answered, the last time for {waited:g} s"
        _give_up(house, server, f"{how}; this machine may be too busy for it")
        return
    next_s = patience_s(house, 1)
    say(
        f"the Prefect server has not answered for {waited:g} s: starting it again, with {next_s:g} s to answer"
        f"\n  see {server.log}",
        file=sys.stderr,
    )
    house.silences += 1
    server.stop()


def _give_up(house: House, server: Child, how: str) -> None:
    """Serve on without Prefect; the exit code will tell of it."""
    often = f"every {house.options.interval:g} s" if house.options.interval else "once a day"
    say(
        f"error: {how}"
        f"\n  serve goes on without it: it judges what arrives, publishes {often}, and will end with code {BAD}"
        f"\n  {server.log} says why; then start serve again, or set PREFECT_API_URL to a server elsewhere."
        f"\n  Prefect's history, if that is broken, lies beside it and may be moved away: no score depends on it",
        file=sys.stderr,
    )
    house.code = max(house.code, BAD)
    for name in ("runner", "server"):
        if name in house.children:
            house.children.pop(name).stop()
