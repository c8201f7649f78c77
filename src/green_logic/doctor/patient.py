"""What the checks share: the settings, what was read of the books, the key, and the machine around them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from green_logic.doctor.books import Books, read_books
from green_logic.doctor.kinds import KINDS, Severity
from green_logic.doctor.surroundings import Surroundings
from green_logic.errors import ConfigurationError
from green_logic.proof.keys import SigningKey, key_path, load_signing_key
from green_logic.publish.backup import find_backups
from green_logic.publish.leaves import Progress
from green_logic.publish.published import own_root
from green_logic.publish.store import is_uri
from green_logic.settings import Settings

NO_KEY = "it is no Ed25519 or ECDSA P-256 key"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, or worth knowing (`severity`), with the command or act that mends it."""

    kind: str
    where: str
    message: str
    mend: str

    @property
    def severity(self) -> Severity:
        """That of its kind."""
        return KINDS[self.kind].severity

    @property
    def meaning(self) -> str:
        """That of its kind."""
        return KINDS[self.kind].meaning

    def as_json(self) -> dict[str, str]:
        """Plain values."""
        names = ("kind", "severity", "meaning", "where", "message", "mend")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Patient:
    """One data directory under examination. `key` is None when there is none or it cannot be used (`key_problem`)."""

    settings: Settings
    around: Surroundings
    books: Books
    backups: Path
    key: SigningKey | None = None
    key_problem: str = ""
    newest_backup: Path | None = None

    @property
    def key_file(self) -> Path | None:
        """Where the key lies; None when the setting holds it."""
        return key_path(self.settings)

    def fault(self, kind: str, where: object, message: str) -> Fault:
        """A fault whose mending command has the paths of this ledger."""
        at = "" if self.settings.data_dir == Path("data") else f" -C {shlex.quote(str(self.settings.data_dir))}"
        mend = KINDS[kind].mend.format(
            at=at,
            dest=self._dest(Path(str(where))),
            data=shlex.quote(str(self.settings.data_dir)),
            database=shlex.quote(str(self.settings.database)),
            key=shlex.quote(str(self.key_file or "the setting signing_key")),
            backup=shlex.quote(str(self.newest_backup)) if self.newest_backup else "BACKUP",
            where=shlex.quote(str(where)),
        )
        return Fault(kind, str(where), message, mend)

    def _dest(self, where: Path) -> str:
        """The flag that leads an export to where a fault is, for settings that lead it elsewhere."""
        own = own_root(self.settings)
        if not self.settings.export_to or not where.is_relative_to(own):
            return ""
        return f" --dest {shlex.quote(str(own.parent))}"


Check = Callable[[Patient], Iterator[Fault]]


def admit(
    settings: Settings, around: Surroundings, backups: Path | None = None, progress: Progress | None = None
) -> Patient:
    """Read everything that the checks need; nothing is written."""
    key, problem = _find_key(settings)
    books = read_books(settings, key, progress)
    backups = backups or _usual_backups(settings)
    return Patient(settings, around, books, backups, key, problem, _newest_backup(backups))


def _usual_backups(settings: Settings) -> Path:
    """Where backups lie by the settings; a bucket is not looked into."""
    place = settings.backup_to
    return Path(place) if place and not is_uri(place) else settings.data_dir / "backups"


def _newest_backup(folder: Path) -> Path | None:
    with suppress(OSError):  # a folder that may not be read is told by the checks
        return next(reversed(find_backups(folder)), None) if folder.is_dir() else None
    return None


def _find_key(settings: Settings) -> tuple[SigningKey | None, str]:
    """The key even if others can read it, and why there is none; no reason where there is no file."""
    try:
        path = key_path(settings)
        if path is not None:
            if not os.path.lexists(path):
                return None, ""
            if not path.is_file():  # a pipe would keep us waiting
                return None, "it is not a file"
            text = path.read_text(encoding="ascii")
            if not text.lstrip().startswith("-----BEGIN"):  # it would be taken for a path, or for no setting at all
                return None, NO_KEY
            settings = settings.changed(signing_key=text)
        return load_signing_key(settings, make=False), ""
    except ConfigurationError as error:
        # of the message, not what was loaded: that is the key
        return None, "it is encrypted" if "encrypted" in error.message else NO_KEY
    except (UnicodeDecodeError, OSError) as error:
        return None, NO_KEY if isinstance(error, ValueError) else error.strerror or str(error)
