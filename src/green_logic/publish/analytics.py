"""SQL over the published files, with DuckDB: the views `battles` (the contract's columns) and `results`.

`results` has the names that the arena of this design's origin queries, so that its leaderboards run unchanged
(docs/analytics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from green_logic.errors import ConfigurationError
from green_logic.publish.published import published_files, published_root
from green_logic.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

SEVERITIES = ("critical", "high", "medium", "low", "info")  # worst first
# the judge's own findings and those that the red team reported, as the factor counts them
_FOUND = """list_concat(
        coalesce(json_extract_string(raw_result, '$.audit_result.security_issues[*].severity'), []),
        coalesce(json_extract_string(raw_result, '$.red_report.vulnerabilities[*].severity'), []))"""
RESULTS = f"""
CREATE VIEW results AS
WITH judged AS (SELECT *, {_FOUND} AS found FROM battles)
SELECT
    id,
    battle_id,
    coalesce(agent, battle_id) AS submission_name,
    rationale_score,
    architecture_score,
    testing_score,
    logic_score,
    red_penalty_applied,
    score AS cis_score,
    struct_pack(
        vulnerability_count := len(found),
        max_severity := coalesce(list_filter({list(SEVERITIES)}, lambda level: list_contains(found, level))[1], 'none'),
        penalty_percentage := round((1 - red_penalty_applied) * 100, 4)
    ) AS red_analysis,
    task_id,
    task_title,
    model,
    profile,
    timestamp
FROM judged
"""  # noqa: S608  our own constants


def connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the views over what is published now.

    Raises ConfigurationError when DuckDB is not installed, nothing is published, or it is in a bucket,
    VerificationError for a damaged export.
    """
    try:
        import duckdb  # noqa: PLC0415  optional
    except ImportError as error:
        raise ConfigurationError("DuckDB is not installed", hint="pip install duckdb") from error
    files = published_files(settings)
    if not files:
        hint = "green-logic export writes the Parquet files"
        raise ConfigurationError(f"nothing is published under {published_root(settings).parent}", hint=hint)
    connection = duckdb.connect()
    # a query must not fetch code from anywhere; DuckDB's progress goes to where the answer goes
    connection.execute(
        "SET autoinstall_known_extensions = false; SET TimeZone = 'UTC'; SET enable_progress_bar = false"
    )
    source = f"read_parquet({_quoted(files)}, hive_partitioning = false)"
    connection.execute(f"CREATE VIEW battles AS SELECT * FROM {source}")  # noqa: S608  quoted above
    connection.execute(RESULTS)
    return connection


def _quoted(files: Sequence[Path]) -> str:
    # a view cannot hold parameters
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in files) + "]"
