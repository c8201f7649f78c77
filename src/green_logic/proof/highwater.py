"""The largest checkpoint that was signed for each ledger, kept beside the key's owner and never with the data.

A restored backup knows nothing of what was signed after it. This file does, so that a judge who goes on from the backup
is told, before two histories bear the same signature.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import make_directory, write_file
from green_logic.proof.checkpoint import Checkpoint, parse_checkpoint

FOLDER = "high-water"
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
            raise ConfigurationError(f"{path}: cannot read the high-water file: {error.strerror}") from error
        except VerificationError as error:
            raise ConfigurationError(
                f"{path}: {error.message}",
                hint="put a checkpoint of this ledger there that you trust; it says what was signed before",
            ) from error
        if checkpoint.origin != origin:
            raise ConfigurationError(f"{path}: holds a checkpoint of {checkpoint.origin}, expected {origin}")
        return checkpoint

    def keep(self, checkpoint: Checkpoint) -> None:
        """Make `checkpoint` the largest one; durable when this returns. The caller has checked that it follows."""
        make_directory(self._directory)
        write_file(self.path(checkpoint.origin), checkpoint.note.encode())
