"""Archives without their ledger: everything that is wrong with them, from their files alone.

Each DBOM is checked as a single file would be; around them no byte is left over. The leaves, in the order of the log,
lead to the root of each manifest and to that of every checkpoint that the archives reach, as far as they go on from one
another. `verify_dbom.py` takes the same steps in the same order, with nothing installed.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from green_logic.errors import VerificationError
from green_logic.files import storage_errors
from green_logic.ledger.findings import Finding
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint
from green_logic.proof.dbom import check_dbom, dbom_name, parse_dbom
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import CompactRange, leaf_hash
from green_logic.publish.archive_files import Archive, Position, find_position, read_manifest
from green_logic.publish.inventory import file_digest
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.pack import Pack, names_in
from green_logic.publish.tarblocks import Member


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
    verified: int = 0  # DBOMs whose own signature was verified; the others are under a signed root
    sealed: int = 0
    pinned: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Terms:
    """How to check: under which keys, up to which leaf a signed root vouches for the signatures, against what."""

    keys: Mapping[str, PublicKey] | None
    vouched: int
    signed: Sequence[tuple[Checkpoint, Note]]
    progress: Progress


def check_chain(
    archives: Sequence[Archive],
    keys: Mapping[str, PublicKey] | None,
    notes: Sequence[Note] = (),
    *,
    complete: bool = False,
    every_signature: bool = False,
    progress: Progress = no_progress,
) -> ChainReport:
    """Check archives, in the order of their leaves. Without `keys` no seal is looked at, only that nothing changed.

    `complete` says that these are all archives there are: a checkpoint beyond them is a finding then. A signature under
    a signed root is verified by itself only with `every_signature`, or to find out why the root is another one. Raises
    StorageError when a file cannot be read.
    """
    end = archives[-1].last_leaf + 1
    origin = _find_origin(archives)
    signed, late = _open_notes(notes, keys or {}, origin, end if complete else None)
    reached = [found.size for found, _ in signed if archives[0].first_leaf < found.size <= end]
    vouched = 0 if every_signature else max(reached, default=0)
    report = _walk(archives, Terms(keys, vouched, signed, progress))
    if report.sealed < vouched:  # the root is another one: which DBOM is it, then?
        report = _walk(archives, Terms(keys, 0, signed, progress))
    report.origin, report.first, report.end = origin, archives[0].first_leaf, end
    report.findings += late
    return report


def _find_origin(archives: Sequence[Archive]) -> str:
    for archive in archives:
        with contextlib.suppress(VerificationError):  # the walk tells what is wrong with it
            return str(read_manifest(archive)["origin"])
    return ""


def _open_notes(
    notes: Sequence[Note], keys: Mapping[str, PublicKey], origin: str, end: int | None
) -> tuple[list[tuple[Checkpoint, Note]], list[Finding]]:
    """Checkpoints with a good signature, and what is wrong with the others."""
    signed, findings = [], []
    for note in notes:
        try:
            found = open_checkpoint(note.data, keys, origin=origin or None)
        except VerificationError as error:
            findings.append(Finding(error.kind, note.where, error.message))
            continue
        signed.append((found, note))
        if end is not None and found.size > end:
            message = f"covers {found.size} battles, the archives end at {end}"
            findings.append(Finding("truncated", note.where, message))
    return signed, findings


def _walk(archives: Sequence[Archive], terms: Terms) -> ChainReport:
    report = ChainReport()
    log: CompactRange | None = None
    roots: dict[int, bytes] = {}
    origin = _find_origin(archives)
    for number, archive in enumerate(archives):
        try:
            manifest = read_manifest(archive)
            position = find_position(archive, manifest)
        except VerificationError as error:
            report.findings.append(Finding("archive", archive.manifest.name, error.message))
            log = None
            continue
        report.findings += _check_start(archives[number - 1] if number else None, archive, log, position)
        if manifest["origin"] != origin:
            report.findings.append(Finding("ledger", archive.manifest.name, "is of another ledger"))
        leaves = _check_pack(archive, manifest, position, terms, report)
        log = _follow(archive, position, leaves, {found.size for found, _ in terms.signed}, roots) if leaves else None
        if log is not None and log.root() != position.root:
            message = "its DBOMs do not lead to the root that it names"
            report.findings.append(Finding("archive", archive.manifest.name, message))
    _check_roots(terms, roots, report)
    return report


def _check_start(
    before: Archive | None, archive: Archive, log: CompactRange | None, position: Position
) -> Iterator[Finding]:
    if before is not None and archive.first_leaf != before.last_leaf + 1:
        message = f"expected leaf {before.last_leaf + 1} first: an archive is missing, or two hold the same leaves"
        yield Finding("archive", archive.manifest.name, message)
    elif log is not None and log.peaks() != position.before:
        yield Finding("archive", archive.manifest.name, "does not go on from the archive before it")


def _follow(
    archive: Archive, position: Position, leaves: Sequence[bytes], wanted: Collection[int], roots: dict[int, bytes]
) -> CompactRange:
    """The log after an archive; its root goes to `roots` at every size that is `wanted`."""
    log = CompactRange.resume(archive.first_leaf, position.before)
    if log.size in wanted:
        roots[log.size] = log.root()
    for leaf in leaves:
        log.append(leaf)
        if log.size in wanted:
            roots[log.size] = log.root()
    return log


def _check_roots(terms: Terms, roots: Mapping[int, bytes], report: ChainReport) -> None:
    for found, note in terms.signed:
        if found.size not in roots or not found.size:
            continue
        if roots[found.size] != found.root:
            kind = "history-rewritten" if note.pinned else "checkpoint"
            message = f"the first {found.size} leaves have another root than was signed"
            report.findings.append(Finding(kind, note.where, message))
            continue
        report.sealed = max(report.sealed, found.size)
        if note.pinned:
            report.pinned = max(report.pinned, found.size)


def _check_pack(
    archive: Archive, manifest: Mapping[str, object], position: Position, terms: Terms, report: ChainReport
) -> list[bytes]:
    """Findings about one pack go to the report; its leaves in the order of the log, none when they cannot be told."""
    name = archive.pack.name
    try:
        if not archive.pack.is_file():
            report.findings.append(Finding("archive", name, "is missing"))
            return []
        with storage_errors(f"cannot read {name}"):
            if file_digest(archive.pack) != manifest["sha256"]:
                report.findings.append(Finding("archive", name, "its SHA-256 is not the manifest's"))
            with Pack(archive.pack, position.layout) as pack:
                return _check_members(archive, manifest, pack, terms, report)
    except VerificationError as error:
        report.findings.append(Finding("archive", name, error.message))
        return []


def _check_members(
    archive: Archive, manifest: Mapping[str, object], pack: Pack, terms: Terms, report: ChainReport
) -> list[bytes]:
    sums = pack.sums()
    names = names_in(sums)
    doubted = set(names[max(0, terms.vouched - archive.first_leaf) :])
    leaves: dict[str, bytes | None] = {}
    content_bytes = 0
    for member in pack.members():
        terms.progress("checking", len(leaves), len(names))
        content_bytes += len(member.data)
        leaves[member.name] = _find_leaf(member)
        report.findings += _check_member(archive, manifest, member, terms, vouched=member.name not in doubted)
    report.dboms += len(leaves)
    report.verified += len(doubted) if terms.keys is not None else 0
    if (len(leaves), content_bytes) != (manifest["dboms"], manifest["dbom_bytes"]):
        message = f"holds {len(leaves)} DBOMs of {content_bytes} bytes, not what the manifest says"
        report.findings.append(Finding("archive", archive.pack.name, message))
    if hashlib.sha256(sums).hexdigest() != manifest["sums_sha256"]:
        report.findings.append(Finding("archive", archive.pack.name, "its list of digests is not the manifest's"))
    return _in_order(leaves[name] for name in names)


def _check_member(
    archive: Archive, manifest: Mapping[str, object], member: Member, terms: Terms, *, vouched: bool
) -> Iterable[Finding]:
    if terms.keys is None:
        return
    try:
        origin = str(manifest["origin"])
        check_dbom(member.data, terms.keys, name=member.name, origin=origin, vouched_for=vouched)
    except VerificationError as error:
        yield Finding(error.kind, f"{archive.pack.name}/{member.name}", error.message)


def _find_leaf(member: Member) -> bytes | None:
    try:
        dbom = parse_dbom(member.data)
        return leaf_hash(dbom["sigma_judge"].encode()) if dbom_name(dbom["battle_id"]) == member.name else None
    except (VerificationError, AttributeError, UnicodeEncodeError):
        return None


def _in_order(leaves: Iterable[bytes | None]) -> list[bytes]:
    found = list(leaves)
    return [leaf for leaf in found if leaf is not None] if None not in found else []
