"""LogoMesh's databases in every version: what becomes of each row, and that the database stays as it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from foreign import FOUR, STAMP, TEXT_ID, TEXT_SCORES, arena_row, vector, write_database, write_dbom

from green_logic.errors import ConfigurationError, StorageError
from green_logic.importers import books, run
from green_logic.proof.dbom import check_dbom

DEEP = '{"task": {"description": "x", "deep": ' + "[" * 600 + "]" * 600 + "}}"
FAILURE = "Scoring failed due to error: Connection error."


def test_a_row_becomes_a_sealed_battle_that_attests_the_import(tmp_path, settings, run_import, recorded, assert_whole):
    database = write_database(tmp_path / "arena" / "battles.db", [arena_row("b-1")])
    report = run_import(database)
    assert report["recorded"] == report["read"] == 1
    (result,) = recorded().values()
    imported = result["imported"]
    assert imported["file"] == "battles.db"
    assert imported["file_sha256"] == hashlib.sha256(database.read_bytes()).hexdigest()
    assert (imported["row"], imported["original_id"], imported["original_timestamp"]) == (1, "b-1", STAMP)
    assert result["profile"] == {"id": "imported/logomesh/1"}
    assert result["evaluation"]["rationale_score"] == 0.75
    assert result["evaluation"]["intent_vector"] == vector()
    assert result["original"]["row"]["raw_result"] == arena_row("b-1")["raw_result"]
    assert str(tmp_path) not in json.dumps(result), "a private path would be published"
    assert_whole(settings)


def test_the_seal_of_an_import_is_as_good_as_any(tmp_path, settings, key, run_import):
    run_import(write_database(tmp_path / "battles.db", [arena_row("b-1")]))
    check_dbom((settings.dboms / "dbom_b-1.json").read_bytes(), {key.keyid: key.public})


def test_the_seal_names_the_submission_so_that_a_contestant_finds_their_own(tmp_path, settings, run_import):
    run_import(write_database(tmp_path / "battles.db", [arena_row("b-1", seed=7)]))
    envelope = json.loads(json.loads((settings.dboms / "dbom_b-1.json").read_bytes())["sigma_judge"])
    import base64

    subjects = json.loads(base64.b64decode(envelope["payload"]))["subject"]
    assert {"name": "submission", "digest": {"sha256": hashlib.sha256(b"x = 7\n").hexdigest()}} in subjects


def test_a_second_import_records_nothing_new(tmp_path, run_import, settings):
    rows = [arena_row("b-1"), arena_row("b-2", breakdown=FAILURE), arena_row("b-1", 0.9)]
    database = write_database(tmp_path / "battles.db", rows)
    first = run_import(database)
    entry = settings.not_evaluated / "b-2.json"
    before = entry.read_bytes()
    second = run_import(database)
    assert (first["recorded"], second["recorded"], second["already_recorded"]) == (1, 0, 1)
    assert (second["conflicts"], second["not_evaluated"]) == (first["conflicts"], first["not_evaluated"]) == (1, 1)
    assert entry.read_bytes() == before


def test_a_grown_or_renamed_copy_adds_only_its_new_rows(tmp_path, run_import):
    run_import(write_database(tmp_path / "battles.db", [arena_row("b-1")]))
    grown = write_database(tmp_path / "copy.db", [arena_row("b-0"), arena_row("b-1")])
    report = run_import(grown)
    assert (report["recorded"], report["already_recorded"], report["conflicts"]) == (1, 1, 0)


def test_a_duplicate_id_keeps_the_first_record_and_reports_both_sides(tmp_path, run_import, recorded, settings):
    report = run_import(write_database(tmp_path / "battles.db", [arena_row("b-1", 0.2), arena_row("b-1", 0.9)]))
    assert (report["recorded"], report["conflicts"]) == (1, 1)
    (conflict,) = report["examples"]["conflict"]
    assert (conflict["recorded"]["score"], conflict["found"]["score"]) == (0.2, 0.9)
    assert (conflict["recorded"]["where"], conflict["found"]["where"]) == ("battles.db:1", "battles.db:2")
    assert conflict["recorded"]["digest"] == recorded()["b-1"]["battle_sha256"] != conflict["found"]["digest"]
    assert conflict["found"]["timestamp"] == STAMP
    assert recorded()["b-1"]["evaluation"]["cis_score"] == 0.2
    (path,) = report["lists"]
    assert json.loads(Path(path).read_bytes()) == conflict


def test_an_equal_duplicate_is_no_conflict(tmp_path, run_import):
    report = run_import(write_database(tmp_path / "battles.db", [arena_row("b-1"), arena_row("b-1")]))
    assert (report["recorded"], report["already_recorded"], report["conflicts"]) == (1, 1, 0)


def test_an_id_that_differs_only_in_case_is_a_conflict(tmp_path, run_import):
    report = run_import(write_database(tmp_path / "battles.db", [arena_row("b-1"), arena_row("B-1")]))
    assert (report["recorded"], report["conflicts"]) == (1, 1)
    assert "case" in report["examples"]["conflict"][0]["reason"]


def test_a_judged_battle_is_never_replaced_by_an_import(tmp_path, settings, make_result, run_import, recorded):
    from green_logic.agent import GreenAgent

    with GreenAgent(settings=settings) as agent:
        agent.submit_result(make_result("b-1", score=0.5))
    report = run_import(write_database(tmp_path / "battles.db", [arena_row("b-1")]))
    assert (report["recorded"], report["conflicts"]) == (0, 1)
    assert report["examples"]["conflict"][0]["recorded"]["where"] == "judged here"
    assert "imported" not in recorded()["b-1"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"breakdown": FAILURE}, "Connection error"),
        ({"score": "N/A"}, "finite number"),
        ({"score": float("inf")}, "finite number"),
        ({"score": float("nan")}, "finite number"),
        ({"raw_result": '{"error": "[Errno 111] Connection refused"}'}, "Connection refused"),
        ({"raw_result": '{"evaluation": {"cis_score": "high"}}'}, "cis_score"),
        ({"raw_result": '{"evaluation": {"error": {"code": 5}}}'}, "error"),
        ({"raw_result": '{"evaluation": {"breakdown": "Evaluation failed: \\ud800"}}'}, "Evaluation failed"),
    ],
)
def test_a_failure_of_the_origins_judge_is_set_aside_never_scored(tmp_path, settings, run_import, change, reason):
    report = run_import(write_database(tmp_path / "battles.db", [arena_row("b-1", **change)]))
    assert (report["not_evaluated"], report["recorded"]) == (1, 0)
    entry = json.loads((settings.not_evaluated / "b-1.json").read_bytes())
    assert reason in entry["reason"]
    assert set(entry) == {"battle_id", "reason", "code", "attempts", "file", "line", "at"}
    assert (entry["code"], entry["file"], entry["line"]) == ("not-evaluated", "battles.db", 1)
    assert not list(settings.dboms.iterdir())


def test_a_failure_beside_a_good_row_of_its_id_leaves_no_entry(tmp_path, settings, run_import):
    for name, rows in (
        ("one.db", [arena_row("b-1", breakdown=FAILURE), arena_row("b-1")]),
        ("two.db", [arena_row("b-2"), arena_row("b-2", breakdown=FAILURE)]),
    ):
        report = run_import(write_database(tmp_path / name, rows))
        assert (report["recorded"], report["not_evaluated"]) == (1, 1)
        assert FAILURE in Path(report["lists"][0]).read_text()
    assert not list(settings.not_evaluated.glob("*.json"))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"raw_result": '{"status": "mock_success"}'}, "mock"),
        ({"raw_result": None}, "schema"),
        ({"raw_result": "[1]"}, "schema"),
        ({"raw_result": '{"a": 1, "a": 2}'}, "schema"),
        ({"raw_result": '{"evaluation": {"cis_score": NaN}}'}, "schema"),
        ({"raw_result": "[" * 100_000}, "schema"),
        ({"raw_result": DEEP, "dbom_hash": ""}, "schema"),
        ({"battle_id": "../../etc/passwd"}, "schema"),
        ({"battle_id": None}, "schema"),
        ({"score": 0.99}, "altered"),
        ({"dbom_hash": "0" * 64}, "altered"),
        ({"battle_id": "b-2"}, "altered"),
        ({"score": 7.5, "raw_result": '{"task": "x"}', "dbom_hash": ""}, "score"),
        ({"score": -0.1, "raw_result": '{"task": "x"}', "dbom_hash": ""}, "score"),
        ({"raw_result": '{"purple_response": {"rationale": "x"}}', "dbom_hash": ""}, "vector"),
        ({"raw_result": '{"task": "\\ud800"}', "dbom_hash": ""}, "vector"),
        ({"raw_result": '{"task": "x", "evaluation": {"breakdown": "\\ud800"}}', "dbom_hash": ""}, "schema"),
    ],
)
def test_a_row_that_cannot_become_a_battle_is_refused_with_its_place(tmp_path, run_import, settings, change, kind):
    report = run_import(write_database(tmp_path / "battles.db", [arena_row("b-1", **change), arena_row("good")]))
    assert report["refused_by_kind"] == {kind: 1}
    (entry,) = report["examples"]["refused"]
    assert (entry["file"], entry["line"]) == ("battles.db", 1)
    assert entry["reason"]
    assert report["recorded"] == 1, "one row must not stop the others"
    assert [path.name for path in settings.dboms.iterdir()] == ["dbom_good.json"]


def test_a_vector_that_is_none_is_replaced_by_the_tasks_embedding_never_by_zeros(tmp_path, run_import, recorded):
    result = {"battle_id": "b-1", "task": {"title": "LRU", "description": "Write an LRU cache."}}
    result["evaluation"] = {"cis_score": 0.5, "intent_vector": [0.0] * 384}
    row = arena_row("b-1", 0.5, raw_result=json.dumps(result), dbom_hash="")
    assert run_import(write_database(tmp_path / "battles.db", [row]))["recorded"] == 1
    found = recorded()["b-1"]
    assert any(found["evaluation"]["intent_vector"])
    assert found["imported"]["intent_from"] == "task text"
    assert found["evaluation"]["embedder"]["id"]


def test_a_missing_vector_comes_from_the_dbom_that_matches(tmp_path, run_import, recorded):
    raw = json.dumps({"battle_id": "b-1", "task": "x", "evaluation": {"cis_score": 0.67}})
    row = arena_row("b-1", raw_result=raw, dbom_hash=hashlib.sha256(raw.encode()).hexdigest())
    write_dbom(tmp_path / "dboms", row)
    run_import(write_database(tmp_path / "battles.db", [row]))
    assert recorded()["b-1"]["imported"]["intent_from"] == "dbom"
    assert recorded()["b-1"]["evaluation"]["intent_vector"] == vector()


def test_a_hash_of_the_origins_sorted_text_counts_as_its_hash(tmp_path, run_import):
    row = arena_row("b-1")
    text = json.dumps(json.loads(row["raw_result"]), sort_keys=True)
    row["dbom_hash"] = hashlib.sha256(text.encode()).hexdigest()
    assert run_import(write_database(tmp_path / "battles.db", [row]))["recorded"] == 1


def test_a_component_that_the_origin_made_up_is_noted(tmp_path, run_import, recorded):
    raw = json.loads(arena_row("b-1")["raw_result"])
    raw["evaluation"]["logic_critique"] = "Logic review timed out...."
    run_import(write_database(tmp_path / "battles.db", [arena_row("b-1", raw_result=json.dumps(raw), dbom_hash="")]))
    (note,) = recorded()["b-1"]["imported"]["notes"]
    assert "default" in note


def test_every_schema_variant_is_read(tmp_path, run_import):
    row = arena_row("seven")
    write_database(tmp_path / "a.db", [row, arena_row("no-hash", dbom_hash="")])
    four = {"task_title": "LRU", "timestamp": STAMP, "raw_result": '{"status": "mock_success"}'}
    write_database(tmp_path / "b.db", [{"battle_id": "four", **four}], columns=FOUR)
    texts = [
        {"battle_id": "text-mock", **four, "score": "0.0", "breakdown": "", "dbom_hash": ""},
        {"task_title": "LRU", **arena_row("text-good"), "score": "0.67"},
        {"task_title": "LRU", **arena_row("text-bad"), "score": "pending"},
    ]
    write_database(tmp_path / "c.db", texts, columns=TEXT_SCORES)
    ids = [
        {
            "id": "refused",
            "score": 0.0,
            "raw_result": '{"error": "[Errno 111] Connection refused"}',
            "timestamp": STAMP,
        },
        {"id": "good", "score": 0.5, "raw_result": '{"task": "Write an LRU cache."}', "timestamp": STAMP},
    ]
    write_database(tmp_path / "d.db", ids, columns=TEXT_ID)
    report = run_import(tmp_path)
    assert (report["read"], report["recorded"], report["not_evaluated"]) == (8, 4, 2)
    assert report["refused_by_kind"] == {"mock": 2}


def test_legacy_dboms_are_told_matched_overwritten_differing_missing_and_malformed(tmp_path, run_import, recorded):
    rows = [arena_row("twice", 0.1), arena_row("twice", 0.9), arena_row("foreign"), arena_row("none"), arena_row("bad")]
    folder = tmp_path / "dboms"
    write_dbom(folder, rows[1])
    write_dbom(folder, rows[2], h_delta="0" * 64)
    write_dbom(folder, rows[4]).write_text("{")
    write_dbom(folder, arena_row("orphan"))
    report = run_import(write_database(tmp_path / "battles.db", rows))
    counts = {"matched": 1, "overwritten": 1, "differs": 1, "missing": 1, "malformed": 1}
    assert report["legacy_dboms"] == {"standing": "legacy-unsigned", **counts}
    assert report["notes"] == ["1 DBOM files in dboms/ belong to no row that was read"]
    assert recorded()["twice"]["imported"]["legacy_dbom"]["row"] == "overwritten"
    assert recorded()["twice"]["imported"]["legacy_dbom"]["standing"] == "legacy-unsigned"
    assert recorded()["none"]["imported"]["legacy_dbom"] is None


def test_a_dbom_with_the_rows_hash_and_another_score_does_not_match(tmp_path, run_import):
    write_dbom(tmp_path / "dboms", arena_row("b-1"), score_cis=0.99)
    report = run_import(write_database(tmp_path / "battles.db", [arena_row("b-1")]))
    assert report["legacy_dboms"]["differs"] == 1


def test_a_dry_run_counts_the_same_and_makes_nothing(tmp_path, settings, run_import):
    rows = [arena_row("b-1"), arena_row("b-1", 0.9), arena_row("b-2", breakdown=FAILURE), arena_row("b-3", score=None)]
    database = write_database(tmp_path / "battles.db", rows)
    dry = run_import(database, dry_run=True)
    assert not settings.data_dir.exists()
    wet = run_import(database)
    counts = ("read", "recorded", "conflicts", "refused", "not_evaluated", "examples")
    assert {name: dry[name] for name in counts} == {name: wet[name] for name in counts}
    again = run_import(database, dry_run=True)
    assert (again["recorded"], again["already_recorded"], again["conflicts"]) == (0, 1, 1)


def test_no_byte_date_or_name_beside_a_database_changes(tmp_path, run_import, unchanged):
    directory = tmp_path / "arena"
    database = write_database(directory / "battles.db", [arena_row("b-1")])
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # an ordinary reader would make -wal and -shm
    connection.close()
    with unchanged(directory):
        assert run_import(directory)["recorded"] == 1


def test_rows_in_a_wal_that_was_left_behind_are_read_and_stay_there(tmp_path, run_import, unchanged, recorded):
    live = write_database(tmp_path / "live" / "battles.db", [arena_row("b-1")])
    connection = sqlite3.connect(live)
    connection.execute("PRAGMA journal_mode = WAL")
    row = arena_row("b-2")
    connection.execute(
        f"INSERT INTO battles ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",  # noqa: S608
        [*row.values()],
    )
    connection.commit()
    copy = tmp_path / "copy"
    shutil.copytree(live.parent, copy)
    connection.close()
    with unchanged(copy):
        assert run_import(copy)["recorded"] == 2
    assert set(recorded()["b-2"]["imported"]["leftovers"]) == {"battles.db-wal"}


def test_a_hot_journal_is_rolled_back_in_a_copy_only(tmp_path, run_import, unchanged):
    live = write_database(tmp_path / "live" / "battles.db", [arena_row(f"b-{number}") for number in range(40)])
    connection = sqlite3.connect(live, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute("UPDATE battles SET score = 0.99")
    copy = tmp_path / "copy"
    shutil.copytree(live.parent, copy)
    connection.execute("ROLLBACK")
    connection.close()
    assert (copy / "battles.db-journal").stat().st_size > 0
    with unchanged(copy):
        assert run_import(copy)["recorded"] == 40


def test_our_own_ledger_is_never_opened_as_a_foreign_file(tmp_path, settings, run_import):
    run_import(write_database(tmp_path / "battles.db", [arena_row("b-1")]))
    with pytest.raises(ConfigurationError, match="is the ledger"):
        run_import(settings.database)
    copy = shutil.copyfile(settings.database, tmp_path / "copy.db")
    report = run_import(copy)
    assert (report["read"], "a ledger of this project" in report["unreadable"][0]["reason"]) == (0, True)


def test_a_large_import_goes_in_groups(tmp_path, run_import, settings):
    rows = [arena_row(f"b-{number}", seed=number) for number in range(300)]
    report = run_import(write_database(tmp_path / "battles.db", rows))
    assert (report["recorded"], report["read"]) == (300, 300)
    assert len(list(settings.dboms.iterdir())) == 300


def test_an_import_that_storage_stopped_is_taken_up_by_the_next(tmp_path, run_import, recorded, monkeypatch):
    database = write_database(tmp_path / "battles.db", [arena_row(f"b-{number}") for number in range(25)])
    monkeypatch.setattr(run, "GROUP", 10)
    commit = books.LedgerBooks.commit

    def full_disk(self: books.LedgerBooks, *groups: object) -> object:
        if len(recorded()) == 10:
            raise StorageError("no space left")
        return commit(self, *groups)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, pytest.raises(StorageError):
        patch.setattr(books.LedgerBooks, "commit", full_disk)
        run_import(database)
    assert len(recorded()) == 10
    report = run_import(database)
    assert (report["recorded"], report["already_recorded"]) == (15, 10)
