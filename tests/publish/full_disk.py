"""One publication on a disk that is full, and the same again once there is room; what was to be seen, as JSON.

`python full_disk.py TEMPLATE DISK WORK ROOM`: a data directory is copied to the disk, which is filled up but for ROOM
bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from green_logic.audit.ledger import audit_ledger
from green_logic.errors import GreenLogicError
from green_logic.publish.archive import archive_dboms
from green_logic.publish.archive_files import archives_directory, find_archives
from green_logic.publish.backup import backup, find_backups
from green_logic.publish.compact import compact_exports
from green_logic.publish.export import export_battles
from green_logic.publish.manifest import read_catalog
from green_logic.publish.restore import restore
from green_logic.publish.store import LocalStore
from green_logic.settings import Settings


def do(settings: Settings, work: str) -> None:
    if work == "export":
        export_battles(settings)
    elif work == "compact":
        compact_exports(settings)
    elif work == "backup":
        backup(settings)
    elif work == "keep":
        backup(settings, keep="1m")
    elif work == "restore":
        restore(find_backups(settings.data_dir / "backups")[0], settings.data_dir.parent / "restored")
    else:
        archive_dboms(settings, prune=work == "prune")


def seen(settings: Settings) -> dict[str, list[str]]:
    """What counts."""
    return {
        "exports": [file.path for file in read_catalog(LocalStore(settings.data_dir / "exports" / "battles")).files],
        "archives": [one.pack.name for one in find_archives(archives_directory(settings))],
        "backups": [path.name for path in find_backups(settings.data_dir / "backups")],
        "restored": [path.name for path in settings.data_dir.parent.glob("restored")],
        "dboms": sorted(path.name for path in settings.dboms.iterdir()),
    }


def main() -> None:
    template, disk, work, room = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    settings = Settings(data_dir=disk / "data")
    shutil.copytree(template, settings.data_dir)
    answer: dict[str, object] = {"before": seen(settings)}
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(1))
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(bytes(max(1, free - room)))
    try:
        do(settings, work)
    except GreenLogicError as error:
        answer |= {"code": error.code, "hint": error.hint, "message": error.message}
    answer["left"] = seen(settings)
    ballast.unlink()
    answer["clean"] = [one for one in audit_ledger(settings).tally.as_json() if one["kind"] != "stray"]
    do(settings, work)
    answer["after"] = seen(settings)
    answer["clean after"] = audit_ledger(settings).tally.as_json()
    answer["others"] = sorted(path.name for path in disk.iterdir())
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
