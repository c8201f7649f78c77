"""Records battles until the disk is full or files may not grow, makes room, and records the rest.

`python exhaust.py DATA_DIR KEY_FILE BYTES_LEFT|file-size` prints one JSON object: what happened.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conftest import result_of, rows_of_whole_ledger

from green_logic.errors import StorageError
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import load_signing_key
from green_logic.settings import Settings

GROUPS = 40  # of 4 battles, about 35 kB each; more than there is room for


def main() -> None:
    settings = Settings(data_dir=Path(sys.argv[1]))
    key = load_signing_key(Settings(signing_key=sys.argv[2]))
    make_room = _limit_files() if sys.argv[3] == "file-size" else _fill_disk(settings.data_dir.parent, int(sys.argv[3]))
    hints: list[str] = []

    def insist(work):
        """What `work` gives; after its third failure there is room, and then it must succeed."""
        while True:
            try:
                return work()
            except StorageError as error:
                hints.append(f"{error} – {error.hint}")
                if len(hints) == 3:
                    make_room()
                assert len(hints) <= 3, hints

    ledger = insist(lambda: Ledger.open(settings, key))
    acknowledged = []
    for turn in range(GROUPS):
        names = [f"b-{turn}-{number}" for number in range(4)]
        group = [seal_result(result_of(name), key=key, origin=ledger.origin) for name in names]
        insist(lambda group=group: ledger.submit(group))
        acknowledged += names
    ledger.close()
    rows = rows_of_whole_ledger(settings)
    sys.stdout.write(json.dumps({"hints": hints, "rows": list(rows), "acknowledged": acknowledged}))


def _fill_disk(directory: Path, room: int):
    """Leave about so many bytes on this file system."""
    ballast = directory / "ballast"
    state = os.statvfs(directory)
    ballast.write_bytes(bytes(state.f_bavail * state.f_frsize - room))
    return ballast.unlink


def _limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
