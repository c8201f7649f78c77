"""The largest checkpoint that was signed for each ledger, kept beside the key's owner and never with the data.

A restored backup knows nothing of what was signed after it. This file does, so that a judge who goes on from the backup
is told, before two histories bear the same signature. A judge who gives up what is lost moves it to the present ledger
(`keep` with `superseded`); the note before stays beside it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import make_directory, write_file, write_new_files
from green_logic.proof.checkpoint import Checkpoint, parse_checkpoint

FOLDER = "high-water"
ELSEWHERE = "set XDG_STATE_HOME to a directory that this user can write to and that outlives this run"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9-]")


class HighWater:
    """The notes under one directory, a file for each origin. A note there serves as a pin for `verify` as it is."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / FOLDER

    def path(self, origin: str) -> Path:
        """File of a ledger's largest checkpoint."""
        # the digest keeps origins apart that look alike once they are plain
        digest = hashlib.sha256(origin.encode()).hexdigest()[:8]
        return self._directory / f"{_NOT_PLAIN.sub('_', origin)[:80]}-{digest}.note"

    def find(self, origin: str) -> Checkpoint | None:
        """The largest checkpoint signed here for a ledger. Raises ConfigurationError for a damaged file."""
        path = self.path(origin)
        try:
            checkpoint = parse_checkpoint(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(
                f"{path}: cannot read the high-water file: {error.strerror}", hint=ELSEWHERE
            ) from error
        except VerificationError as error:
            raise ConfigurationError(
                f"{path}: {error.message}",
                hint="put a checkpoint of this ledger there that you trust; it says what was signed before",
            ) from error
        if checkpoint.origin != origin:
            raise ConfigurationError(f"{path}: holds a checkpoint of {checkpoint.origin}, expected {origin}")
        return checkpoint

    def signed_at(self, origin: str) -> str:
        """When the largest checkpoint was kept (UTC, to the second): the note itself has no date."""
        return f"{datetime.fromtimestamp(int(self.path(origin).stat().st_mtime), UTC):%Y-%m-%dT%H:%M:%SZ}"

    def superseded_path(self, origin: str, now: datetime) -> Path:
        """Where the note is kept that stops being the largest one at `now`."""
        path = self.path(origin)
        return path.with_name(f"{path.name}.superseded-{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}")

    def keep(self, checkpoint: Checkpoint, *, superseded: Path | None = None) -> None:
        """Make `checkpoint` the largest one; durable when this returns. The caller has checked that it follows, or
        else gives `superseded`: the note before is kept under that name, which must be free (FileExistsError).
        """
        try:
            make_directory(self._directory)
            path = self.path(checkpoint.origin)
            if superseded is not None:
                write_new_files(self._directory, {superseded.name: path.read_bytes()})
            write_file(path, checkpoint.note.encode())
        except FileExistsError:
            raise
        except OSError as error:  # a home that keeps nothing, or is full
            raise ConfigurationError(
                f"{self._directory}: cannot keep the high-water file there: {error.strerror}; what was recorded stays, "
                "without a checkpoint over it",
                hint=f"{ELSEWHERE}, then green-logic checkpoint",
            ) from error
