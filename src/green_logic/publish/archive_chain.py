"""Archives without their ledger: everything that is wrong with them, from their files alone.

Each DBOM is checked as a single file would be; around them no byte is left over. The leaves, in the order of the log,
lead to the root of each manifest and to that of every checkpoint that the archives reach. All archives of a ledger go
on from one another, the first from nothing; of a part of them each begins where its manifest says. `verify_dbom.py`
takes the same steps in the same order, with nothing installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from green_logic.errors import VerificationError
from green_logic.files import storage_errors
from green_logic.ledger.findings import Finding
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint
from green_logic.proof.dbom import check_dbom, parse_dbom
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import EMPTY_ROOT, CompactRange, leaf_hash
from green_logic.publish.archive_files import Archive, Position, find_position, open_pack, read_manifest
from green_logic.publish.inventory import file_digest
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.pack import Pack, names_in


@dataclass(frozen=True)
class Note:
    """A checkpoint to hold archives against: one that lies beside them, or one that was kept elsewhere (`pinned`)."""

    where: str
    data: bytes
    pinned: bool


@dataclass
class ChainReport:
    """What was seen. `sealed` and `pinned` are the sizes of the largest checkpoints whose roots the leaves lead to."""

    origin: str = ""
    first: int = 0
    end: int = 0
    dboms: int = 0
    sealed: int = 0
    pinned: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass
class _Walk:
    """What the archives share. `roots` has the root of the log at the ends of each good one and at `wanted` sizes; that
    of the empty log when the archives have to begin with the first leaf.
    """

    keys: Mapping[str, PublicKey] | None
    wanted: frozenset[int]
    progress: Progress
    report: ChainReport
    roots: dict[int, bytes] = field(default_factory=dict)

    def find(self, where: str, message: str, kind: str = "archive") -> None:
        self.report.findings.append(Finding(kind, where, message))


def check_chain(
    archives: Sequence[Archive],
    keys: Mapping[str, PublicKey] | None,
    notes: Sequence[Note] = (),
    *,
    complete: bool = False,
    progress: Progress = no_progress,
) -> ChainReport:
    """Check archives, in the order of their leaves. Without `keys` no seal is looked at, only that nothing changed.

    `complete` says that these are all archives there are: leaves that none of them holds, before, between or behind
    them up to the largest checkpoint, are a finding then. What is wrong with an archive as such comes first.
    Raises StorageError when a file cannot be read.
    """
    opened = [(note, _open(note, keys or {})) for note in notes]
    wanted = frozenset(found.size for _, found in opened if isinstance(found, Checkpoint))
    walk = _Walk(keys, wanted, progress, ChainReport(first=archives[0].first_leaf, end=archives[-1].last_leaf + 1))
    walk.roots |= {0: EMPTY_ROOT} if complete else {}
    for archive in archives:
        try:
            _check_archive(archive, walk)
        except VerificationError as error:
            walk.find(archive.pack.name, error.message)
    walk.report.findings.sort(key=lambda finding: finding.kind != "archive")
    for note, found in opened:
        _check_note(note, found, walk, complete=complete)
    return walk.report


def _open(note: Note, keys: Mapping[str, PublicKey]) -> Checkpoint | VerificationError:
    try:
        return open_checkpoint(note.data, keys)
    except VerificationError as error:
        return error


def _check_archive(archive: Archive, walk: _Walk) -> None:
    manifest = read_manifest(archive)
    position = find_position(archive, manifest)
    if walk.report.origin not in ("", manifest["origin"]):
        walk.find(archive.manifest.name, "is of another ledger")
    walk.report.origin = walk.report.origin or manifest["origin"]
    if 0 in walk.roots and archive.first_leaf not in walk.roots:
        message = f"begins at leaf {archive.first_leaf}; the archive before it is missing or not good (see --part)"
        walk.find(archive.manifest.name, message)
    leaves = _check_pack(archive, manifest, walk)
    if leaves:
        _follow(archive, position, leaves, walk)


def _check_pack(archive: Archive, manifest: Mapping[str, object], walk: _Walk) -> list[bytes]:
    """The leaves in the order of the log, none unless all of its DBOMs are good."""
    name = archive.pack.name
    if not archive.pack.is_file():
        raise VerificationError("is missing", kind="archive")
    with storage_errors(f"cannot read {name}"):
        if file_digest(archive.pack) != manifest["sha256"]:
            walk.find(name, "its SHA-256 is not the manifest's")
        with open_pack(archive) as pack:
            leaves, content_bytes = _check_members(archive, str(manifest["origin"]), pack, walk)
            sums = pack.sums()
    if (len(leaves), content_bytes) != (manifest["dboms"], manifest["dbom_bytes"]):
        walk.find(name, f"holds {len(leaves)} DBOMs of {content_bytes} bytes, not what the manifest says")
    if hashlib.sha256(sums).hexdigest() != manifest["sums_sha256"]:
        walk.find(name, "its list of digests is not the manifest's")
    walk.report.dboms += len(leaves)
    ordered = [leaves[member] for member in names_in(sums)]
    return [leaf for leaf in ordered if leaf is not None] if None not in ordered else []


def _check_members(archive: Archive, origin: str, pack: Pack, walk: _Walk) -> tuple[dict[str, bytes | None], int]:
    """The leaf of each DBOM by name, None when it is not good, and the bytes of all."""
    leaves: dict[str, bytes | None] = {}
    content_bytes = 0
    for member in pack.members():
        walk.progress("checking", len(leaves), archive.last_leaf + 1 - archive.first_leaf)
        content_bytes += len(member.data)
        leaves[member.name] = None
        try:
            if walk.keys is not None:
                check_dbom(member.data, walk.keys, name=member.name, origin=origin)
            leaves[member.name] = leaf_hash(parse_dbom(member.data)["sigma_judge"].encode())
        except (VerificationError, AttributeError, UnicodeEncodeError) as error:
            kind, message = (
                (error.kind, error.message) if isinstance(error, VerificationError) else ("schema", "no seal")
            )
            walk.find(f"{archive.pack.name}/{member.name}", message, kind)
    return leaves, content_bytes


def _follow(archive: Archive, position: Position, leaves: Sequence[bytes], walk: _Walk) -> None:
    """Note the root of the log before, within and after an archive, which must be that of its manifest."""
    log = CompactRange.resume(archive.first_leaf, position.before)
    wanted = walk.wanted | {archive.first_leaf, archive.last_leaf + 1}
    for leaf in (None, *leaves):
        if leaf is not None:
            log.append(leaf)
        if log.size and log.size in wanted and walk.roots.setdefault(log.size, log.root()) != log.root():
            walk.find(archive.manifest.name, "does not go on from the archive before it")
    if log.root() != position.root:
        walk.find(archive.manifest.name, "its DBOMs do not lead to the root that it names")


def _check_note(note: Note, found: Checkpoint | VerificationError, walk: _Walk, *, complete: bool) -> None:
    report = walk.report
    if isinstance(found, VerificationError):
        walk.find(note.where, found.message, found.kind)
    elif report.origin not in ("", found.origin):
        walk.find(note.where, f"is of {found.origin}, another ledger", "ledger")
    elif found.size > report.end and complete:
        walk.find(note.where, f"covers {found.size} battles, the archives end at {report.end}", "truncated")
    elif walk.roots.get(found.size, found.root) != found.root:
        message = f"the first {found.size} leaves have another root than was signed"
        walk.find(note.where, message, "history-rewritten" if note.pinned else "checkpoint")
    elif found.size in walk.roots:
        report.sealed = max(report.sealed, found.size)
        report.pinned = max(report.pinned, found.size) if note.pinned else report.pinned
