"""Many writers of one ledger at one moment, forked from one process so that they start together.

`python writers.py DATA_DIR KEY_FILE share SECONDS PROCESSES` lets each record battles of its own for a while;
`… same 0 PROCESSES` lets all record one battle, `… different 0 PROCESSES` one id with evidence of its own each.
Prints one JSON object for each writer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conftest import result_of

from green_logic.errors import GreenLogicError
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import load_signing_key
from green_logic.settings import Settings


def write(settings: Settings, key: object, what: str, seconds: float, number: int) -> dict:
    """What one writer did."""
    with Ledger.open(settings, key) as ledger:
        _meet(settings.data_dir.parent, number)
        if what != "share":
            seed = number if what == "different" else 1
            sealed = seal_result(result_of("one", seed=seed), key=key, origin=ledger.origin)
            receipt = ledger.submit([sealed])[0]
            return {"status": receipt.status, "h_delta": receipt.h_delta, "own": sealed.h_delta}
        count, longest_s, end = 0, 0.0, time.monotonic() + seconds
        while (started := time.monotonic()) < end:
            sealed = seal_result(result_of(f"w{number}-{count}", seed=number), key=key, origin=ledger.origin)
            assert ledger.submit_one(sealed).status == "recorded"
            count += 1
            longest_s = max(longest_s, time.monotonic() - started)
        return {"count": count, "longest_s": round(longest_s, 3)}


def _meet(directory: Path, number: int) -> None:
    """Wait until everybody has opened the ledger."""
    (directory / f"ready-{number}").touch()
    while sum(1 for _ in directory.glob("ready-*")) < int(sys.argv[5]):
        time.sleep(0.001)


def main() -> None:
    settings = Settings(data_dir=Path(sys.argv[1]), busy_timeout_s=60.0)
    key = load_signing_key(Settings(signing_key=sys.argv[2]))
    children = []
    for number in range(int(sys.argv[5])):
        child = os.fork()
        if child:
            children.append(child)
            continue
        try:
            did = write(settings, key, sys.argv[3], float(sys.argv[4]), number)
        except (GreenLogicError, OSError) as error:
            did = {"error": f"{type(error).__name__}: {error}"}
        os.write(1, json.dumps(did).encode() + b"\n")  # one write is one line, whoever else writes
        os._exit(0)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
