"""One recorded battle: its row, its DBOM file, its seal, and its place under the newest checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

from green_logic.audit.ledger import load_published_keys, stored_checkpoints
from green_logic.audit.single import Verdict
from green_logic.errors import VerificationError
from green_logic.ledger.log import Log, find_leaf, newest_checkpoint
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.row_check import RowCheck, Trust
from green_logic.ledger.schema import key_ranges, read_meta
from green_logic.proof.checkpoint import open_checkpoint, trusted_keys
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import check_inclusion
from green_logic.settings import Settings


def check_battle(settings: Settings, battle_id: str, keys: Mapping[str, PublicKey] | None) -> Verdict:
    """The verdict on one recorded battle. Raises ConfigurationError when there is no such battle."""
    with open_for_reading(settings, bounded=True) as connection:
        leaf, _ = find_leaf(connection, battle_id)
        meta, newest, log = read_meta(connection), newest_checkpoint(connection), Log(connection)
        pinned = load_published_keys(settings.data_dir) if keys is None else keys
        keys = trusted_keys(pinned, stored_checkpoints(connection))
        trust = Trust(meta["origin"], keys, tuple(key_ranges(meta)))
        proof = log.inclusion(leaf, newest.size) if newest is not None and leaf < newest.size else None
        auditor = RowCheck(connection, settings.dboms, trust, kept=1)
        try:
            result = auditor.check_range(leaf, leaf + 1)
        finally:
            auditor.close()
    findings = [item for examples in result.tally.examples.values() for item in examples]
    if findings:
        return Verdict(battle_id, "battle", findings[0].kind, findings[0].message)
    if proof is None or newest is None:
        return Verdict(battle_id, "battle", "", f"row and DBOM agree; leaf {leaf}, not under a checkpoint yet")
    try:
        open_checkpoint(newest.note.encode(), trust.keys, origin=trust.origin)
        check_inclusion(result.hashes[0], leaf, newest.size, proof, newest.root)
    except VerificationError as error:
        return Verdict(battle_id, "battle", error.kind, error.message)
    return Verdict(battle_id, "battle", "", f"row and DBOM agree; leaf {leaf} of {newest.size} under a checkpoint")
