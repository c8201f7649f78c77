"""A receipt (C2SP tlog-proof): one small text that shows, offline and for ever, that a battle is on the log.

    c2sp.org/tlog-proof@v1
    extra <base64 of the signed envelope, which is the leaf>
    index 16
    <base64 of each hash of the inclusion proof, lowest first>

    <a checkpoint, a signed note>

With the envelope inside, the receipt needs no other file: it says which battle, which score and which result's digest.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from green_logic.errors import VerificationError
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from green_logic.proof.envelope import open_envelope
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import HASH_SIZE, check_inclusion, leaf_hash
from green_logic.proof.notes import decode_base64
from green_logic.proof.statement import Claims, read_claims

HEADER = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"
SIZE_LIMIT = 1 << 20  # bytes; ours have about 3,000
PROOF_LIMIT = 63  # hashes: no deeper tree has an index below 2^63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,17})")


@dataclass(frozen=True)
class Receipt:
    """A parsed receipt; nothing in it is verified."""

    envelope: str
    index: int
    proof: Sequence[bytes]
    checkpoint: Checkpoint


def write_receipt(envelope: str, index: int, proof: Sequence[bytes], checkpoint: Checkpoint) -> bytes:
    """The text of a receipt."""
    lines = [HEADER, f"extra {base64.b64encode(envelope.encode()).decode()}", f"index {index}"]
    lines += [base64.b64encode(part).decode() for part in proof]
    return ("\n".join(lines) + "\n\n" + checkpoint.note).encode()


def parse_receipt(data: bytes) -> Receipt:
    """The parts of a receipt. Raises VerificationError of kind "receipt" or "note"."""
    if len(data) > SIZE_LIMIT:
        raise VerificationError(f"expected a receipt of at most {SIZE_LIMIT} bytes, got {len(data)}", kind="receipt")
    head, gap, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise VerificationError("the receipt is not ASCII", kind="receipt") from error
    index = _INDEX.fullmatch(lines[2]) if len(lines) > 2 else None
    if index is None or not gap or lines[0] != HEADER or not lines[1].startswith("extra "):
        raise VerificationError("expected a receipt: header, extra, index, proof, checkpoint", kind="receipt")
    proof = [decode_base64(line) for line in lines[3:]]
    if len(proof) > PROOF_LIMIT or any(len(part) != HASH_SIZE for part in proof):
        raise VerificationError("expected a proof of at most 63 hashes", kind="receipt")
    try:
        envelope = decode_base64(lines[1].removeprefix("extra ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise VerificationError("the envelope is not UTF-8", kind="receipt") from error
    return Receipt(envelope, int(index[1]), proof, parse_checkpoint(note))


def check_receipt(data: bytes, keys: Mapping[str, PublicKey]) -> tuple[Claims, Receipt]:
    """What a receipt shows, once checkpoint, inclusion and seal are verified under `keys` (key id → key).

    Raises VerificationError whose kind names what is wrong.
    """
    receipt = parse_receipt(data)
    checkpoint = open_checkpoint(receipt.checkpoint.note.encode(), keys)
    leaf = leaf_hash(receipt.envelope.encode())
    check_inclusion(leaf, receipt.index, checkpoint.size, receipt.proof, checkpoint.root)
    statement, _ = open_envelope(receipt.envelope, keys)
    claims = read_claims(statement)
    if claims.origin != checkpoint.origin:
        raise VerificationError(f"the battle was sealed for {claims.origin}, not for this log", kind="ledger")
    return claims, receipt
