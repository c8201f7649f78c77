"""Which importers there are: those that installed packages name under the entry point group `green_logic.importers`."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from green_logic.errors import ConfigurationError
from green_logic.importers.inspect_ai import InspectImporter
from green_logic.importers.logomesh import LogoMeshImporter
from green_logic.importers.outcomes import Importer

GROUP = "green_logic.importers"
# also here, so that a checkout whose metadata is older than its code still has them
BUILT_IN: tuple[Importer, ...] = (LogoMeshImporter(), InspectImporter())


def find_importers() -> dict[str, Importer]:
    """Every importer by name; the built-in ones cannot be replaced from outside.

    Raises ConfigurationError for a plugin that cannot be loaded: leaving it out would read a file as something else.
    """
    found: dict[str, Importer] = {importer.name: importer for importer in BUILT_IN}
    for entry in sorted(entry_points(group=GROUP), key=lambda item: item.name):
        if entry.name not in found:
            found[entry.name] = _load(entry)
    return found


def choose_importer(path: Path, *, name: str | None = None) -> Importer:
    """The importer called `name`, else the one that recognises `path`. Raises ConfigurationError."""
    importers = find_importers()
    names = ", ".join(importers)
    if not path.exists():
        raise ConfigurationError(f"{path}: no such file or directory")
    if name is not None:
        if name not in importers:
            raise ConfigurationError(f"no importer named {name!r}", hint=f"there are: {names}")
        return importers[name]
    matching = [importer for importer in importers.values() if importer.recognises(path)]
    if len(matching) != 1:
        which = ", ".join(importer.name for importer in matching) or "none"
        raise ConfigurationError(
            f"{path}: expected one importer to recognise it, got {which}", hint=f"name one with --format: {names}"
        )
    return matching[0]


def _load(entry: EntryPoint) -> Importer:
    try:
        loaded = entry.load()
        importer: Importer = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:  # a plugin may fail in any way
        raise ConfigurationError(f"importer {entry.name}: cannot be loaded: {error}") from error
    if not all(callable(getattr(importer, verb, None)) for verb in ("recognises", "records")):
        raise ConfigurationError(f"importer {entry.name}: expected an Importer, got {type(importer).__name__}")
    return importer
