"""`green-logic bundle`: one battle's seal for verifiers that know nothing of us."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from green_logic.commands import GOOD

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "a battle's seal as a Sigstore bundle, for stock verifiers"
EXAMPLES = """examples:
  green-logic bundle lru-0007 -o lru-0007.sigstore.json
  green-logic show lru-0007 --raw > raw_result        what the seal is about; then, with cosign:
  cosign verify-blob-attestation --bundle lru-0007.sigstore.json --key data/judge.pub --insecure-ignore-tlog \\
    --type urn:uuid:af5d9567-96bc-4460-b314-ca8e580097db#green-agent/dbom/v1 raw_result"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The battle and where its bundle goes."""
    parser.add_argument("battle_id", metavar="BATTLE_ID", help="a recorded battle")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write it there (default: standard output)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Make the bundle from the envelope on the ledger; signs nothing."""
    from green_logic.commands.prove import write_answer
    from green_logic.ledger.log import find_leaf
    from green_logic.ledger.reading import open_for_reading
    from green_logic.ledger.schema import database_errors
    from green_logic.proof.bundle import write_bundle

    with open_for_reading(settings) as connection, database_errors(settings.database):
        _, envelope = find_leaf(connection, options.battle_id)
    write_answer("bundle", write_bundle(envelope), options, "bundle")
    return GOOD
