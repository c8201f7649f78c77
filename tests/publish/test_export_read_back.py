"""Reading back: a file counts only if the disk gives back what was written, and that is what was sealed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_samples import make_key, record

from green_logic.errors import VerificationError
from green_logic.publish.columns import SCHEMA
from green_logic.publish.export import export_battles
from green_logic.publish.manifest import parse_manifest
from green_logic.publish.parquet import check_file, check_part, write_parts
from green_logic.publish.published import published_files
from green_logic.settings import Settings


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an export of 40 battles."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("published") / "data")
    record(settings, make_key(tmp_path_factory.mktemp("key")), range(40))
    export_battles(settings)
    (path,) = published_files(settings)
    return path


def test_any_flipped_byte_of_a_data_file_is_detected(published: Path, tmp_path: Path) -> None:
    good = published.read_bytes()
    manifest = next((published.parents[1] / "_manifests").iterdir())
    (file,) = parse_manifest(manifest.read_bytes(), manifest.name).files
    copy = tmp_path / "copy.parquet"
    span = {"first": file.first, "last": file.last, "rows": file.rows}
    copy.write_bytes(good)
    assert check_file(copy, file.path, **span, sha256=file.sha256) == file
    for place in range(3, len(good), len(good) // 40):
        copy.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(VerificationError):
            check_file(copy, file.path, **span, sha256=file.sha256)


@pytest.mark.parametrize("change", ["first", "last", "rows"])
def test_the_read_back_counts_rows_and_ids(published: Path, change: str) -> None:
    span = {"first": 1, "last": 40, "rows": 40}
    with pytest.raises(VerificationError, match="expected"):
        check_file(published, "it", **{**span, change: span[change] + 1}, sha256=digest_of(published))


def test_the_read_back_hashes_every_result(published: Path, tmp_path: Path) -> None:
    table = pq.read_table(published)
    texts = table["raw_result"].to_pylist()
    texts[17] = texts[17].replace("because", "becauze")
    place = table.schema.get_field_index("raw_result")
    changed = tmp_path / "changed.parquet"
    pq.write_table(table.set_column(place, SCHEMA.field("raw_result"), pa.array(texts, pa.string())), changed)
    with pytest.raises(VerificationError, match="row 18: raw_result does not hash"):
        check_file(changed, "it", first=1, last=40, rows=40, sha256=digest_of(changed))


def test_the_read_back_finds_rows_out_of_order(published: Path, tmp_path: Path) -> None:
    table = pq.read_table(published)
    changed = tmp_path / "changed.parquet"
    pq.write_table(pa.concat_tables([table.slice(20), table.slice(0, 20)]), changed)
    with pytest.raises(VerificationError, match=r"do not rise|follows"):
        check_file(changed, "it", first=1, last=40, rows=40, sha256=digest_of(changed))


@pytest.mark.parametrize("column", SCHEMA.names)
def test_a_disk_that_gives_back_another_byte_of_any_column_is_found_out(
    published: Path, tmp_path: Path, column: str
) -> None:
    table = pq.read_table(published, schema=SCHEMA).combine_chunks()
    (part,) = write_parts(table.to_batches(), tmp_path, iter(["part-000000.parquet"]))
    assert check_part(part, "").file.sha256 == digest_of(part.path)
    data = bytearray(part.path.read_bytes())
    chunk = pq.ParquetFile(part.path).metadata.row_group(0).column(SCHEMA.names.index(column))
    data[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    part.path.write_bytes(data)
    with pytest.raises(VerificationError, match="expected SHA-256"):
        check_part(part, "")
