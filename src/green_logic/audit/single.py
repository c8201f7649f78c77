"""One file on its own: a DBOM, a receipt or a checkpoint, told apart by content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint
from green_logic.proof.dbom import SIZE_LIMIT, check_dbom
from green_logic.proof.keys import PublicKey
from green_logic.proof.notes import DASH
from green_logic.proof.receipt import HEADER, check_receipt


@dataclass(frozen=True)
class Verdict:
    """What a file turned out to be. `kind` is empty when it is good, else the kind of the finding.

    `tolerated`: it is not good, but nobody claims that it was: a DBOM 1.0 with no judge's key about. Of archives,
    `pinned` are the leaves under the largest pin that they reach, `unsealed` those under no checkpoint.
    """

    path: str
    what: str
    kind: str
    message: str
    tolerated: bool = False
    pinned: int | None = None
    unsealed: int = 0

    @property
    def ok(self) -> bool:
        """Whether it is good, or at least as it should be."""
        return not self.kind or self.tolerated


def check_file(path: Path, keys: Mapping[str, PublicKey], pins: tuple[Checkpoint, ...] = ()) -> Verdict:
    """The verdict on one file under `keys` (key id → key). Raises ConfigurationError when it cannot be read."""
    data = read_target(path)
    what = sniff(data)
    try:
        message = _CHECKS[what](data, keys, path.name, pins)
    except VerificationError as error:
        return Verdict(str(path), what, error.kind, error.message)
    return Verdict(str(path), what, "", message)


def sniff(data: bytes) -> str:
    """What a file claims to be; a damaged one counts as a DBOM, which it then is not."""
    if data.startswith(HEADER.encode() + b"\n"):
        return "receipt"
    return "checkpoint" if f"\n\n{DASH}".encode() in data and not data.lstrip().startswith(b"{") else "dbom"


def read_target(path: Path) -> bytes:
    """Content of a file, cut just above the largest that is looked at. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            return file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot read it: {error.strerror}") from error


def _dbom(data: bytes, keys: Mapping[str, PublicKey], name: str, _pins: tuple[Checkpoint, ...]) -> str:
    dbom = check_dbom(data, keys, name=name)
    return f"{dbom['battle_id']} scored {dbom['score_cis']} at {dbom['timestamp']}"


def _receipt(data: bytes, keys: Mapping[str, PublicKey], _name: str, pins: tuple[Checkpoint, ...]) -> str:
    claims, receipt = check_receipt(data, keys)
    checkpoint = receipt.checkpoint
    for pin in pins:
        if pin.origin == checkpoint.origin and pin.size == checkpoint.size and pin.root != checkpoint.root:
            raise VerificationError("the receipt's log is not the one of the pinned checkpoint", kind="consistency")
    return (
        f"{claims.battle_id} scored {claims.score} at {claims.timestamp}, leaf {receipt.index} of {checkpoint.size} "
        f"on {checkpoint.origin}"
    )


def _checkpoint(data: bytes, keys: Mapping[str, PublicKey], _name: str, _pins: tuple[Checkpoint, ...]) -> str:
    checkpoint = open_checkpoint(data, keys)
    return f"{checkpoint.size} battles on {checkpoint.origin}"


_CHECKS = {"dbom": _dbom, "receipt": _receipt, "checkpoint": _checkpoint}
