"""Manifests: which files of an export count. Reading them needs no Arrow.

Data files come first, the manifest last, so a file counts from the moment that a manifest names it. Each manifest
covers the ids after one cursor up to the next; together the live ones cover each id once. A manifest that another one
lists under `supersedes` counts no more: a rebuild or a compaction takes effect with the one file that it writes last.
A manifest is named after the first id that it may hold and its generation: of two exporters that go on from the same
state, the place refuses the second. Names are never used again, because every supersession raises the generation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import orjson

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.publish.companion_names import MANIFEST_FOLDER

FORMAT = "green-logic/battles-export"
SCHEMA_VERSION = 1  # of the column contract; a change of a name, a type or a meaning raises it
VERSION_FOLDER = f"v{SCHEMA_VERSION}"
MANIFESTS = f"{VERSION_FOLDER}/{MANIFEST_FOLDER}"
MANIFEST_NAME = re.compile(r"\d{12,}(?:-g\d+)?\.json")
DATA_PATH = re.compile(
    r"month=\d{4}-\d{2}/battles-(?P<first>\d{12,})-(?P<last>\d{12,})(?:-g(?P<generation>\d+))?\.parquet"
)
READ_ATTEMPTS = 5  # a compaction may take files away between listing and reading
WAY_BACK = "a manifest was removed or changed: put it back, or green-logic export --rebuild writes everything anew"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Readable(Protocol):
    """What reading manifests asks of a store."""

    address: str

    def names(self, folder: str) -> list[str]:
        """Names in a folder."""
        ...

    def read(self, name: str) -> bytes:
        """Content of a file."""
        ...


@dataclass(frozen=True)
class DataFile:
    """One published Parquet file; `path` is relative to the version's folder."""

    path: str
    first: int
    last: int
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """One committed step: the ids with `after` < id <= `last`, and the files that hold them.

    `origin`, `ledger_size` (rows) and `last_dbom_hash` tell which ledger it was, and up to which decision.
    """

    after: int
    first: int
    last: int
    generation: int
    schema_version: int
    origin: str
    ledger_size: int
    last_dbom_hash: str
    writer: str
    supersedes: tuple[str, ...]
    files: tuple[DataFile, ...]

    @property
    def name(self) -> str:
        """File name; unique, because ids only grow and generations only rise."""
        return f"{self.after + 1:012d}{suffix(self.generation)}.json"

    @property
    def rows(self) -> int:
        """Rows in all its files."""
        return sum(file.rows for file in self.files)

    def to_bytes(self) -> bytes:
        """Content of the file; the same manifest always gives the same bytes."""
        value = {
            "format": FORMAT,
            "schema_version": self.schema_version,
            "generation": self.generation,
            "after": self.after,
            "first": self.first,
            "last": self.last,
            "rows": self.rows,
            "ledger": {"origin": self.origin, "size": self.ledger_size, "last_dbom_hash": self.last_dbom_hash},
            "writer": self.writer,
            "supersedes": list(self.supersedes),
            "files": [
                {
                    "path": file.path,
                    "first": file.first,
                    "last": file.last,
                    "rows": file.rows,
                    "bytes": file.size_bytes,
                    "sha256": file.sha256,
                }
                for file in self.files
            ],
        }
        return manifest_bytes(value)


def manifest_bytes(value: Mapping[str, Any]) -> bytes:
    """`value` as the content of a manifest, with the digest of the rest last: no byte of it changes unseen.

    That stops accidents. A forger can compute it; what a manifest says is held against the ledger and the rows.
    """
    bare = {name: item for name, item in value.items() if name != "digest"}
    return _dump({**bare, "digest": hashlib.sha256(_dump(bare)).hexdigest()})


def _dump(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True)
class Catalog:
    """All manifests of a destination by name, and those that count, in the order of ids."""

    all: Mapping[str, Manifest]
    live: tuple[Manifest, ...]

    @property
    def cursor(self) -> int:
        """Highest id that is published; 0 for an empty destination."""
        return self.live[-1].last if self.live else 0

    @property
    def generation(self) -> int:
        """Of the next manifest that supersedes nothing."""
        return max((manifest.generation for manifest in self.all.values()), default=1)

    @property
    def files(self) -> tuple[DataFile, ...]:
        """Every file that counts, in the order of ids."""
        return tuple(file for manifest in self.live for file in manifest.files)

    def covers(self, first: int, last: int) -> bool:
        """Whether every id from `first` to `last` is in a manifest that counts."""
        for manifest in self.live:
            if manifest.after < first <= manifest.last:
                first = manifest.last + 1
        return first > last

    @property
    def lost(self) -> tuple[Manifest, ...]:
        """Superseded ones with ids that no manifest covers any more: what superseded them was removed or changed."""
        live = {item.name for item in self.live}
        old = (item for name, item in self.all.items() if name not in live)
        return tuple(item for item in old if not self.covers(item.after + 1, item.last))


def suffix(generation: int) -> str:
    """What is added to file names after the first generation."""
    return f"-g{generation}" if generation > 1 else ""


def read_catalog(store: Readable, *, check: bool = True) -> Catalog:
    """The manifests of a destination.

    Raises VerificationError for one that is damaged and, unless `check` is False, when the live ones leave a gap or
    overlap, or lack ids of one that they supersede; ConfigurationError for one of a newer version.
    """
    for attempt in range(READ_ATTEMPTS):
        try:
            names = [name for name in store.names(MANIFESTS) if not name.startswith(".")]
            found = {name: parse_manifest(store.read(f"{MANIFESTS}/{name}"), name) for name in names}
            break
        except FileNotFoundError:
            if attempt == READ_ATTEMPTS - 1:
                raise
    gone = {name for manifest in found.values() for name in manifest.supersedes}
    live = sorted((item for name, item in found.items() if name not in gone), key=lambda item: item.after)
    catalog = Catalog(found, tuple(live))
    if check:
        _check_chain(live, f"{store.address}/{MANIFESTS}")
        _check_superseded(catalog, f"{store.address}/{MANIFESTS}")
    return catalog


def _check_chain(live: Sequence[Manifest], address: str) -> None:
    for before, item in pairwise(live):
        if before.last != item.after:
            raise VerificationError(
                f"{address}: {before.name} ends at id {before.last}, {item.name} begins after {item.after}",
                kind="export",
                hint=WAY_BACK,
            )


def _check_superseded(catalog: Catalog, address: str) -> None:
    for item in catalog.lost:
        raise VerificationError(
            f"{address}: {item.name} is superseded, but its ids {item.first} to {item.last} are in none that counts",
            kind="export",
            hint=WAY_BACK,
        )


def parse_manifest(data: bytes, name: str) -> Manifest:
    """A manifest from its bytes.

    Raises VerificationError unless it is whole and of our making, ConfigurationError when it is newer than this code.
    """
    try:
        value = orjson.loads(data)
        if value["format"] != FORMAT or not MANIFEST_NAME.fullmatch(name):
            raise ValueError("not a manifest of this export")  # noqa: TRY301  one place says what is wrong
        if _integer(value["schema_version"]) > SCHEMA_VERSION:
            raise ConfigurationError(
                f"_manifests/{name}: schema version {value['schema_version']}, this green-logic knows {SCHEMA_VERSION}",
                hint="update green-logic, or choose another --dest; nothing was changed",
            )
        manifest = Manifest(
            **{key: _integer(value[key]) for key in ("after", "first", "last", "generation", "schema_version")},
            origin=_text(value["ledger"]["origin"]),
            ledger_size=_integer(value["ledger"]["size"]),
            last_dbom_hash=_text(value["ledger"]["last_dbom_hash"]),
            writer=_text(value["writer"]),
            supersedes=tuple(_text(item) for item in value["supersedes"]),
            files=tuple(_parse_file(item) for item in value["files"]),
        )
        _check_agreement(manifest, name, _integer(value["rows"]))
        if manifest.to_bytes() != data:
            raise ValueError("not the bytes that were written")  # noqa: TRY301  as above
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError(
            f"_manifests/{name}: {error}",
            kind="export",
            hint="it was damaged or is not ours: move it away, then green-logic export --rebuild",
        ) from error
    return manifest


def _check_agreement(manifest: Manifest, name: str, rows: int) -> None:
    # the name tells after which id it goes on; the rest must follow from its files
    ends = (min(file.first for file in manifest.files), max(file.last for file in manifest.files))
    if (name, rows, ends) != (manifest.name, manifest.rows, (manifest.first, manifest.last)):
        raise ValueError("name, rows and files do not agree")
    if not 0 <= manifest.after < manifest.first <= manifest.last:
        raise ValueError("its ids are not after the one that it goes on from")


def _parse_file(value: Mapping[str, Any]) -> DataFile:
    path, digest = _text(value["path"]), _text(value["sha256"])
    # the path is joined to the directory later: nothing but our own names may come through
    if not DATA_PATH.fullmatch(path) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"unexpected file {path!r}")
    first, last, rows = _integer(value["first"]), _integer(value["last"]), _integer(value["rows"])
    return DataFile(path, first, last, rows, _integer(value["bytes"]), digest)


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"expected an integer, got {value!r}")
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f"expected an integer of 64 bits, got {value}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {value!r}")
    return value


def check_same_ledger(catalog: Catalog, origin: str, address: str, *, rebuild: bool) -> None:
    """Raises ConfigurationError when a destination belongs to another ledger, or to an older version of the contract
    that only a rebuild may replace.
    """
    for manifest in catalog.all.values():
        if manifest.origin != origin:
            raise ConfigurationError(
                f"{address}: holds the ledger {manifest.origin}, this one is {origin}",
                hint="choose another --dest: two ledgers do not share a directory",
            )
        if manifest.schema_version != SCHEMA_VERSION and not rebuild:
            raise ConfigurationError(
                f"{address}: written with schema version {manifest.schema_version}, this one writes {SCHEMA_VERSION}",
                hint="green-logic export --rebuild writes everything anew, or choose another --dest",
            )
