"""What lies in a destination beside what counts: files that an earlier run left, and files that are missing."""

from __future__ import annotations

import re

from green_logic.errors import VerificationError
from green_logic.files import TEMPORARY_PREFIX
from green_logic.publish.companion_names import NAMES
from green_logic.publish.manifest import DATA_PATH, MANIFESTS, VERSION_FOLDER, Catalog
from green_logic.publish.parts import PART_NAME
from green_logic.publish.store import Store

# what green_logic.files leaves when it is killed while it writes one of our small files
_TEXTS = "|".join(map(re.escape, ("README.md", *NAMES)))
UNFINISHED = re.compile(
    rf"{re.escape(TEMPORARY_PREFIX)}({_TEXTS})|{MANIFESTS}/{re.escape(TEMPORARY_PREFIX)}\d[-\dg]*\.json"
)


def check_sizes(store: Store, catalog: Catalog) -> None:
    """Raises VerificationError when a file that counts is missing or has another size. Contents are not read."""
    sizes = store.walk()
    for file in catalog.files:
        size = sizes.get(f"{VERSION_FOLDER}/{file.path}")
        if size != file.size_bytes:
            raise VerificationError(
                f"{store.address}/{VERSION_FOLDER}/{file.path}: expected {file.size_bytes} bytes, got {size}",
                kind="export",
                hint="green-logic export --rebuild writes everything anew from the ledger",
            )


def sweep(store: Store, catalog: Catalog) -> int:
    """Remove what counts for nothing and is ours: parts in the spool, files that no live manifest names, superseded
    manifests. Anything with another name stays, and what another exporter may be about to name. How many there were.
    """
    parts = list(store.spool.iterdir()) if store.spool.is_dir() else []
    parts = [path for path in parts if PART_NAME.fullmatch(path.name)]
    for path in parts:
        path.unlink()
    named = {file.path for file in catalog.files}
    names = list(store.walk())
    paths = [name.removeprefix(f"{VERSION_FOLDER}/") for name in names]
    unnamed = [path for path in paths if DATA_PATH.fullmatch(path) and path not in named]
    superseded = {file.path for manifest in catalog.all.values() for file in manifest.files}
    dead = [
        f"{VERSION_FOLDER}/{path}"
        for path in unnamed
        if path in superseded or store.abandoned(f"{VERSION_FOLDER}/{path}")
    ]
    dead += [name for name in names if UNFINISHED.fullmatch(name)]
    live = {manifest.name for manifest in catalog.live}
    # the manifests go last: they tell what the files were for as long as there are any
    dead += [f"{MANIFESTS}/{name}" for name in sorted(catalog.all) if name not in live]
    for name in dead:
        store.remove(name)
    store.settle()
    return len(parts) + len(dead)
