"""The published files open in every tool with the same content. Tools that are not installed are skipped, visibly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from export_samples import make_key, record

from green_logic.errors import ConfigurationError
from green_logic.publish.analytics import connect
from green_logic.publish.columns import SCHEMA
from green_logic.publish.contract import COLUMNS
from green_logic.publish.export import export_battles
from green_logic.publish.published import published_files
from green_logic.settings import Settings

# the origin's own queries, word for word (docs/analytics.md)
LEADERBOARD = (
    "SELECT submission_name, ((rationale_score * 0.25 + architecture_score * 0.25 + testing_score * 0.25 + logic_score "
    "* 0.25) * red_penalty_applied) AS cis_score, rationale_score, architecture_score, testing_score, logic_score, "
    "red_penalty_applied, timestamp FROM results ORDER BY cis_score DESC"
)
SECURITY = (
    "SELECT submission_name, red_analysis.vulnerability_count, red_analysis.max_severity, red_penalty_applied FROM "
    "results WHERE red_analysis.vulnerability_count > 0 ORDER BY red_penalty_applied ASC"
)
NAMES = [column.name for column in COLUMNS]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A ledger of 60 battles over two months, published in three steps."""
    root = tmp_path_factory.mktemp("readers")
    key = make_key(root)
    settings = Settings(data_dir=root / "data")
    for step, month in enumerate((1, 1, 2)):
        record(settings, key, range(step * 20, step * 20 + 20), month=month)
        export_battles(settings)
    return settings


@pytest.fixture(scope="module")
def files(settings: Settings) -> list[str]:
    return [str(path) for path in published_files(settings)]


@pytest.fixture(scope="module")
def expected(files: list[str]) -> list[dict[str, Any]]:
    """All rows as pyarrow reads them, file by file."""
    import pyarrow.parquet as pq

    return [row for file in files for row in plain(pq.ParquetFile(file).read().to_pylist())]


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the order of ids, with values that compare across tools: times in microseconds, vectors as lists."""
    return sorted(({name: value(row[name]) for name in NAMES} for row in rows), key=lambda row: row["id"])


def value(found: Any) -> Any:
    if hasattr(found, "tolist"):
        found = found.tolist()
    if hasattr(found, "timestamp"):
        return round(found.timestamp() * 1_000_000)
    if isinstance(found, float) and found != found:  # noqa: PLR0124  NaN is how pandas shows null
        return None
    if isinstance(found, (list, tuple)):
        return [float(item) for item in found]
    return found


def from_pandas(frame: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame[NAMES].astype(object).to_dict("records")
    for row in rows:
        for name in ("tests_passed", "tests_failed"):  # null makes them floats
            row[name] = None if value(row[name]) is None else int(row[name])
    return plain(rows)


def test_pandas(settings: Settings, expected: list[dict[str, Any]]) -> None:
    pandas = pytest.importorskip("pandas")
    assert from_pandas(pandas.read_parquet(settings.data_dir / "exports" / "battles" / "v1")) == expected


def test_pyarrow_dataset(settings: Settings, expected: list[dict[str, Any]]) -> None:
    import pyarrow.dataset as ds

    found = ds.dataset(settings.data_dir / "exports" / "battles" / "v1", partitioning="hive", format="parquet")
    assert plain(found.to_table().to_pylist()) == expected
    assert set(found.to_table(columns=["month"])["month"].to_pylist()) == {"2026-01", "2026-02"}
    assert found.to_table(filter=ds.field("month") == "2026-02").num_rows == 20
    # without the partition column, the schema is the contract's to the letter
    assert ds.dataset(published_files(settings)).schema.equals(SCHEMA)


def test_polars(files: list[str], expected: list[dict[str, Any]]) -> None:
    polars = pytest.importorskip("polars")
    found = polars.scan_parquet(files)
    assert found.collect_schema()["v_intent"] == polars.Array(polars.Float32, 384)
    assert plain(found.collect().to_dicts()) == expected


def test_duckdb(files: list[str], expected: list[dict[str, Any]]) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        # epoch_us, because its Python client asks for pytz to show a time with a zone
        found = connection.execute(
            "SELECT * REPLACE (epoch_us(timestamp) AS timestamp) FROM read_parquet($files, hive_partitioning = false)",
            {"files": files},
        ).fetchall()
        wrong = connection.execute(
            "SELECT count(*) FROM read_parquet($files) WHERE sha256(raw_result) <> dbom_hash", {"files": files}
        ).fetchone()
    assert plain([dict(zip(NAMES, row, strict=True)) for row in found]) == expected
    assert wrong == (0,)


def test_fastparquet(files: list[str], expected: list[dict[str, Any]]) -> None:
    fastparquet = pytest.importorskip("fastparquet")
    rows = [row for file in files for row in from_pandas(fastparquet.ParquetFile(file).to_pandas())]
    assert rows == expected


def test_datafusion(files: list[str], expected: list[dict[str, Any]]) -> None:
    datafusion = pytest.importorskip("datafusion")
    context = datafusion.SessionContext()
    rows = [row for file in files for row in context.read_parquet(file).to_pylist()]
    assert plain(rows) == expected


def test_clickhouse(files: list[str], expected: list[dict[str, Any]], tmp_path: Path) -> None:
    chdb = pytest.importorskip("chdb")
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    for file in files:
        columns = ", ".join(
            "toUnixTimestamp64Micro(timestamp) AS timestamp" if name == "timestamp" else name for name in NAMES
        )
        answer = chdb.query(f"SELECT {columns} FROM file('{file}', Parquet)", "ArrowStream").bytes()  # noqa: S608
        rows += pa.ipc.open_stream(answer).read_all().to_pylist()
        wrong = f"SELECT count() FROM file('{file}', Parquet) WHERE lower(hex(SHA256(raw_result))) <> dbom_hash"  # noqa: S608
        assert chdb.query(wrong, "CSV").bytes().strip() == b"0"
    for row in rows:
        row["v_intent"] = row["v_intent"] or None  # ClickHouse has no null arrays: an empty one stands for it
        row |= {name: item.decode() for name, item in row.items() if isinstance(item, bytes)}
    assert plain(rows) == expected


@pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")
def test_spark(files: list[str], expected: list[dict[str, Any]]) -> None:
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    for name in ("bindAddress", "host"):
        builder = builder.config(f"spark.driver.{name}", "127.0.0.1")
    session = builder.getOrCreate()
    try:
        frame = session.read.parquet(*files)
        assert plain([row.asDict() for row in frame.collect()]) == expected
        assert frame.where("sha2(raw_result, 256) <> dbom_hash").count() == 0
    finally:
        session.stop()


def test_the_origins_leaderboards_run_unchanged(settings: Settings) -> None:
    pytest.importorskip("duckdb")
    with connect(settings) as connection:
        board = connection.execute(f"SELECT * EXCLUDE (timestamp) FROM ({LEADERBOARD})").fetchall()  # noqa: S608
        security = connection.execute(SECURITY).fetchall()
    assert len(board) == 60
    assert {row[6] for row in board} == {0.75, None}
    assert security == [(name, 3, "critical", 0.75) for name, *_ in security]
    assert len(security) == 40


def test_the_query_command_answers(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb")
    from argparse import Namespace

    from green_logic.commands import query

    options = {"json": False, "csv": True, "quiet": False, "data_dir": None}
    assert query.run(Namespace(sql="SELECT max(id) AS top FROM battles", **options), settings) == 0
    assert capsys.readouterr().out == "top\n60\n"
    assert query.run(Namespace(sql="", **{**options, "csv": False}), settings) == 0
    assert "results  red_analysis" in " ".join(capsys.readouterr().out.split("\n")).replace("   ", "  ")
    with pytest.raises(ConfigurationError, match="the query failed"):
        query.run(Namespace(sql="SELEC", **options), settings)


def test_a_query_before_the_first_export_says_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    with pytest.raises(ConfigurationError) as caught:
        connect(Settings(data_dir=tmp_path))
    assert "green-logic export" in caught.value.hint
