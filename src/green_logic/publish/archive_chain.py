"""Archives without their ledger: everything that is wrong with them, from their files alone.

Each DBOM is checked as a single file would be; around them no byte is left over. The leaves, in the order of the log,
lead to the root of each manifest and to that of every checkpoint that the archives reach. All archives of a ledger go
on from one another, the first from nothing; of a part of them each begins where its manifest says. Where two hold the
same leaf, they hold the same DBOM (archive_overlap.py). `verify_dbom.py` takes the same steps in the same order, with
nothing installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from green_logic.errors import VerificationError
from green_logic.files import storage_errors
from green_logic.ledger.findings import Finding
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint
from green_logic.proof.dbom import check_dbom, parse_dbom
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import EMPTY_ROOT, CompactRange, leaf_hash
from green_logic.proof.pinned import parse_public_keys, pem_bytes
from green_logic.publish.archive_files import Archive, Position, find_position, open_pack, read_manifest
from green_logic.publish.archive_overlap import FORKED, Overlap, list_leaves
from green_logic.publish.blocks import Block, Listing, Spread, blocks_of, in_turn
from green_logic.publish.inventory import file_digest
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.pack import Pack, names_in
from green_logic.publish.tarblocks import Member

FINDINGS_KEPT = 1000


@dataclass(frozen=True)
class Note:
    """A checkpoint to hold archives against: one that lies beside them, or one that was kept elsewhere (`pinned`)."""

    where: str
    data: bytes
    pinned: bool


@dataclass
class ChainReport:
    """What was seen. `sealed` and `pinned` are the sizes of the largest checkpoints whose roots the leaves lead to; in
    `dboms` a leaf counts once, however many archives hold it.
    """

    origin: str = ""
    first: int = 0
    end: int = 0
    dboms: int = 0
    sealed: int = 0
    pinned: int = 0
    findings: list[Finding] = field(default_factory=list)
    dropped: int = 0  # findings that were only counted


@dataclass(frozen=True)
class Task:
    """A block to check. `pems` are the trusted keys, which can go to another process only so; without, no seal is
    looked at.
    """

    block: Block
    origin: str
    pems: bytes | None


@dataclass(frozen=True, slots=True)
class Checked:
    """One DBOM of a block. `leaf` is its hash in the log; without one it is not good, for the reason that is given."""

    name: str
    size_bytes: int
    sha256: str
    leaf: bytes | None
    kind: str = ""
    message: str = ""


@dataclass
class _Walk:
    """What the archives share. `roots` has the root of the log at the ends of each good one and at `wanted` sizes; that
    of the empty log when the archives have to begin with the first leaf.
    """

    pems: bytes | None
    wanted: frozenset[int]
    spread: Spread
    progress: Progress
    total: int
    report: ChainReport
    roots: dict[int, bytes] = field(default_factory=dict)
    overlap: Overlap = field(default_factory=Overlap)
    read: int = 0  # DBOMs, a leaf as often as it is held

    def find(self, where: str, message: str, kind: str = "archive") -> None:
        # of an archive as such there are few; of very many DBOMs that are not good the first are enough
        if kind in ("archive", FORKED) or len(self.report.findings) < FINDINGS_KEPT:
            self.report.findings.append(Finding(kind, where, message))
        else:
            self.report.dropped += 1


def check_chain(
    archives: Sequence[Archive],
    keys: Mapping[str, PublicKey] | None,
    notes: Sequence[Note] = (),
    *,
    complete: bool = False,
    spread: Spread = in_turn,
    progress: Progress = no_progress,
) -> ChainReport:
    """Check archives, in the order of their leaves. Without `keys` no seal is looked at, only that nothing changed.

    `complete` says that these are all archives there are: leaves that none of them holds, before, between or behind
    them up to the largest checkpoint, are a finding then. What is wrong with an archive as such comes
    before its DBOMs. Raises StorageError when a file cannot be read.
    """
    opened = [(note, _open(note, keys or {})) for note in notes]
    wanted = frozenset(found.size for _, found in opened if isinstance(found, Checkpoint))
    wanted |= {archive.first_leaf for archive in archives}  # one may begin within another
    pems = None if keys is None else pem_bytes(keys.values())
    total = sum(archive.last_leaf + 1 - archive.first_leaf for archive in archives)
    report = ChainReport(first=archives[0].first_leaf, end=max(archive.last_leaf for archive in archives) + 1)
    walk = _Walk(pems, wanted, spread, progress, total, report)
    walk.roots |= {0: EMPTY_ROOT} if complete else {}
    for archive in archives:
        before = len(report.findings)
        try:
            _check_archive(archive, walk)
        except VerificationError as error:
            walk.find(archive.pack.name, error.message)
        report.findings[before:] = sorted(report.findings[before:], key=lambda finding: finding.kind != "archive")
    for note, found in opened:
        _check_note(note, found, walk, complete=complete)
    return report


def check_block(task: Task) -> list[Checked]:
    """Every DBOM of a block. Raises VerificationError when the block itself is not ours, OSError."""
    keys = None if task.pems is None else _keys_of(task.pems)
    return [_check_member(member, keys, task.origin) for member in task.block.members()]


@lru_cache(maxsize=1)
def _keys_of(pems: bytes) -> Mapping[str, PublicKey]:
    return parse_public_keys(pems, "the trusted keys") if pems else {}


def _check_member(member: Member, keys: Mapping[str, PublicKey] | None, origin: str) -> Checked:
    content = member.name, len(member.data), hashlib.sha256(member.data).hexdigest()
    try:
        if keys is None:
            dbom = parse_dbom(member.data)
        else:
            dbom = check_dbom(member.data, keys, name=member.name, origin=origin)
        return Checked(*content, leaf_hash(dbom["sigma_judge"].encode()))
    except VerificationError as error:
        return Checked(*content, None, error.kind, error.message)
    except (AttributeError, UnicodeEncodeError):
        return Checked(*content, None, "schema", "no seal")


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
    leaves, sums = _check_pack(archive, manifest, walk)
    listed = list_leaves(archive, manifest["origin"], sums)
    if fork := walk.overlap.find_fork(listed) if leaves else "":
        walk.find(archive.pack.name, fork, FORKED)
    elif leaves:
        _follow(archive, position, leaves, walk)
        walk.report.dboms += walk.overlap.add(listed)


def _check_pack(archive: Archive, manifest: Mapping[str, object], walk: _Walk) -> tuple[list[bytes], bytes]:
    """The leaves in the order of the log, none unless all of its DBOMs are good, and its SHA256SUMS."""
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
    walk.read += len(leaves)
    ordered = [leaves[member] for member in names_in(sums)]
    return [leaf for leaf in ordered if leaf is not None] if None not in ordered else [], sums


def _check_members(archive: Archive, origin: str, pack: Pack, walk: _Walk) -> tuple[dict[str, bytes | None], int]:
    """The leaf of each DBOM by name, None when it is not good, and the bytes of all."""
    leaves: dict[str, bytes | None] = {}
    content_bytes, listing = 0, Listing(archive.pack)
    layout = find_position(archive, read_manifest(archive)).layout
    tasks = [Task(block, origin, walk.pems) for block in blocks_of(archive.pack, layout.blocks)[:-1]]
    for number, files in enumerate(walk.spread(check_block, tasks)):
        walk.progress("checking archived DBOMs", walk.read + len(leaves), walk.total)
        for file in files:
            listing.add(file.name, file.sha256, number)
            content_bytes += file.size_bytes
            leaves[file.name] = file.leaf
            if file.leaf is None:
                walk.find(f"{archive.pack.name}/{file.name}", file.message, file.kind)
    pack.check_listing(listing)
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
