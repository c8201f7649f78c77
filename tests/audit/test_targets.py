"""`green-logic verify TARGET`: each thing that can be verified is told apart, and what is not there is told."""

from __future__ import annotations

import json

import pytest

from green_logic.cli import main
from green_logic.commands import verify as verify_command
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.publish.export import export_battles


@pytest.fixture
def verify(capsys):
    """Runs the command; its exit code and what it said, or its document when asked with --json."""

    def run(*words):
        capsys.readouterr()
        code = main(["verify", *map(str, words)])
        out, err = capsys.readouterr()
        return code, json.loads(out) if "--json" in words else out + err

    return run


@pytest.fixture
def legacy(tmp_path, published):
    """A DBOM 1.0 as the origin wrote them, in a folder without a judge's key."""
    name = next(name for name in sorted(published.books.files) if name.startswith("dboms/"))
    dbom = json.loads(published.books.files[name])
    dbom |= {"dbom_version": "1.0", "sigma_judge": f"SIG_GREEN_{dbom['battle_id']}_{dbom['h_delta'][:8]}"}
    path = tmp_path / "old" / name.removeprefix("dboms/")
    path.parent.mkdir()
    path.write_text(json.dumps(dbom))
    return path


def test_where_exports_go_is_looked_at_for_the_ledger_of_the_settings_only(published, verify, tmp_path, monkeypatch):
    books, place = published.books, tmp_path / "place"
    export_battles(books.settings, destination=place)
    monkeypatch.setenv("GREEN_LOGIC_EXPORT_TO", str(place))
    assert verify("-C", books.settings.data_dir)[0] == 0
    next(place.rglob("*.parquet")).write_bytes(b"")
    code, out = verify("-C", books.settings.data_dir)
    assert code == 1
    assert str(place) in out
    assert verify(books.settings.data_dir)[0] == 0, "a copy may lie there, whose exports went elsewhere"


def test_every_kind_of_target_is_told_apart(published, verify):
    books, place = published.books, ["-C", published.books.settings.data_dir]
    pinned = ["--key", books.settings.data_dir / "judge.pub", *place]
    backup = max(published.path("backups").iterdir())
    parquet = published.path(published.names("exports")[-1])
    pack = min(path for path in published.path("archives").iterdir() if path.suffix == ".gz")
    targets = {
        published.path(""): "ledger",
        published.path("exports"): "export",
        published.path("exports/battles"): "export",
        published.path("exports/battles/v1"): "export",
        parquet: "export",
        backup: "backup",
        published.path("archives"): "archives",
        pack: "archive",
        published.path("dboms/dbom_b-003.json"): "dbom",
        published.path("checkpoint"): "checkpoint",
        "b-003": "battle",
    }
    code, document = verify("--json", *pinned, *targets)
    assert code == 0
    assert [one["what"] for one in document["targets"]] == list(targets.values())
    assert all(one["ok"] for one in document["targets"])


def test_a_manifest_alone_leads_to_the_export_that_it_is_of(published, verify):
    manifest = next(name for name in published.names("exports") if name.endswith(".json"))
    code, said = verify(published.path(manifest))
    assert code == 2
    code, document = verify("--json", said.rpartition("green-logic verify ")[2].strip())
    assert (code, [one["what"] for one in document["targets"]]) == (0, ["export"])


def test_a_damaged_publication_is_an_answer_of_1_and_named(published, verify):
    place = ["-C", published.books.settings.data_dir]
    for name in (published.names("exports")[-1], published.names("backups")[0], published.names("archives")[-1]):
        path = published.path(name)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
        assert verify(*place)[0] == 1
        assert verify("--ledger-only", *place)[0] == 0
        assert verify(published.path(name.split("/")[0]) if "backups" not in name else path.parent, *place)[0] == 1
        published.books.restore()


def test_a_target_that_is_not_there_says_so(published, verify, tmp_path):
    place = ["-C", published.books.settings.data_dir]
    absent = ("nofile.json", "/nowhere/dbom_x.json", tmp_path / "none.parquet", "b-900", f"{tmp_path}/data/exports/")
    for target in absent:
        code, text = verify(target, *place)
        assert code == 2
        assert "no such file" in text
    code, text = verify("nofile.json", "-C", tmp_path / "empty")
    assert (code, "no such file" in text) == (2, True)
    assert not (tmp_path / "empty").exists()


def test_a_folder_with_nothing_to_verify_says_what_was_looked_for(published, verify, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in ("checkpoint", "judge.pub"):
        code, text = verify(empty, "--key", published.path("judge.pub"), "--checkpoint", published.path("checkpoint"))
        assert code == 2
        assert "no ledger, archive, export or backup" in text
        (empty / name).write_bytes(published.path(name).read_bytes())
    assert sorted(path.name for path in empty.iterdir()) == ["checkpoint", "judge.pub"]


def test_what_cannot_be_verified_as_one_leads_to_what_can(published, verify, tmp_path):
    place = ["-C", published.books.settings.data_dir]
    month = published.path(published.names("exports")[-1]).parent
    newest = max(path for path in published.path("backups").iterdir() if path.is_dir())
    for target, call in (
        (published.path("battles.db"), f"green-logic verify {published.path('')}/"),
        (published.path("backups"), f"green-logic verify {newest}"),
        (published.path("dboms"), f"green-logic verify {published.path('dboms')}/dbom_*.json"),
        (month, f"green-logic verify {month}/*.parquet"),
    ):
        code, text = verify(target, *place)
        assert code == 2
        assert text.endswith(f"\n  {call}\n".replace("//", "/"))
    code, document = verify(published.path("battles.db"), "--json", *place)
    assert (code, document["error"]["code"]) == (2, "configuration")


def test_an_export_is_sealed_as_far_as_the_checkpoint_beside_it_says(published, verify):
    exports, key = published.path("exports"), ["--key", published.path("judge.pub"), "-C", "nowhere"]
    note = published.path("exports/battles/checkpoint")
    document = verify(exports, "--json", *key)[1]["targets"][0]
    assert document["sealed"] == int(note.read_text().split("\n")[1]) > 0
    assert (document["pinned"], document["unsealed"]) == (0, document["battles"] - document["sealed"])
    whole = note.read_bytes()
    note.unlink()
    assert verify(exports, "--json", *key)[1]["targets"][0]["sealed"] == 0
    lines = whole.decode().split("\n")
    for damaged in (whole[:-8] + b"AAAAAA=\n", whole.replace(lines[2].encode(), lines[2][::-1].encode()), b"x"):
        note.write_bytes(damaged)
        code, document = verify(exports, "--json", *key)
        assert code == 1
        assert [one["kind"] for one in document["targets"][0]["findings"]] in (["signature"], ["note"])
        assert document["targets"][0]["sealed"] == 0


def test_what_is_good_only_as_far_as_that_goes_is_said_once(published, verify):
    dboms = [published.path(f"dboms/dbom_b-00{number}.json") for number in (3, 4)]
    note, place = ["--checkpoint", published.path("checkpoint")], ["-C", published.books.settings.data_dir]
    text = verify(*dboms, *note, *place)[1]
    assert text.count("is good") == 2
    assert text.count("key not pinned") == text.count("--checkpoint says nothing about a DBOM alone") == 1
    text = verify(*dboms, "--key", published.path("judge.pub"), *place)[1]
    assert "not pinned" not in text
    assert "--checkpoint" not in text


def test_a_parquet_file_that_another_tool_wrote_is_told_by_its_first_other_column(published, verify, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.ParquetFile(published.path(published.names("exports")[-1])).read()
    key = ["--key", published.path("judge.pub"), "-C", "nowhere"]
    plain = table.set_column(table.column_names.index("agent"), "agent", table["agent"].cast("string"))
    for changed, what in (
        (plain, "expected agent: dictionary<values=string, indices=int32, ordered=0>, got agent: string"),
        (table.drop_columns(["sigma_judge"]), "'sigma_judge' is missing"),
        (table.append_column("rank", table["id"]), "'rank' is not one of them"),
        (table.select(table.column_names[::-1]), "another order"),
    ):
        parquet.write_table(changed, tmp_path / "other.parquet")
        code, text = verify(tmp_path / "other.parquet", *key)
        assert code == 1
        assert what in text
        assert "as its own seal says" not in text


def test_strict_makes_findings_of_what_is_unpinned_or_unsealed(published, verify, make_result):
    books, place = published.books, ["-C", published.books.settings.data_dir]
    key, note = ["--key", published.path("judge.pub")], ["--checkpoint", published.path("checkpoint")]
    assert verify("--strict", *key, *note, *place)[0] == 0
    for words in ([], key, note):
        code, document = verify("--strict", "--json", *words, *place)
        assert (code, document["targets"][0]["findings"][0]["kind"]) == (1, "unpinned")
        assert verify(*words, *place)[0] == 0
    with Ledger.open(books.settings, books.key) as ledger:
        ledger.submit([seal_result(make_result("b-new"), key=books.key, origin=ledger.origin)])
    assert verify(*key, *note, *place)[0] == 0
    code, document = verify("--strict", "--json", *key, *note, *place)
    assert (code, [one["kind"] for one in document["targets"][0]["findings"]]) == (1, ["unsealed"])
    code, document = verify("--strict", "--json", published.path("dboms/dbom_b-003.json"), *place)
    assert (code, document["targets"][0]["kind"]) == (1, "unpinned")


def test_an_unsigned_dbom_is_never_good_and_passes_only_where_no_key_is_known(published, verify, legacy, tmp_path):
    nowhere = ["-C", tmp_path / "none"]
    code, text = verify(legacy, *nowhere)
    assert code == 0
    assert "legacy-unsigned" in text
    assert "✔" not in text
    assert verify("--strict", legacy, *nowhere)[0] == 1
    assert verify(legacy, "--key", published.path("judge.pub"), *nowhere)[0] == 1
    inside = published.path(f"dboms/{legacy.name}")
    inside.write_bytes(legacy.read_bytes())
    assert verify(inside, *nowhere)[0] == 1  # beside the judge's key it is a downgrade


def test_a_signed_dbom_without_any_key_is_a_question_not_an_answer(published, verify, tmp_path):
    alone = tmp_path / "alone" / "dbom_b-003.json"
    alone.parent.mkdir()
    alone.write_bytes(published.books.files["dboms/dbom_b-003.json"])
    code, text = verify(alone, "-C", tmp_path / "none")
    assert code == 2
    assert "--key FILE" in text


def test_deep_and_ledger_only_exclude_each_other(published, verify):
    assert verify("--deep", "--ledger-only", "-C", published.books.settings.data_dir)[0] == 2


def test_long_checks_say_how_far_they_are_on_stderr_alone(published, capsys, monkeypatch):
    monkeypatch.setattr(verify_command, "PROGRESS_FROM_S", {False: 0.0})
    monkeypatch.setattr(verify_command, "PROGRESS_EVERY_S", {False: 0.0})
    place = ["-C", str(published.books.settings.data_dir)]

    def stages(*words):
        capsys.readouterr()
        assert main(["verify", *words, *place]) == 0
        out, err = capsys.readouterr()
        assert ": 0 of" not in out
        return {line.split(":")[0] for line in err.splitlines() if " of " in line}

    assert stages() == {"checking battles", "hashing exported files", "reading archived DBOMs", "reading backups"}
    assert "comparing exported rows" in stages("--deep")
    assert "checking exported rows" in stages(str(published.path("exports")))
    assert "checking packed DBOMs" in stages(str(max(published.path("backups").iterdir())))
    assert stages("-q") == stages("--json") == set()
