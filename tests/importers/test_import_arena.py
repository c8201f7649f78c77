"""The real records of the arena: every row accounted for, every overwritten proof told. Skipped where absent."""

from __future__ import annotations

import json

PROOFS = {"standing": "legacy-unsigned"}


def test_stage_2_has_85_rows_of_which_45_proofs_match_and_40_were_overwritten(
    arena, run_import, settings, assert_whole
):
    report = run_import(arena / "battles_stage2.db")
    assert report["read"] == 85
    assert report["legacy_dboms"] == {**PROOFS, "matched": 45, "overwritten": 40}
    assert (report["recorded"], report["conflicts"], report["not_evaluated"], report["refused"]) == (37, 40, 8, 0)
    assert all(entry["recorded"]["digest"] != entry["found"]["digest"] for entry in report["examples"]["conflict"])
    assert_whole(settings)
    again = run_import(arena / "battles_stage2.db")
    assert (again["recorded"], again["already_recorded"], again["conflicts"]) == (0, 37, 40)


def test_all_100_rows_of_the_failed_tier_are_not_evaluated_with_the_judges_error(arena, run_import, settings):
    report = run_import(arena / "battles_tier2_failed.db")
    assert (report["read"], report["recorded"], report["not_evaluated"]) == (100, 0, 100)
    assert report["legacy_dboms"] == {**PROOFS, "matched": 100}
    entries = [json.loads(path.read_bytes()) for path in settings.not_evaluated.glob("*.json")]
    assert len(entries) == 100
    assert {entry["reason"] for entry in entries} == {"Scoring failed due to error: Connection error."}


def test_the_old_schema_holds_393_mock_rows_which_are_refused(arena, run_import):
    report = run_import(arena / "battles_old_schema.db")
    assert (report["read"], report["refused_by_kind"]) == (393, {"mock": 393})


def test_the_whole_directory_adds_up_and_stays_as_it_is(arena, run_import, recorded, unchanged):
    with unchanged(arena):
        report = run_import(arena)
    counts = ("read", "recorded", "conflicts", "not_evaluated", "refused")
    assert [report[name] for name in counts] == [578, 37, 40, 108, 393]
    assert report["legacy_dboms"] == {**PROOFS, "matched": 145, "overwritten": 40, "missing": 393}
    assert report["unreadable"] == report["notes"] == []
    for result in recorded().values():
        inner = json.loads(result["original"]["row"]["raw_result"])["evaluation"]
        kept = {name: value for name, value in result["evaluation"].items() if name != "embedder"}
        assert kept == inner
