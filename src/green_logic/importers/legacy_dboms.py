"""A folder of DBOM 1.0 files beside a foreign database: readable, unsigned, and often not the proof of its own row.

Version 1.0's `sigma_judge` is a string that anyone can compute, so a DBOM that matches its row shows that the two were
written together, not by whom: its standing is `legacy-unsigned`, never "valid".
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from green_logic.battle import BATTLE_ID
from green_logic.errors import VerificationError
from green_logic.importers.outcomes import Proof
from green_logic.proof.dbom import SIZE_LIMIT, dbom_name, parse_dbom

VERSION = "1.0"
STANDING = "legacy-unsigned"


@dataclass(frozen=True)
class LegacyDbom:
    """What the folder holds for one row. `proof` is "differs" until the caller has looked at later rows."""

    proof: Proof
    file: str = ""
    sha256: str = ""
    h_delta: str = ""
    vector: object = None

    def describe(self, proof: Proof) -> dict[str, Any]:
        """For the sealed record: the file, its digest, its standing and what it says about the row."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "h_delta": self.h_delta,
            "standing": STANDING,
            "row": proof,
        }


@dataclass
class DbomFolder:
    """The `dboms/` beside a database; a folder that does not exist is an empty one."""

    path: Path
    _asked: set[str] = field(default_factory=set)

    def look_up(self, battle_id: str, h_delta: str, score: object) -> LegacyDbom:
        """The DBOM of a row, compared with the row's digest and, where it is a number, its score."""
        name = dbom_name(battle_id)
        if not BATTLE_ID.fullmatch(battle_id):  # it would not be a file name
            return LegacyDbom("missing")
        self._asked.add(name)
        data = _read(self.path / name)
        if data is None:
            return LegacyDbom("missing")
        return _compare(name, data, battle_id, h_delta, score)

    def count_without_row(self) -> int:
        """DBOM files whose battle no row asked for."""
        if not self.path.is_dir():
            return 0
        with os.scandir(self.path) as entries:
            names = (entry.name for entry in entries)
            return sum(
                name.startswith("dbom_") and name.endswith(".json") and name not in self._asked for name in names
            )


def _read(path: Path) -> bytes | None:
    """Content of an ordinary file; a planted pipe is not waited for, a device not read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(SIZE_LIMIT + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _compare(name: str, data: bytes, battle_id: str, h_delta: str, score: object) -> LegacyDbom:
    digest = hashlib.sha256(data).hexdigest()
    try:
        dbom: Mapping[str, Any] = parse_dbom(data)
    except VerificationError:
        return LegacyDbom("malformed", name, digest)
    if dbom["dbom_version"] != VERSION or dbom["battle_id"] != battle_id:
        return LegacyDbom("malformed", name, digest)
    same_score = not isinstance(score, (int, float)) or dbom["score_cis"] == score
    proof: Proof = "matched" if dbom["h_delta"] == h_delta and same_score else "differs"
    return LegacyDbom(proof, name, digest, dbom["h_delta"], dbom["v_intent"])
