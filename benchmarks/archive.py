"""DBOM archives against the usual ways to pack files, and what backups cost a writer.

Packing: real DBOMs (GREEN_LOGIC_TEST_DATA/logomesh/dboms, where there are some) and DBOMs of ours, in memory, in one
thread. One out: the time from a closed file to one DBOM. Backup and restore: durable, checked row by row, on a real
disk; beside them a writer that records one battle at a time as fast as it can.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import zstandard

from benchmarks.measure import interleave, machine, make_key, wall_of
from benchmarks.record import make_result
from green_logic.ledger.database import Ledger
from green_logic.ledger.schema import LOCK_NAME
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import load_signing_key
from green_logic.publish.archive import archive_dboms, read_archived_dbom
from green_logic.publish.archive_files import Archive
from green_logic.publish.backup import backup
from green_logic.publish.leaves import open_beside_writers, vector_key
from green_logic.publish.pack import BLOCK_BYTES, Layout, Pack, write_pack
from green_logic.publish.restore import drill, restore
from green_logic.publish.tarblocks import Member, find_member, tar_blocks
from green_logic.settings import Settings, load_settings

BATTLES, GROUP, ROUNDS = 5000, 250, 3
WRITER_S = 3.0  # that a writer is watched for
OURS = "archive (gzip blocks, by vector)"
Files = Mapping[str, bytes]


def main() -> None:
    """Print the figures, or write battles for the part that watches a writer."""
    if len(sys.argv) > 1:
        _write_for_ever(load_settings({"data_dir": sys.argv[1], "signing_key": sys.argv[2]}))
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # a real disk; /tmp may be memory
        root = Path(directory)
        real = Path(os.environ.get("GREEN_LOGIC_TEST_DATA", "")) / "logomesh" / "dboms"
        if os.environ.get("GREEN_LOGIC_TEST_DATA") and real.is_dir():
            _compare("real DBOMs 1.0", {path.name: path.read_bytes() for path in real.iterdir()}, root)
        settings = _fill(root)
        _compare("DBOMs 1.1, 20 tasks", {path.name: path.read_bytes() for path in settings.dboms.iterdir()}, root)
        _whole_runs(settings, root)
        _beside_a_writer(settings)


# --- packing


def _compare(title: str, files: Files, root: Path) -> None:
    ways: dict[str, tuple[Callable[[Files, Path], None], Callable[[Path, str], bytes]]] = {
        "zip, deflate": (_zip, _from_zip),
        "tar.gz": (_tar_gz, _from_tar_gz),
        "tar.zst, one frame, by name": (_tar_zst, _from_tar_zst),
        "zstd blocks, level 3": _blocks(zstandard.ZstdCompressor(level=3).compress, zstandard.decompress),
        "xz blocks, preset 1": _blocks(lambda data: lzma.compress(data, preset=1), lzma.decompress),
        "xz blocks, preset 6": _blocks(lambda data: lzma.compress(data, preset=6), lzma.decompress),
        "bzip2 blocks, level 9": _blocks(bz2.compress, bz2.decompress),
        "gzip blocks, level 1": _blocks(lambda data: zlib.compress(data, 1), zlib.decompress),
        "gzip blocks, level 6": _blocks(lambda data: zlib.compress(data, 6), zlib.decompress),
        OURS: (_ours, _from_ours),
    }
    paths = {name: root / f"packed-{number}" for number, name in enumerate(ways)}
    packing = interleave(
        {name: lambda name=name: _cpu_of(lambda: ways[name][0](files, paths[name])) for name in ways}, ROUNDS
    )
    wanted = random.Random(1).sample(sorted(files), 10)  # noqa: S311
    for name, way in ways.items():
        assert all(way[1](paths[name], one) in (files[one], b"") for one in wanted[:2])  # noqa: S101
    taking = interleave(
        {
            name: lambda name=name: statistics.median(
                wall_of(lambda one=one: ways[name][1](paths[name], one)) for one in wanted
            )
            for name in ways
        },
        ROUNDS,
    )
    total = sum(map(len, files.values()))
    print(f"\n{len(files)} {title}, {total / 1e6:.1f} MB, median of {ROUNDS} ({machine()})")
    for name in ways:
        size = paths[name].stat().st_size
        speed = total / 1e6 / packing[name]
        print(
            f"  {name:<28} {total / size:5.1f} to 1  {size / len(files):6.0f} B each   pack {speed:5.0f} MB/s of CPU   "
            f"one out {1000 * taking[name]:8.2f} ms"
        )


def _zip(files: Files, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name in sorted(files):
            pack.writestr(name, files[name])


def _from_zip(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as pack:
        return pack.read(name)


def _tar(files: Files, out: io.BufferedIOBase | zstandard.ZstdCompressionWriter, mode: str) -> None:
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            tar.addfile(member, io.BytesIO(files[name]))


def _tar_gz(files: Files, path: Path) -> None:
    with path.open("wb") as out:
        _tar(files, out, "w:gz")


def _from_tar_gz(path: Path, name: str) -> bytes:
    with tarfile.open(path, "r|gz") as tar:
        return _first(tar, name)


def _tar_zst(files: Files, path: Path) -> None:
    with path.open("wb") as out, zstandard.ZstdCompressor(level=3).stream_writer(out) as writer:
        _tar(files, writer, "w|")


def _from_tar_zst(path: Path, name: str) -> bytes:
    with (
        path.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as reader,
        tarfile.open(fileobj=reader, mode="r|") as tar,
    ):
        return _first(tar, name)


def _first(tar: tarfile.TarFile, name: str) -> bytes:
    for member in tar:
        if member.name == name:
            file = tar.extractfile(member)
            return file.read() if file else b""
    raise KeyError(name)


def _blocks(
    compress: Callable[[bytes], bytes], decompress: Callable[[bytes], bytes]
) -> tuple[Callable[[Files, Path], None], Callable[[Path, str], bytes]]:
    """Our order and blocks under another compressor; one out is timed as reading a block from the middle."""
    layouts: dict[Path, list[int]] = {}

    def pack(files: Files, path: Path) -> None:
        sizes, pending = [], bytearray()
        with path.open("wb") as out:
            for name in [*_by_vector(files), ""]:
                blocks = tar_blocks(Member(name, files[name], 0)) if name else b""
                if pending and (not name or len(pending) + len(blocks) > BLOCK_BYTES):
                    sizes.append(out.write(compress(bytes(pending))))
                    pending.clear()
                pending += blocks
        layouts[path] = sizes

    def take(path: Path, name: str) -> bytes:
        sizes = layouts[path]
        with path.open("rb") as file:
            file.seek(sum(sizes[: len(sizes) // 2]))
            find_member(decompress(file.read(sizes[len(sizes) // 2])), name)
        return b""

    return pack, take


def _by_vector(files: Files) -> list[str]:
    return sorted(files, key=lambda name: (vector_key(files[name]), name))


def _ours(files: Files, path: Path) -> None:
    with path.open("wb") as out:
        size = write_pack(out, (Member(name, files[name], 0) for name in _by_vector(files)), sorted(files))
    _layouts[path] = size.layout, {name: number for number, name in enumerate(sorted(files))}


_layouts: dict[Path, tuple[Layout, Mapping[str, int]]] = {}


def _from_ours(path: Path, name: str) -> bytes | None:
    layout, numbers = _layouts[path]
    with Pack(path, layout) as pack:
        return pack.read(name, numbers[name])


def _cpu_of(action: Callable[[], None]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


# --- whole runs


def _fill(root: Path) -> Settings:
    key = root / "judge.key"
    key.touch(mode=0o600)
    key.write_text(make_key())
    settings = load_settings({"data_dir": root / "data", "signing_key": str(key)})
    _record(settings, range(BATTLES), GROUP)
    return settings


def _record(settings: Settings, numbers: range, group: int) -> None:
    key = load_signing_key(settings)
    with Ledger.open(settings, key) as ledger:
        for start in range(numbers.start, numbers.stop, group):
            chosen = numbers[start - numbers.start : start - numbers.start + group]
            ledger.submit([seal_result(make_result(number), key=key, origin=ledger.origin) for number in chosen])


def _whole_runs(settings: Settings, root: Path) -> None:
    size = settings.database.stat().st_size / 1e6
    print(f"\na ledger of {BATTLES} battles, {size:.0f} MB, and its DBOMs, wall s, median of {ROUNDS} ({machine()})")
    report = archive_dboms(settings)
    figures = interleave(
        {
            "archive, read back": lambda: _archive_again(settings, report.made[0]),
            "backup, restored once": lambda: backup(settings, root / "backups").seconds,
            "  of it the snapshot": lambda: backup(settings, root / "backups").snapshot_s,
            "restore drill": lambda: drill(_newest(root), root).seconds,
            "restore, durable": lambda: _restore(root),
        },
        ROUNDS,
    )
    for name, seconds in figures.items():
        print(f"  {name:<24} {seconds:7.2f}   {BATTLES / seconds:9.0f} battles/s")
    one = statistics.median(
        wall_of(lambda n=n: read_archived_dbom(settings, f"bench-{n:06d}")) for n in range(0, BATTLES, 250)
    )
    print(f"  one archived DBOM, by its battle id {1000 * one:.2f} ms")


def _archive_again(settings: Settings, path: Path) -> float:
    for kind in ("pack", "manifest"):
        getattr(Archive(0, BATTLES - 1, path.parent), kind).unlink()
    return wall_of(lambda: archive_dboms(settings))


def _newest(root: Path) -> Path:
    return max(path for path in (root / "backups").iterdir() if not path.name.startswith("."))


def _restore(root: Path) -> float:
    seconds = restore(_newest(root), root / "restored").seconds
    shutil.rmtree(root / "restored")
    return seconds


# --- what a writer feels


def _beside_a_writer(settings: Settings) -> None:
    print(f"\na writer of one battle at a time, ms for each, beside snapshots of the database ({machine()})")
    for name, action in (
        ("alone", lambda: time.sleep(WRITER_S)),
        ("VACUUM INTO, no lock (ours)", lambda: _snapshots(settings, locked=False)),
        ("VACUUM INTO, ledger lock", lambda: _snapshots(settings, locked=True)),
        ("whole backups", lambda: _backups(settings)),
    ):
        times, wal = _watch(settings, action)
        cuts = statistics.quantiles(times, n=100)
        figures = f"p50 {cuts[49]:5.1f}   p99 {cuts[98]:6.1f}   max {max(times):6.0f}   WAL {wal:.0f} MB"
        print(f"  {name:<28} {len(times):5} recorded   {figures}")


def _watch(settings: Settings, action: Callable[[], object]) -> tuple[list[float], float]:
    command = [sys.executable, "-m", "benchmarks.archive", str(settings.data_dir), settings.signing_key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101
        process.stdout.readline()
        action()
        wal = settings.database.with_name("battles.db-wal").stat().st_size / 1e6
        process.terminate()
        return [float(line) for line in process.stdout.read().split()], wal


def _write_for_ever(settings: Settings) -> None:
    key = load_signing_key(settings)
    with Ledger.open(settings, key) as ledger:
        print("0", flush=True)
        number = ledger.size()
        while True:
            number += 1
            sealed = seal_result(make_result(10_000_000 + number), key=key, origin=ledger.origin)
            print(1000 * wall_of(lambda sealed=sealed: ledger.submit([sealed])), flush=True)


def _snapshots(settings: Settings, *, locked: bool) -> None:
    from green_logic.files import FileLock

    target = settings.data_dir / "snapshot.db"
    until = time.monotonic() + WRITER_S
    while time.monotonic() < until:
        with open_beside_writers(settings) as connection:
            if locked:
                with FileLock(settings.data_dir / LOCK_NAME, timeout_s=60).held():
                    connection.execute("VACUUM INTO ?", (str(target),))
            else:
                connection.execute("VACUUM INTO ?", (str(target),))
        target.unlink()


def _backups(settings: Settings) -> None:
    until = time.monotonic() + WRITER_S
    while time.monotonic() < until:
        backup(settings, keep="1d")


if __name__ == "__main__":
    main()
