"""Compaction: fewer files, the same rows, and at every moment one truth for readers of the manifests."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from export_samples import copy_of, make_key, record

from green_logic.errors import LedgerMissingError, VerificationError
from green_logic.proof.keys import SigningKey
from green_logic.publish import compact
from green_logic.publish.columns import SCHEMA
from green_logic.publish.compact import compact_exports, find_groups
from green_logic.publish.export import export_battles
from green_logic.publish.manifest import DataFile
from green_logic.publish.published import published_files
from green_logic.settings import Settings


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Settings:
    settings = Settings(data_dir=tmp_path_factory.mktemp("template") / "data")
    for step, month in enumerate((1, 1, 1, 2, 1, 1)):
        record(settings, key, range(step * 5, step * 5 + 5), month=month)
        export_battles(settings)
    return settings


@pytest.fixture
def many(template: Settings, tmp_path: Path) -> Settings:
    """Six exports of five battles: three in January, one in February, two in January again."""
    return copy_of(template, tmp_path / "data")


def read(settings: Settings) -> pa.Table:
    return pa.dataset.dataset(published_files(settings), schema=SCHEMA).to_table().sort_by("id")


def all_files(settings: Settings) -> dict[Path, str]:
    found = (path for path in (settings.data_dir / "exports").rglob("*") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(found)}


def test_rows_stay_and_files_become_few(many: Settings) -> None:
    before = read(many)
    report = compact_exports(many)
    assert (report.files_before, report.files_after, report.merged, report.rows) == (6, 2, 5, 25)
    assert read(many).equals(before)
    names = [path.relative_to(many.data_dir / "exports/battles/v1").as_posix() for path in published_files(many)]
    assert names == [
        "month=2026-01/battles-000000000001-000000000030-g2.parquet",
        "month=2026-02/battles-000000000016-000000000020.parquet",
    ]
    # nothing else is left: two data files, one manifest
    assert sorted(path.suffix for path in all_files(many) if path.parent.name != "battles") == [
        ".json",
        ".parquet",
        ".parquet",
    ]


def test_compacting_again_changes_nothing(many: Settings) -> None:
    compact_exports(many)
    before = all_files(many)
    assert compact_exports(many).manifest is None
    assert all_files(many) == before


def test_exports_and_compactions_go_on_after_it(many: Settings, key: SigningKey) -> None:
    for step in range(3):
        compact_exports(many)
        record(many, key, range(100 + step, 101 + step))
        assert export_battles(many).rows == 1
    assert read(many).num_rows == 33
    assert export_battles(many, rebuild=True).rows == 33
    assert compact_exports(many).manifest is None


def test_row_groups_become_large(many: Settings) -> None:
    compact_exports(many)
    with pq.ParquetFile(published_files(many)[0]) as file:
        assert file.metadata.num_row_groups == 1


def test_a_damaged_file_is_not_laundered(many: Settings) -> None:
    path = published_files(many)[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = all_files(many)
    with pytest.raises(VerificationError, match="SHA-256"):
        compact_exports(many)
    assert all_files(many) == before


def test_a_reader_with_old_files_in_hand_reads_on(many: Settings) -> None:
    files = [path.open("rb") for path in published_files(many)]
    compact_exports(many)
    assert sum(pq.read_table(file).num_rows for file in files) == 30
    for file in files:
        file.close()


def test_readers_of_the_manifests_see_every_row_once_at_any_moment(many: Settings) -> None:
    seen: list[list[int]] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            try:
                seen.append(read(many)["id"].to_pylist())
            except FileNotFoundError:  # taken away after it was listed: ask again, as the contract says
                continue

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(look)
        try:
            compact_exports(many)
            export_battles(many, rebuild=True)
        finally:
            done.set()
        looking.result()
    assert len(seen) > 3
    assert all(ids == list(range(1, 31)) for ids in seen)


def test_without_a_ledger_nothing_is_made(settings: Settings) -> None:
    with pytest.raises(LedgerMissingError):
        compact_exports(settings)
    assert not settings.data_dir.exists()


def test_only_small_neighbours_of_one_month_are_merged() -> None:
    small, large = 1, compact.SMALL_BYTES
    sizes: Iterator[tuple[str, int]] = iter(
        [("01", small), ("01", small), ("01", large), ("01", small), ("02", small), ("03", small), ("03", small)]
    )
    files = [
        DataFile(f"month=2026-{month}/{number}", number, number, 1, size, "")
        for number, (month, size) in enumerate(sizes)
    ]
    assert [[file.first for file in group] for group in find_groups(files)] == [[0, 1], [5, 6]]
