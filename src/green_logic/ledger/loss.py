"""A ledger that lacks what this machine's judge signed: seen before anything is written, given up only when told to.

It is what a restored backup looks like, and a rolled-back copy. Going on silently would put two histories under one
signature; refusing for ever would make a backup useless on the judge's own machine. So the judge gives up by a command
of its own, which moves the high-water file to the present ledger. Whoever holds a checkpoint of what was given up still
sees the fork.
"""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from green_logic.errors import ConfigurationError
from green_logic.files import FileLock, Presence, storage_errors
from green_logic.ledger.log import Log, find_breach, seal_log, write_checkpoint
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import (
    LOCK_NAME,
    PRESENCE_NAME,
    connect,
    database_errors,
    find_origin,
    make_or_check_schema,
    read_meta,
    transaction,
)
from green_logic.proof.checkpoint import Checkpoint
from green_logic.proof.highwater import HighWater
from green_logic.proof.keys import SigningKey
from green_logic.proof.notes import can_sign_notes, check_can_sign_notes
from green_logic.settings import Settings, state_dir


@dataclass(frozen=True)
class Loss:
    """The ledger has `battles`, and `signed` is no beginning of it: `forked`, or else it is only shorter."""

    battles: int
    signed: Checkpoint
    signed_at: str  # UTC, ends in Z
    forked: bool

    def __str__(self) -> str:
        if self.forked:
            return (
                f"has {self.battles} battles, but does not begin with the {self.signed.size} that were signed here on "
                f"{self.signed_at}: it went on from a restored backup or a rolled-back copy, or it was rewritten"
            )
        return (
            f"has {self.battles} battles, but {self.signed.size} were signed here on {self.signed_at}: "
            "it is a restored backup or a rolled-back copy, without what was recorded later"
        )


@dataclass(frozen=True)
class GivenUp:
    """An accepted loss: where the note of what was signed is kept, and the checkpoint that takes its place."""

    loss: Loss
    note: Path
    checkpoint: Checkpoint


def check_no_loss(connection: sqlite3.Connection, key: SigningKey, settings: Settings) -> None:
    """Raises ConfigurationError when the ledger lacks what was signed here (an empty database lacks nothing), and what
    `find_loss` raises.

    Costs what one root costs: under a millisecond where a checkpoint covers the leaves. Nothing is written.
    """
    origin, high_water = find_origin(connection, key.keyid, settings.database), _find_high_water()
    if origin is None or high_water is None or not can_sign_notes(key):
        return
    loss = find_loss(connection, origin, high_water)
    if loss is not None:
        raise ConfigurationError(f"{settings.database} {loss}; nothing was recorded", hint=ways_out(settings.data_dir))


def find_loss(connection: sqlite3.Connection, origin: str, high_water: HighWater) -> Loss | None:
    """What the ledger lacks of what was signed here; None too where nothing was.

    Raises ConfigurationError for a damaged high-water file, VerificationError of kind "log" where leaves are missing.
    """
    known = high_water.find(origin)
    if known is None:
        return None
    log = Log(connection)
    breach = find_breach(log, known)
    if breach is None:
        return None
    return Loss(log.size(), known, high_water.signed_at(origin), breach == "fork")


def read_loss(settings: Settings) -> Loss | None:
    """`find_loss` of a data directory, without writing to it."""
    high_water = _find_high_water()
    if high_water is None:
        return None
    with open_for_reading(settings) as connection:
        return find_loss(connection, read_meta(connection)["origin"], high_water)


def ways_out(data_dir: Path) -> str:
    """The two commands to choose from."""
    at = "" if data_dir == Path("data") else f" -C {shlex.quote(str(data_dir))}"
    restored = shlex.quote(f"{data_dir}-restored")
    return (
        f"restore a newer backup: green-logic restore BACKUP -C {restored}; "
        f"or, if there is none, give up what is lost: green-logic checkpoint --accept-loss{at}"
    )


def accept_loss(settings: Settings, key: SigningKey, now: datetime) -> GivenUp | None:
    """Let this machine's high-water be the present ledger, and sign that; None when the ledger lacks nothing.

    The note of what is given up is kept beside it, under a name with the date `now`. Rows, DBOMs and stored checkpoints
    stay as they are; a damaged log is still refused. Cut anywhere, the same command goes on from there.
    Raises ConfigurationError for an ECDSA key, an empty ledger or one that another process writes to,
    VerificationError for a log that does not continue its own checkpoints.
    """
    check_can_sign_notes(key)
    high_water = HighWater(state_dir())
    with contextlib.ExitStack() as stack:
        stack.enter_context(storage_errors("cannot accept the loss"))
        stack.enter_context(FileLock(settings.data_dir / LOCK_NAME, timeout_s=settings.busy_timeout_s).held())
        presence = stack.enter_context(contextlib.closing(Presence(settings.data_dir / PRESENCE_NAME)))
        stack.enter_context(database_errors(settings.database))
        connection = connect(settings.database, busy_timeout_s=settings.busy_timeout_s)
        stack.enter_context(contextlib.closing(connection))
        origin = find_origin(connection, key.keyid, settings.database)
        loss = find_loss(connection, origin, high_water) if origin is not None else None
        if origin is None or loss is None:
            return None
        if not presence.alone:
            raise ConfigurationError("another run writes to this ledger", hint="wait for it to end")
        if not loss.battles:
            raise ConfigurationError(
                f"{settings.database} is empty: there is nothing to go on from",
                hint="begin a ledger of its own in another --data-dir",
            )
        make_or_check_schema(connection, key.keyid, settings.database)
        note = high_water.superseded_path(origin, now)
        with transaction(connection):
            checkpoint = seal_log(connection, origin, key, high_water, superseded=note)
        write_checkpoint(settings.data_dir, checkpoint)
        return GivenUp(loss, note, checkpoint)


def _find_high_water() -> HighWater | None:
    try:
        return HighWater(state_dir())
    except ConfigurationError:
        return None  # a user without a home signs nothing, and never did
