"""Changing the judge's key: which files hold the old one and the new one, at every moment of a change that may be cut.

The new key is made as `judge.key.next`, when nothing more can refuse the change. Once the ledger's change is committed,
the old one gets a second name, `judge.key.retired-…`, and the new one takes its place in one rename. A cut at any point
leaves both keys on disk, and the same command goes on from there. Other ledgers of the same judge are handed over
later, with the retired key.
"""

from __future__ import annotations

from pathlib import Path

from green_logic.errors import ConfigurationError
from green_logic.files import rename_new, storage_errors, sync_directory
from green_logic.proof.keys import SigningKey, key_path, load_signing_key, make_key
from green_logic.settings import Settings


def find_pair(settings: Settings, current: str) -> tuple[SigningKey, SigningKey | None]:
    """The key with id `current`, which the ledger is signed by, and the one that shall follow it; None: a new one.

    They are the same when the ledger's change is done and only the files are left. Raises ConfigurationError.
    """
    path = _path(settings)
    key = load_signing_key(settings, make=False)
    if key.keyid == current:
        return key, None
    for other in (_next(path), *sorted(path.parent.glob(f"{path.name}.retired-*"))):
        if other.exists() and (found := _load(settings, other)).keyid == current:
            return found, found if other == _next(path) else key
    raise ConfigurationError(
        f"this ledger is signed by {current}, and neither {path} nor a retired key beside it is that one",
        hint="put that key back; nobody else can hand the ledger over",
    )


def make_successor(settings: Settings) -> SigningKey:
    """The key that shall follow, in its file; the one that a change left there which was cut short."""
    path = _next(_path(settings))
    with storage_errors("cannot make the new key"):
        make_key(path)
    return _load(settings, path)


def settle_files(settings: Settings, successor: SigningKey) -> Path | None:
    """Let `successor` take the place of the key; where the old one is kept now, None when nothing was left to do."""
    path = _path(settings)
    old = load_signing_key(settings, make=False)
    if old.keyid == successor.keyid:
        return None
    retired = path.with_name(f"{path.name}.retired-{old.keyid[7:19].replace('/', '_').replace('+', '-')}")
    with storage_errors("cannot change the key files"):
        if not retired.exists():
            copy = path.with_name(f".{retired.name}")
            copy.unlink(missing_ok=True)
            copy.hardlink_to(path)  # both names until the next line but one: never a moment without a key
            rename_new(copy, retired)
        _next(path).replace(path)
        sync_directory(path.parent)
    return retired


def _path(settings: Settings) -> Path:
    path = key_path(settings)
    if path is None:
        raise ConfigurationError(
            "the signing key is given in the setting itself", hint="give it as a file, so that the new one has a place"
        )
    return path


def _next(path: Path) -> Path:
    return path.with_name(path.name + ".next")


def _load(settings: Settings, path: Path) -> SigningKey:
    return load_signing_key(settings.changed(signing_key=str(path)), make=False)
