"""What lies in a destination beside what counts: files that an earlier run left, and files that are missing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from green_logic.errors import VerificationError
from green_logic.files import TEMPORARY_PREFIX
from green_logic.publish.companion_names import NAMES
from green_logic.publish.manifest import DATA_PATH, MANIFESTS, VERSION_FOLDER, WAY_BACK, Catalog
from green_logic.publish.parts import PART_NAME
from green_logic.publish.store import Store

# what green_logic.files leaves when it is killed while it writes one of our small files
_TEXTS = "|".join(map(re.escape, ("README.md", *NAMES)))
UNFINISHED = re.compile(
    rf"{re.escape(TEMPORARY_PREFIX)}({_TEXTS})|{MANIFESTS}/{re.escape(TEMPORARY_PREFIX)}\d[-\dg]*\.json"
)


def check_whole(store: Store, catalog: Catalog) -> None:
    """Raises VerificationError when a file that counts is missing or has another size, or when one that counted has
    lost its manifest. Contents are not read.
    """
    sizes = store.walk()
    for file in catalog.files:
        size = sizes.get(f"{VERSION_FOLDER}/{file.path}")
        if size != file.size_bytes:
            raise VerificationError(
                f"{store.address}/{VERSION_FOLDER}/{file.path}: expected {file.size_bytes} bytes, got {size}",
                kind="export",
                hint="green-logic export --rebuild writes everything anew from the ledger",
            )
    named = {file.path for file in catalog.files}
    for path in sorted({*_data_paths(sizes)} - named):
        if lost := find_lost_ids(path, catalog):
            raise VerificationError(
                f"{store.address}/{VERSION_FOLDER}/{path}: no manifest covers its ids {lost[0]} to {lost[1]}",
                kind="export",
                hint=WAY_BACK,
            )


def find_lost_ids(path: str, catalog: Catalog) -> tuple[int, int] | None:
    """First and last id of a file whose manifest was removed; None for any other, leftovers of a crash among them.

    A crash leaves ids after the cursor, or again those that manifests cover (a rebuild, a compaction), or a generation
    that no manifest has reached (a rebuild of what was begun with `since`).
    """
    found = DATA_PATH.fullmatch(path)
    if not found or int(found["generation"] or 1) > catalog.generation:
        return None
    first, last = int(found["first"]), int(found["last"])
    return None if catalog.covers(first, min(last, catalog.cursor)) else (first, last)


def _data_paths(names: Iterable[str]) -> list[str]:
    paths = (name.removeprefix(f"{VERSION_FOLDER}/") for name in names if name.startswith(f"{VERSION_FOLDER}/"))
    return [path for path in paths if DATA_PATH.fullmatch(path)]


def sweep(store: Store, catalog: Catalog) -> int:
    """Remove what counts for nothing and is ours: parts in the spool, files that no live manifest names, superseded
    manifests. Anything with another name stays, as does what another exporter may be about to name, and what may be the
    only copy of ids that no manifest covers. How many there were.
    """
    parts = list(store.spool.iterdir()) if store.spool.is_dir() else []
    parts = [path for path in parts if PART_NAME.fullmatch(path.name)]
    for path in parts:
        path.unlink()
    kept = (*catalog.live, *catalog.lost)
    named = {file.path for manifest in kept for file in manifest.files}
    names = list(store.walk())
    unnamed = [path for path in _data_paths(names) if path not in named and find_lost_ids(path, catalog) is None]
    superseded = {file.path for manifest in catalog.all.values() for file in manifest.files}
    dead = [
        f"{VERSION_FOLDER}/{path}"
        for path in unnamed
        if path in superseded or store.abandoned(f"{VERSION_FOLDER}/{path}")
    ]
    dead += [name for name in names if UNFINISHED.fullmatch(name)]
    # the manifests go last: they tell what the files were for as long as there are any
    dead += [f"{MANIFESTS}/{name}" for name in sorted({*catalog.all} - {manifest.name for manifest in kept})]
    for name in dead:
        store.remove(name)
    store.settle()
    return len(parts) + len(dead)
