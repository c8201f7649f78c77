"""The export's promises: every id exactly once, nothing twice, nothing that is not what was sealed."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from export_samples import copy_of, judged, make_key, record, sealed

from green_logic.errors import ConfigurationError, LedgerMissingError, StorageError, VerificationError
from green_logic.files import FileLock
from green_logic.ledger.database import Ledger
from green_logic.proof.keys import SigningKey
from green_logic.publish import export as export_module
from green_logic.publish.columns import SCHEMA
from green_logic.publish.compact import compact_exports
from green_logic.publish.contract import COLUMNS, contract_table
from green_logic.publish.export import export_battles, plan_export
from green_logic.publish.export_lock import LOCK_NAME
from green_logic.publish.manifest import SCHEMA_VERSION, Catalog, Manifest, manifest_bytes
from green_logic.publish.parquet import GROUP_BYTES, split_months
from green_logic.publish.plans import plan_compact
from green_logic.publish.published import published_files
from green_logic.publish.store import Store
from green_logic.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "parquet-contract.md"


def root_of(settings: Settings) -> Path:
    return settings.data_dir / "exports" / "battles"


def read(settings: Settings) -> pa.Table:
    return pa.dataset.dataset(published_files(settings), schema=SCHEMA).to_table()


def files_of(settings: Settings) -> dict[str, str]:
    """Everything in the export directory by name, with its digest."""
    root = root_of(settings)
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def edit_manifest(settings: Settings, **changes: object) -> None:
    (path,) = (root_of(settings) / "v1" / "_manifests").iterdir()
    value = orjson.loads(path.read_bytes())
    path.write_bytes(manifest_bytes({**value, **changes}))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Settings:
    settings = Settings(data_dir=tmp_path_factory.mktemp("template") / "data")
    record(settings, key, range(40))
    export_battles(settings)
    return settings


@pytest.fixture
def exported(template: Settings, tmp_path: Path) -> Settings:
    """A ledger of 40 battles, published."""
    return copy_of(template, tmp_path / "data")


def test_the_document_shows_the_columns_of_the_code() -> None:
    assert contract_table() in DOCUMENT.read_text(encoding="utf-8")
    assert [column.name for column in COLUMNS] == SCHEMA.names
    assert SCHEMA.metadata[b"green_logic.schema_version"] == str(SCHEMA_VERSION).encode()


def test_a_row_holds_what_the_ledger_holds(exported: Settings) -> None:
    rows = read(exported).to_pylist()
    with sqlite3.connect(exported.database) as connection:
        ledger = connection.execute(
            "SELECT b.id, battle_id, timestamp, score, breakdown, raw_result, dbom_hash, envelope, leaf_index "
            "FROM battles b JOIN ledger ON battle_row = b.id ORDER BY b.id"
        ).fetchall()
    connection.close()
    for row, found in zip(rows, ledger, strict=True):
        time = row["timestamp"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        texts = (row["score"], row["breakdown"], row["raw_result"], row["dbom_hash"], row["sigma_judge"])
        assert (row["id"], row["battle_id"], time, *texts, row["leaf_index"]) == found
        assert hashlib.sha256(row["raw_result"].encode()).hexdigest() == row["dbom_hash"]


def test_analytics_columns_are_taken_from_the_result_or_null(exported: Settings) -> None:
    bare, full = (read(exported).slice(number, 1).to_pylist()[0] for number in (0, 1))
    assert full["red_penalty_applied"] == 0.75  # the factor, not the share taken off
    assert (full["rationale_score"], full["architecture_score"], full["logic_score"]) == (0.5, 1.0, None)
    assert (full["task_id"], full["agent"], full["model"], full["judge"]) == ("task-1", "agent-1", "m", "none")
    assert (full["tests_passed"], full["tests_failed"]) == (5, 1)
    assert full["v_intent"] == pytest.approx(judged(1)["evaluation"]["intent_vector"], rel=1e-6)
    for name in ("rationale_score", "red_penalty_applied", "agent", "tests_passed", "judge"):
        assert bare[name] is None


def test_an_export_publishes_only_what_is_new(exported: Settings, key: SigningKey) -> None:
    before = files_of(exported)
    record(exported, key, range(40, 50))
    report = export_battles(exported)
    assert (report.first, report.last, report.rows, len(report.files)) == (41, 50, 10, 1)
    after = files_of(exported)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2
    assert read(exported)["id"].to_pylist() == list(range(1, 51))


def test_nothing_new_is_no_new_file(exported: Settings) -> None:
    before = files_of(exported)
    report = export_battles(exported)
    assert (report.rows, report.manifest, report.files) == (0, None, ())
    assert files_of(exported) == before


def test_an_empty_ledger_publishes_nothing(settings: Settings, key: SigningKey) -> None:
    record(settings, key, range(0))
    assert export_battles(settings).manifest is None
    assert published_files(settings) == []
    assert not root_of(settings).exists()


def test_without_a_ledger_nothing_is_made(settings: Settings) -> None:
    with pytest.raises(LedgerMissingError):
        export_battles(settings)
    assert not settings.data_dir.exists()


def test_the_same_ledger_gives_the_same_bytes(exported: Settings, tmp_path: Path) -> None:
    export_battles(exported, destination=tmp_path / "again")
    again = exported.changed(data_dir=tmp_path)
    (tmp_path / "again").rename(tmp_path / "exports")
    assert files_of(again) == files_of(exported)


def test_each_month_has_its_file_and_each_id_one_place(settings: Settings, key: SigningKey) -> None:
    with Ledger.open(settings, key) as ledger:
        # a battle that was sealed before midnight may be recorded after one that was sealed later
        ledger.submit([sealed(number, key, ledger.origin, month=1 + number % 2) for number in range(10)])
    report = export_battles(settings)
    assert [re.sub(r"v1/month=(.*)/battles-0*(\d+)-0*(\d+)\.parquet", r"\1 \2 \3", name) for name in report.files] == [
        "2026-01 1 9",
        "2026-02 2 10",
    ]
    assert sorted(read(settings)["id"].to_pylist()) == list(range(1, 11))
    record(settings, key, range(10, 12))
    assert export_battles(settings).rows == 2


def test_a_rebuild_takes_the_place_of_everything(exported: Settings, key: SigningKey) -> None:
    record(exported, key, range(40, 45))
    report = export_battles(exported, rebuild=True)
    assert report.rows == 45
    # one data file, one manifest, the dictionary, and what a stranger checks them with
    assert len(files_of(exported)) == 3 + len({"verify_dbom.py", "judge.pub", "README.txt"})
    assert read(exported)["id"].to_pylist() == list(range(1, 46))
    record(exported, key, range(45, 46))
    assert export_battles(exported).rows == 1
    assert read(exported).num_rows == 46


def test_since_begins_an_empty_destination_and_nothing_else(exported: Settings, tmp_path: Path) -> None:
    assert export_battles(exported, since=30, destination=tmp_path / "part").rows == 10
    assert export_battles(exported, destination=tmp_path / "part").rows == 0
    before = files_of(exported)
    for since in (0, 30, 50):
        with pytest.raises(ConfigurationError, match="repeat or leave out"):
            export_battles(exported, since=since)
    with pytest.raises(ConfigurationError, match="exclude"):
        export_battles(exported, since=1, rebuild=True)
    for since in (-1, 1 << 63):
        with pytest.raises(ConfigurationError, match="from 0"):
            export_battles(exported, since=since, destination=tmp_path / "other")
    assert files_of(exported) == before


@pytest.mark.parametrize("call", [export_battles, compact_exports])
@pytest.mark.parametrize("obstacle", ["file", "read-only"])
def test_a_destination_that_cannot_be_written_is_told_with_its_flag(
    exported: Settings, tmp_path: Path, call: Callable[..., object], obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    place = tmp_path / "place"
    if obstacle == "file":
        place.write_text("in the way")
    else:
        monkeypatch.setattr(Path, "mkdir", refuse)  # whatever its mode says, root could write to a directory
    with pytest.raises(StorageError, match=f"cannot export: .*{place}") as caught:
        call(exported, destination=place)
    assert "choose another --dest" in caught.value.hint
    assert "--data-dir" not in caught.value.hint
    assert not place.is_dir()
    with FileLock(exported.data_dir / LOCK_NAME, timeout_s=1).held():
        pass  # it was given back


def test_a_data_directory_that_cannot_be_written_is_told_with_its_own_flag(exported: Settings, tmp_path: Path) -> None:
    lock = exported.data_dir / LOCK_NAME
    lock.unlink(missing_ok=True)
    lock.mkdir()
    with pytest.raises(StorageError) as caught:
        export_battles(exported, destination=tmp_path / "place")
    assert "--dest" not in caught.value.hint


def test_leftovers_are_swept_and_what_is_not_ours_stays(exported: Settings) -> None:
    root = root_of(exported)
    before = files_of(exported)
    (name,) = (path for path in before if path.endswith(".parquet"))
    orphan = (root / name).with_name("battles-000000000041-000000000050.parquet")
    orphan.write_bytes(b"torn")
    (root / "_spool").mkdir(exist_ok=True)
    (root / "_spool" / "part-000003.parquet").write_bytes(b"torn")
    (root / "v1/_manifests/.tmp-000000000041-000000000050.json").write_bytes(b"{")
    strangers = [root / "v1" / "notes.txt", orphan.with_name("mine.parquet"), root / "_spool" / "mine"]
    for path in strangers:
        path.write_bytes(b"keep")
    assert export_battles(exported).swept == 3
    assert files_of(exported).items() >= before.items()
    assert not orphan.exists()
    assert all(path.read_bytes() == b"keep" for path in strangers)


def test_files_without_a_manifest_are_invisible(exported: Settings) -> None:
    (path,) = published_files(exported)
    path.with_name("battles-000000000041-000000000050.parquet").write_bytes(path.read_bytes())
    assert published_files(exported) == [path]


def test_another_ledgers_destination_is_refused(exported: Settings, key: SigningKey, tmp_path: Path) -> None:
    other = exported.changed(data_dir=tmp_path / "other")
    record(other, key, range(60))
    before = files_of(exported)
    for rebuild in (False, True):
        with pytest.raises(ConfigurationError, match="holds the ledger"):
            export_battles(other, destination=exported.data_dir / "exports", rebuild=rebuild)
    assert files_of(exported) == before


def test_a_newer_schema_is_refused_with_the_way_out(exported: Settings) -> None:
    edit_manifest(exported, schema_version=SCHEMA_VERSION + 1, columns="unknown here")
    before = files_of(exported)
    for call in (export_battles, published_files, lambda settings: export_battles(settings, rebuild=True)):
        with pytest.raises(ConfigurationError, match="schema version") as caught:
            call(exported)
        assert "update green-logic" in caught.value.hint
    assert files_of(exported) == before


def test_an_older_schema_is_replaced_by_a_rebuild_only(exported: Settings) -> None:
    edit_manifest(exported, schema_version=SCHEMA_VERSION - 1)
    with pytest.raises(ConfigurationError, match="schema version") as caught:
        export_battles(exported)
    assert "--rebuild" in caught.value.hint
    assert export_battles(exported, rebuild=True).rows == 40


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "other"},
        {"rows": 41},
        {"after": 40},
        {"last": 39},
        {"files": [{"path": "../../battles.db", "first": 1, "last": 40, "rows": 40, "bytes": 1, "sha256": "0" * 64}]},
        {"files": [{"path": 7}]},
        {"ledger": None},
        {"generation": True},
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(exported: Settings, changes: dict[str, object]) -> None:
    edit_manifest(exported, **changes)
    before = files_of(exported)
    for call in (export_battles, published_files):
        with pytest.raises(VerificationError):
            call(exported)
    assert files_of(exported) == before


def test_a_lost_manifest_in_the_middle_is_told_and_mended_by_a_rebuild(exported: Settings, key: SigningKey) -> None:
    for numbers in (range(40, 45), range(45, 50)):
        record(exported, key, numbers)
        export_battles(exported)
    (root_of(exported) / "v1" / "_manifests" / "000000000041.json").unlink()
    with pytest.raises(VerificationError, match="ends at id 40"):
        export_battles(exported)
    assert (
        len([name for name in files_of(exported) if name.startswith("v1/")]) == 5
    )  # the data file of the lost manifest is still there
    assert export_battles(exported, rebuild=True).rows == 50


def test_files_that_lost_the_first_manifest_are_never_swept(exported: Settings, key: SigningKey) -> None:
    record(exported, key, range(40, 45))
    export_battles(exported)
    manifest = root_of(exported) / "v1" / "_manifests" / "000000000001.json"
    kept = manifest.read_bytes()
    manifest.unlink()
    before = files_of(exported)
    record(exported, key, range(45, 50))
    for call in (export_battles, compact_exports, plan_export, plan_compact):
        with pytest.raises(VerificationError, match=r"battles-0+1-0+40\.parquet: .* its ids 1 to 40") as caught:
            call(exported)
        assert caught.value.kind == "export"
        assert "put it back" in caught.value.hint
        assert "export --rebuild" in caught.value.hint
    assert files_of(exported) == before
    manifest.write_bytes(kept)
    assert export_battles(exported).rows == 5
    assert read(exported)["id"].to_pylist() == list(range(1, 51))


@pytest.mark.parametrize("lost", ["000000000001.json", "000000000041.json"])
def test_a_rebuild_keeps_what_lost_its_manifest_until_it_counts_again(
    exported: Settings, key: SigningKey, rot: Callable[..., None], lost: str
) -> None:
    for numbers in (range(40, 45), range(45, 50)):
        record(exported, key, numbers)
        export_battles(exported)
    (root_of(exported) / "v1" / "_manifests" / lost).unlink()
    before = files_of(exported)
    rot(exported.database, "UPDATE battles SET raw_result = replace(raw_result, 'because', 'becauze') WHERE id = 3")
    with pytest.raises(VerificationError):
        export_battles(exported, rebuild=True)
    assert {name: digest for name, digest in files_of(exported).items() if not name.startswith("_spool/")} == before
    rot(exported.database, "UPDATE battles SET raw_result = replace(raw_result, 'becauze', 'because') WHERE id = 3")
    assert export_battles(exported, rebuild=True).rows == 50
    assert read(exported)["id"].to_pylist() == list(range(1, 51))
    assert len([name for name in files_of(exported) if name.endswith(".parquet")]) == 1


def test_what_a_killed_rebuild_left_is_swept_also_before_the_first_published_id(
    exported: Settings, tmp_path: Path
) -> None:
    place = tmp_path / "part"
    export_battles(exported, since=30, destination=place)
    (data,) = place.rglob("*.parquet")
    left = data.with_name("battles-000000000001-000000000040-g2.parquet")
    left.write_bytes(b"no manifest yet")
    assert export_battles(exported, destination=place).swept == 1
    assert (left.exists(), data.exists()) == (False, True)


def test_a_manifest_that_supersedes_more_than_it_covers_removes_nothing(exported: Settings, key: SigningKey) -> None:
    record(exported, key, range(40, 45))
    export_battles(exported)
    newest = root_of(exported) / "v1" / "_manifests" / "000000000041.json"
    value = orjson.loads(newest.read_bytes())
    newest.write_bytes(manifest_bytes({**value, "supersedes": ["000000000001.json"]}))
    before = files_of(exported)
    for call in (export_battles, compact_exports, published_files):
        with pytest.raises(VerificationError, match=r"000000000001\.json is superseded.* ids 1 to 40") as caught:
            call(exported)
        assert "put it back" in caught.value.hint
    assert files_of(exported) == before
    assert export_battles(exported, rebuild=True).rows == 45
    assert read(exported)["id"].to_pylist() == list(range(1, 46))


@pytest.mark.parametrize("damage", ["missing", "shorter"])
def test_a_published_file_that_is_gone_or_cut_is_told(exported: Settings, damage: str) -> None:
    (path,) = published_files(exported)
    if damage == "missing":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size - 1)
    for call in (export_battles, published_files):
        with pytest.raises(VerificationError):
            call(exported)
    assert export_battles(exported, rebuild=True).rows == 40


def test_a_row_that_breaks_its_seal_is_not_published(exported: Settings, key: SigningKey) -> None:
    record(exported, key, range(40, 45))
    with sqlite3.connect(exported.database) as connection:
        connection.execute("DROP TRIGGER battles_no_update")
        connection.execute("UPDATE battles SET raw_result = replace(raw_result, 'because', 'becauze') WHERE id = 43")
    connection.close()
    before = files_of(exported)
    with pytest.raises(VerificationError, match="row 43"):
        export_battles(exported)
    assert files_of(exported).items() >= before.items()
    assert read(exported).num_rows == 40


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("timestamp", "'yesterday'", "timestamp is not UTC"),
        ("timestamp", "'2026-13-01T00:00:00.000000Z'", "row 3: timestamp is not UTC in microseconds: '2026-13"),
        ("timestamp", "'2026-02-30T00:00:00.000000Z'", "row 3: timestamp is not UTC .*: '2026-02-30"),
        ("timestamp", "''", "row 3: timestamp is not UTC"),
        ("timestamp", "'2026-01-01T00:00:00.0000+01Z'", "row 3: timestamp is not UTC"),
        ("timestamp", "'2026-01-01T00:00:00.00000:Z'", "row 3: timestamp is not UTC"),
        ("timestamp", "'2026-01-01T00:00:00.000000z'", "row 3: timestamp is not UTC"),
        ("timestamp", "'2026-01-01T00:00:00.00000ßZ'", "row 3: timestamp is not UTC"),
        ("timestamp", "CAST('2026-01-01T00:00:00.000000Z' AS BLOB)", "timestamp is not UTC"),
        ("raw_result", "NULL", "raw_result is NULL"),
        ("dbom_hash", "NULL", "dbom_hash is NULL"),
        ("raw_result", "CAST(x'ff' AS TEXT)", "raw_result: Invalid UTF8"),
        ("breakdown", "CAST(x'ff' AS TEXT)", "the row after 2: .*decode"),
        ("breakdown", "x'00ff'", "breakdown: .* not a utf8 string"),
        ("breakdown", "CAST(breakdown AS BLOB)", "breakdown is not its result's"),
        ("dbom_hash", "CAST(dbom_hash AS BLOB)", "not what the judge signed"),
    ],
)
def test_values_that_the_contract_excludes_are_refused(
    settings: Settings, key: SigningKey, column: str, value: str, message: str
) -> None:
    record(settings, key, range(5))
    with sqlite3.connect(settings.database) as connection:
        connection.execute("DROP TRIGGER battles_no_update")
        connection.execute(f"UPDATE battles SET {column} = {value} WHERE id = 3")  # noqa: S608
    connection.close()
    with pytest.raises(VerificationError, match=message):
        export_battles(settings)
    assert published_files(settings) == []


def test_rows_without_a_signature_are_told(settings: Settings, key: SigningKey) -> None:
    record(settings, key, range(5))
    with sqlite3.connect(settings.database) as connection:
        connection.execute("DROP TRIGGER ledger_no_delete")
        connection.execute("DELETE FROM ledger WHERE leaf_index = 2")
    connection.close()
    with pytest.raises(VerificationError, match="row 3 has no signature"):
        export_battles(settings)


@pytest.mark.parametrize("again", [range(0), range(100, 105), range(100, 110)])
def test_a_ledger_that_was_put_back_takes_no_published_battle_away(
    exported: Settings, key: SigningKey, tmp_path: Path, again: range
) -> None:
    older = copy_of(exported, tmp_path / "older")
    record(exported, key, range(40, 45))
    export_battles(exported)
    shutil.copytree(root_of(exported), root_of(older), dirs_exist_ok=True)
    record(older, key, again)  # under the ids of others
    before = files_of(older)
    for rebuild in (False, True):
        for call in (export_battles, plan_export):
            with pytest.raises(VerificationError, match="row 45 was published") as caught:
                call(older, rebuild=rebuild)
            assert "restore BACKUP" in caught.value.hint
            assert "--dest" in caught.value.hint
            assert "move the old export away" in caught.value.hint
            assert "--rebuild" not in caught.value.hint
    assert files_of(older) == before
    root_of(older).rename(tmp_path / "kept")
    assert export_battles(older).rows == 40 + len(again)


def test_a_full_disk_publishes_nothing_and_the_next_run_completes(exported: Settings, key: SigningKey) -> None:
    with Ledger.open(exported, key) as ledger:
        results = [{**judged(100 + number), "log": os.urandom(30_000).hex()} for number in range(20)]
        ledger.submit([sealed_result(result, key, ledger.origin) for result in results])
    before = files_of(exported)
    # no file may grow above 200 kB: for the export the same as a disk that is full
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom green_logic.errors import StorageError\n"
        "from green_logic.publish.export import export_battles\nfrom green_logic.settings import Settings\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try:\n    export_battles(Settings(data_dir=Path(sys.argv[1])))\n"
        "except StorageError as error:\n    print(error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, exported.data_dir], capture_output=True, text=True, check=True)
    assert "too large" in done.stdout
    assert files_of(exported) == before
    assert export_battles(exported).rows == 20


def test_two_exports_never_overlap(exported: Settings) -> None:
    impatient = exported.changed(busy_timeout_s=0.1)
    with FileLock(exported.data_dir / LOCK_NAME, timeout_s=1).held(), pytest.raises(StorageError, match="lock"):
        export_battles(impatient)


def test_a_writer_in_the_same_process_keeps_its_rows(settings: Settings, key: SigningKey) -> None:
    with Ledger.open(settings, key) as ledger:
        for start in range(0, 30, 10):
            ledger.submit([sealed(number, key, ledger.origin) for number in range(start, start + 10)])
            assert export_battles(settings).rows == 10
            # another process looks meanwhile: with our locks dropped it would take the WAL away
            query = "SELECT count(*) FROM battles"
            code = f"import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute({query!r}).fetchone())"
            seen = subprocess.run(
                [sys.executable, "-c", code, settings.database], capture_output=True, text=True, check=True
            )
            assert seen.stdout == f"({start + 10},)\n"
    with Ledger.open(settings, key) as ledger:
        assert ledger.size() == 30


def test_a_small_export_loads_no_arrow_in_the_calling_process(exported: Settings, key: SigningKey) -> None:
    record(exported, key, range(40, 43))
    code = (
        "import sys\nfrom pathlib import Path\nfrom green_logic.publish.export import export_battles\n"
        "from green_logic.settings import Settings\n"
        "assert export_battles(Settings(data_dir=Path(sys.argv[1]))).rows == 3\n"
        "assert not {'pyarrow', 'pandas', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, exported.data_dir], check=True)
    assert read(exported).num_rows == 43


def test_windows_are_bounded_by_bytes_and_the_same_at_every_run(
    settings: Settings, key: SigningKey, tmp_path: Path
) -> None:
    large = GROUP_BYTES // 3
    with Ledger.open(settings, key) as ledger:
        results = [{**judged(number), "battle_id": f"large-{number}", "log": "x" * large} for number in range(5)]
        ledger.submit([sealed_result(result, key, ledger.origin) for result in results])
    export_battles(settings)
    (path,) = published_files(settings)
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert groups == [2, 2, 1]
    export_battles(settings, destination=tmp_path / "again")
    assert path.read_bytes() == (tmp_path / "again/battles" / path.relative_to(root_of(settings))).read_bytes()


def test_a_month_boundary_splits_a_batch_by_utc() -> None:
    times = ["2026-01-31T23:59:59.999999", "2026-02-01T00:00:00.000000", "2026-01-31T23:00:00.000000"]
    batch = pa.record_batch({"id": [1, 2, 3], "timestamp": pa.array(times).cast(pa.timestamp("us"))})
    batch = batch.set_column(1, "timestamp", batch["timestamp"].cast(pa.int64()).cast(pa.timestamp("us", "UTC")))
    found = {month: rows["id"].to_pylist() for month, rows in split_months(batch, "it")}
    assert found == {"2026-01": [1, 3], "2026-02": [2]}


@pytest.mark.parametrize("moment", [-(1 << 62), 1 << 62])
def test_a_time_beyond_the_calendar_is_told(moment: int) -> None:
    batch = pa.record_batch({"timestamp": pa.array([0, moment]).cast(pa.timestamp("us", "UTC"))})
    with pytest.raises(VerificationError, match="it: a timestamp is out of range"):
        split_months(batch, "it")


def sealed_result(result: dict[str, object], key: SigningKey, origin: str) -> object:
    from green_logic.proof.dbom import seal_result

    return seal_result(result, key=key, origin=origin, timestamp="2026-01-01T00:00:00.000000Z")


@pytest.mark.parametrize(
    "change", ["score = 0.99", "breakdown = 'good'", "timestamp = '2026-01-01T00:00:00.000000Z'", "battle_id = 'x'"]
)
def test_what_was_never_signed_is_not_published(settings: Settings, key: SigningKey, change: str) -> None:
    record(settings, key, range(5))
    with sqlite3.connect(settings.database) as connection:
        connection.execute("DROP TRIGGER battles_no_update")
        connection.execute(f"UPDATE battles SET {change} WHERE id = 3")  # noqa: S608  ours
    connection.close()
    with pytest.raises(VerificationError, match=r"not what the judge signed|not its result's"):
        export_battles(settings)
    assert published_files(settings) == []


def test_a_copy_of_the_ledger_sweeps_nothing_that_is_about_to_be_named(
    settings: Settings, key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, commit = tmp_path / "place", export_module.commit
    record(settings, key, range(3))
    export_battles(settings, destination=place)
    other = copy_of(settings, tmp_path / "other")
    record(settings, key, range(3, 5))

    def meet(store: Store, manifest: Manifest, catalog: Catalog) -> None:
        # the files have their names, and nothing says yet that they count
        for work in (export_battles, compact_exports):
            with pytest.raises(StorageError, match="somebody else is exporting there"):
                work(other, destination=place)
        commit(store, manifest, catalog)

    monkeypatch.setattr(export_module, "commit", meet)
    assert export_battles(settings, destination=place).rows == 2
    monkeypatch.undo()
    record(settings, key, range(5, 6))
    assert export_battles(settings, destination=place).rows == 1
