"""An export on its own, as an analyst or a contestant got it: no ledger, only Parquet files and the judge's key.

Each row holds the seal that was signed, which is also the leaf of the log: so the files are enough to check every score
and, with a checkpoint from elsewhere, that none was left out, changed or reordered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from green_logic.audit.apart import TOO_LARGE, read_apart
from green_logic.audit.exports import check_bytes, check_files, find_strays
from green_logic.audit.report import AuditReport
from green_logic.audit.single import read_target
from green_logic.errors import VerificationError
from green_logic.ledger.findings import EXAMPLES_KEPT, Finding, Tally
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import HASH_SIZE, CompactRange
from green_logic.proof.pinned import parse_public_keys, pem_bytes
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.manifest import MANIFESTS, VERSION_FOLDER, Catalog, DataFile, read_catalog
from green_logic.publish.published import Folder
from green_logic.settings import CHECKPOINT_NAME

SUFFIX = ".parquet"


def find_export(path: Path) -> Path | None:
    """The export that a path is, holds or is the data of, or the Parquet file that it is."""
    if path.is_file():
        return path if path.suffix == SUFFIX else None
    places = (path, path / "battles", *([path.parent] if path.name == VERSION_FOLDER else []))
    return next((found for found in places if (found / MANIFESTS).is_dir()), None)


@dataclass(frozen=True)
class _Trusted:
    keys: Mapping[str, PublicKey]
    pins: Sequence[Checkpoint]
    part: bool
    workers: int
    progress: Progress
    beside: bytes = b""  # the checkpoint that lies beside the export


@dataclass(frozen=True)
class _Job:
    path: Path
    name: str
    file: DataFile | None
    pems: bytes


@dataclass(frozen=True)
class _Sealed:
    """What one file holds: the leaf of each row, as index and hash, and the ledgers that they were sealed for."""

    finding: Finding | None = None
    leaves: tuple[int, ...] = ()
    digests: bytes = b""
    origins: frozenset[str] = frozenset()


def audit_export(
    path: Path,
    keys: Mapping[str, PublicKey],
    pins: Sequence[Checkpoint] = (),
    *,
    part: bool = False,
    workers: int = 1,
    kept: int = EXAMPLES_KEPT,
    on_progress: Progress | None = None,
) -> AuditReport:
    """Check an export, or one Parquet file of it, under `keys` (key id → key): each row against its own seal, and the
    rows together against `pins`, which they have to reach unless they are said to be a `part`. Raises
    ConfigurationError for a version that this code does not know.
    """
    report = AuditReport(str(path), key_pinned=True, what="export", tally=Tally(kept))
    note = path / CHECKPOINT_NAME
    beside = read_target(note) if path.is_dir() and note.is_file() else b""
    trusted = _Trusted(keys, pins, part, workers, on_progress or no_progress, beside)
    for finding in _check_export(path, trusted, report):
        report.tally.add(finding)
    return report


def _check_export(path: Path, trusted: _Trusted, report: AuditReport) -> Iterator[Finding]:
    pems = pem_bytes(trusted.keys.values())
    if path.is_file():
        jobs = [_Job(path, path.name, None, pems)]
        yield from _add_up(list(_check_rows(jobs, trusted)), Catalog({}, ()), trusted, report)
        return
    try:
        catalog = read_catalog(Folder(path))
        yield from check_bytes(path, catalog)
    except (VerificationError, FileNotFoundError) as error:
        yield Finding("export", path.name, str(error))
        return
    yield from find_strays(path, catalog)
    broken = [finding for finding in check_files(path, catalog.files, trusted.workers, trusted.progress) if finding]
    yield from broken
    if not broken:
        jobs = [_Job(path / VERSION_FOLDER / file.path, file.path, file, pems) for file in catalog.files]
        yield from _add_up(list(_check_rows(jobs, trusted)), catalog, trusted, report)


def _check_rows(jobs: Sequence[_Job], trusted: _Trusted) -> Iterator[_Sealed]:
    """Every row of every file, on all cores, and in processes of their own: a stranger may have made it."""
    done, total = 0, sum(job.file.rows for job in jobs if job.file is not None)
    for job, sealed in read_apart(_check_file, jobs, trusted.workers):
        done += len(sealed.leaves) if sealed else 0
        trusted.progress("checking exported rows", done, total)
        yield sealed or _Sealed(Finding("export", job.name, TOO_LARGE))


def _check_file(job: _Job) -> _Sealed:
    from green_logic.publish.export_match import check_sealed, read_rows  # noqa: PLC0415  it loads Arrow

    keys = parse_public_keys(job.pems, "the trusted keys") if job.pems else {}
    leaves = []
    try:
        for batch in read_rows(job.path, job.name, job.file):
            leaves += check_sealed(batch, job.name, keys)
    except MemoryError:
        return _Sealed(Finding("export", job.name, TOO_LARGE))
    except VerificationError as error:
        return _Sealed(Finding(error.kind if error.kind != "row" else "export", job.name, error.message))
    return _Sealed(
        leaves=tuple(one.leaf for one in leaves),
        digests=b"".join(one.digest for one in leaves),
        origins=frozenset(one.origin for one in leaves),
    )


def _add_up(files: Sequence[_Sealed], catalog: Catalog, trusted: _Trusted, report: AuditReport) -> Iterator[Finding]:
    broken = [sealed.finding for sealed in files if sealed.finding]
    yield from broken
    report.leaves = report.battles = report.verified = sum(len(sealed.leaves) for sealed in files)
    origins = sorted({manifest.origin for manifest in catalog.live}.union(*(sealed.origins for sealed in files)))
    if len(origins) > 1:
        yield Finding("ledger", "the export", f"mixes the ledgers {', '.join(origins)}")
    if broken or len(origins) > 1:
        return
    first = min((leaf for sealed in files for leaf in sealed.leaves), default=0)
    digests = bytearray(report.leaves * HASH_SIZE)
    for sealed in files:
        for number, leaf in enumerate(sealed.leaves):
            at = (leaf - first) * HASH_SIZE
            if not 0 <= at < len(digests) or any(digests[at : at + HASH_SIZE]):
                yield Finding("leaf-gap", "the export", f"holds leaf {leaf} twice, or lacks one before it")
                return
            digests[at : at + HASH_SIZE] = sealed.digests[number * HASH_SIZE : (number + 1) * HASH_SIZE]
    origin = origins[0] if origins else None
    try:
        beside = open_checkpoint(trusted.beside, trusted.keys, origin=origin) if trusted.beside else None
    except VerificationError as error:
        beside = None
        if error.kind != "unknown-key":  # by a later key of the judge, perhaps; then it says nothing here
            yield Finding(error.kind, f"the {CHECKPOINT_NAME} beside it", error.message)
    sizes = {pin.size for pin in trusted.pins} | ({beside.size} if beside else set())
    roots = _roots(digests if first == 0 else b"", sizes)
    yield from _check_pins(roots, trusted, origin, report)
    if beside is not None and beside.size in roots:  # it may be newer than the export
        if roots[beside.size] == beside.root:
            report.sealed = max(report.sealed, beside.size)
        else:
            message = f"the first {beside.size} battles have another root than was signed"
            yield Finding("history-rewritten", f"the {CHECKPOINT_NAME} beside it", message)


def _roots(digests: bytes | bytearray, sizes: set[int]) -> dict[int, bytes]:
    """Root of the tree at each of the sizes that it reaches."""
    tree = CompactRange()
    roots = {0: tree.root()}
    for at in range(0, min(len(digests), max(sizes, default=0) * HASH_SIZE), HASH_SIZE):
        tree.append(bytes(digests[at : at + HASH_SIZE]))
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return roots


def _check_pins(
    roots: Mapping[int, bytes], trusted: _Trusted, origin: str | None, report: AuditReport
) -> Iterator[Finding]:
    """The log begins with what each pin covers. `origin` is None for an export without a row."""
    for pin in trusted.pins:
        where = f"pinned checkpoint of {pin.size}"
        try:
            open_checkpoint(pin.note.encode(), trusted.keys, origin=origin)
        except VerificationError as error:
            yield Finding(error.kind, where, error.message)
            continue
        if pin.size not in roots and not trusted.part:
            yield Finding("truncated", where, f"the export does not hold the first {pin.size} battles")
        elif roots.get(pin.size, pin.root) != pin.root:
            yield Finding("history-rewritten", where, f"the first {pin.size} battles have another root than was signed")
        elif pin.size in roots:
            report.pinned = max(report.pinned, pin.size)
    report.sealed = report.pinned
