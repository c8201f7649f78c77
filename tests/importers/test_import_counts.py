"""Whatever a database holds, the outcomes add up to the rows that were read, on the ledger and in the lists."""

from __future__ import annotations

import shutil

from foreign import arena_row, write_database, write_dbom
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from green_logic.audit.ledger import audit_ledger
from green_logic.settings import Settings

LEFT_OUT = ("conflicts", "refused", "not_evaluated")
# what happens to a row on its way into a database, from nothing to nonsense
CHANGES = {
    "as it was": {},
    "the judge failed": {"breakdown": "Scoring failed due to error: Connection error."},
    "altered": {"dbom_hash": "0" * 64},
    "no score": {"score": None},
    "a score that is none": {"score": "n/a"},
    "out of range": {"score": 7.5},
    "no result": {"raw_result": None},
    "no JSON": {"raw_result": "{", "dbom_hash": ""},
    "a number": {"raw_result": 12},
    "bytes": {"raw_result": b"\xff\x00"},
    "no id": {"battle_id": None},
    "a bad id": {"battle_id": "../x"},
    "no time": {"timestamp": None},
}
ROW = st.tuples(st.integers(0, 5), st.sampled_from([0.25, 0.5]), st.sampled_from(sorted(CHANGES)), st.booleans())


def row_of(number, score, change, upper):
    name = f"B-{number}" if upper else f"b-{number}"  # ids that differ only in case are one id to the ledger
    return {**arena_row(name, score, seed=number), **CHANGES[change]}


@hypothesis_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_and_proofs=st.tuples(st.lists(ROW, max_size=14), st.sets(st.integers(0, 13))))
def test_the_outcomes_add_up_to_the_rows_read(tmp_path, run_import, recorded, settings, rows_and_proofs):
    drawn, proofs = rows_and_proofs
    shutil.rmtree(tmp_path / "arena", ignore_errors=True)
    shutil.rmtree(settings.data_dir, ignore_errors=True)
    rows = [row_of(*one) for one in drawn]
    path = write_database(tmp_path / "arena" / "battles.db", rows)
    for number, row in enumerate(rows):
        if number in proofs and row["battle_id"] in {f"{case}-{n}" for case in "bB" for n in range(6)}:
            write_dbom(tmp_path / "arena" / "dboms", row)
    dry = run_import(path, dry_run=True)
    report = run_import(path)  # the fixture checks the sum
    assert report["read"] == len(rows)
    counts = ("read", "recorded", "already_recorded", *LEFT_OUT)
    assert [dry[name] for name in counts] == [report[name] for name in counts], "a dry run says something else"
    assert (len(recorded()) if settings.database.exists() else 0) == report["recorded"]
    assert listed(settings) == sum(report[name] for name in LEFT_OUT)
    if report["legacy_dboms"]:
        assert sum(count for name, count in report["legacy_dboms"].items() if name != "standing") <= len(rows)
    again = run_import(path)
    assert again["recorded"] == 0
    assert again["already_recorded"] == report["recorded"] + report["already_recorded"]
    assert [again[name] for name in LEFT_OUT] == [report[name] for name in LEFT_OUT]
    assert listed(settings) == sum(report[name] for name in LEFT_OUT)
    if settings.database.exists():
        assert audit_ledger(settings).ok


def listed(settings: Settings) -> int:
    """Lines of every list of what was left out."""
    folder = settings.rejected
    return sum(path.read_bytes().count(b"\n") for path in folder.iterdir()) if folder.is_dir() else 0
