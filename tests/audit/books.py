"""A sealed ledger, what an auditor has from elsewhere, and how it is put back after it was tampered with."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from green_logic.proof.checkpoint import Checkpoint
from green_logic.proof.keys import SigningKey, find_keyid
from green_logic.settings import Settings

BATTLES, GROUP = 500, 100
PINNED = 400  # leaves under the checkpoint that an auditor kept


@dataclass(frozen=True)
class Books:
    """A ledger of BATTLES with a checkpoint after each group; `files` has everything under the data directory."""

    settings: Settings
    key: SigningKey
    other_key: SigningKey
    pin: Checkpoint
    receipt: bytes
    origin: str
    files: dict[str, bytes]
    stamps: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def keys(self):
        return {self.key.keyid: self.key.public}

    def touched(self):
        """Files that were written to, removed or added since the last restore."""
        found = {}
        for entry in self._walk(self.settings.data_dir):
            status = entry.stat(follow_symlinks=False)
            name = entry.path[len(str(self.settings.data_dir)) + 1 :]
            found[name] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)
        names = found.keys() | self.files.keys()
        return [name for name in names if found.get(name) != self.stamps.get(name) or name not in self.stamps]

    def differs(self):
        """Whether any file is not as it was: two equal files may have been exchanged."""
        for name in self.touched():
            path = self.settings.data_dir / name
            if path.is_symlink() or not path.is_file() or path.read_bytes() != self.files.get(name):
                return True
        return False

    def restore(self):
        """Put every file back."""
        for name in self.touched():
            path = self.settings.data_dir / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            if name in self.files:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.files[name])
                status = path.stat()
                self.stamps[name] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)

    def _walk(self, folder):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path)
            else:
                yield entry


def make_key(seed):
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
    return SigningKey(private, find_keyid(private.public_key()))
