"""Exports, rebuilds and compactions at one place at the same time: one after the other, or one of them is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from export_samples import copy_of, record

from green_logic.errors import StorageError
from green_logic.proof.keys import SigningKey
from green_logic.publish import compact as compact_module
from green_logic.publish import export as export_module
from green_logic.publish.compact import compact_exports
from green_logic.publish.export import export_battles
from green_logic.publish.manifest import MANIFESTS, VERSION_FOLDER, Catalog, Manifest, read_catalog
from green_logic.publish.store import Store, open_store
from green_logic.settings import Settings

pytest_plugins = ["s3_server"]  # `server` and `bucket`
ROUNDS = 3
DRIVER = """
import json, sys
from pathlib import Path
from green_logic.errors import GreenLogicError
from green_logic.publish.compact import compact_exports
from green_logic.publish.export import export_battles
from green_logic.settings import Settings
data, place, work, rounds = sys.argv[1:]
settings, refusals = Settings(data_dir=Path(data)), []
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(rounds)):
    try:
        if work == "compact":
            compact_exports(settings, destination=place or None)
        else:
            export_battles(settings, rebuild=work == "rebuild", destination=place or None)
    except GreenLogicError as error:
        refusals.append([error.code, error.message, error.hint])
print(json.dumps(refusals))
"""


def race(works: list[tuple[Settings, str]], place: str) -> list[list[str]]:
    """Let processes begin together; what they were refused."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(one.data_dir), place, work, str(ROUNDS)], text=True, **pipes
        )
        for one, work in works
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(works)
    return [refusal for answer in answers for refusal in json.loads(answer)]


def ids_at(settings: Settings, place: str | None) -> list[int]:
    """Every id in a file that counts."""
    store, found = open_store(settings, place), []
    for file in read_catalog(store).files:
        with store.local(f"{VERSION_FOLDER}/{file.path}") as path:
            found += pq.read_table(path, columns=["id"])["id"].to_pylist()
    return sorted(found)


def test_of_one_ledger_they_take_turns(settings: Settings, key: SigningKey) -> None:
    record(settings, key, range(6))
    export_battles(settings)
    record(settings, key, range(6, 12))
    assert race([(settings, "rebuild"), (settings, "compact"), (settings, "export")], "") == []
    assert ids_at(settings, None) == list(range(1, 13))
    assert not list((settings.data_dir / "exports" / "battles" / "_spool").glob("*.parquet"))


@pytest.mark.parametrize("works", [("rebuild", "export"), ("rebuild", "compact"), ("rebuild", "rebuild")], ids=str)
def test_of_two_copies_of_a_ledger_at_one_directory_one_is_refused_in_words(
    settings: Settings, key: SigningKey, tmp_path: Path, works: tuple[str, str]
) -> None:
    record(settings, key, range(6))
    place = str(tmp_path / "place")
    export_battles(settings, destination=place)
    other = copy_of(settings, tmp_path / "other")
    refusals = race([(settings, works[0]), (other, works[1])], place)
    assert {(code, "somebody else is exporting there" in message) for code, message, _ in refusals} <= {
        ("storage", True)
    }
    record(settings, key, range(6, 9))
    assert export_battles(settings, destination=place).rows == 3
    assert ids_at(settings, place) == list(range(1, 10))


@pytest.mark.parametrize("works", [("rebuild", "export"), ("rebuild", "compact"), ("compact", "export")], ids=str)
def test_of_two_copies_of_a_ledger_at_one_bucket_no_id_is_lost_or_there_twice(
    settings: Settings, key: SigningKey, bucket: str, tmp_path: Path, works: tuple[str, str]
) -> None:
    record(settings, key, range(4))
    export_battles(settings, destination=bucket)
    record(settings, key, range(4, 8))
    export_battles(settings, destination=bucket)
    record(settings, key, range(8, 12))
    other = copy_of(settings, tmp_path / "other")
    for code, _, hint in race([(settings, works[0]), (other, works[1])], bucket):
        assert code in {"storage", "verification"}
        assert hint
    export_battles(settings, destination=bucket)
    assert Counter(ids_at(settings, bucket)) == Counter(range(1, 13))


@pytest.mark.parametrize("mine", ["rebuild", "export"])
def test_what_does_not_fit_with_what_another_published_meanwhile_is_taken_back(
    settings: Settings, key: SigningKey, bucket: str, tmp_path: Path, mine: str
) -> None:
    record(settings, key, range(5))
    export_battles(settings, destination=bucket)
    record(settings, key, range(5, 9))
    other = copy_of(settings, tmp_path / "other")
    commit = export_module.commit

    def meet(store: Store, manifest: Manifest, catalog: Catalog) -> None:
        # its files are there and its manifest is not; the other one is faster, and has the same new ids
        patch.undo()
        export_battles(other, destination=bucket, rebuild=mine != "rebuild")
        commit(store, manifest, catalog)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "commit", meet)
        with pytest.raises(StorageError, match="somebody else has published") as caught:
            export_battles(settings, destination=bucket, rebuild=mine == "rebuild")
    assert "again" in caught.value.hint
    assert ids_at(settings, bucket) == list(range(1, 10))
    assert export_battles(settings, destination=bucket).rows == 0
    assert ids_at(settings, bucket) == list(range(1, 10))


def test_what_fits_with_what_another_published_meanwhile_stays(
    settings: Settings, key: SigningKey, bucket: str, tmp_path: Path
) -> None:
    for start in (0, 3):
        record(settings, key, range(start, start + 3))
        export_battles(settings, destination=bucket)
    record(settings, key, range(6, 9))
    other = copy_of(settings, tmp_path / "other")
    commit = compact_module.commit

    def meet(store: Store, manifest: Manifest, catalog: Catalog) -> None:
        patch.undo()
        assert export_battles(other, destination=bucket).rows == 3
        commit(store, manifest, catalog)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compact_module, "commit", meet)
        assert compact_exports(settings, destination=bucket).merged == 2
    assert len(open_store(settings, bucket).names(MANIFESTS)) == 2
    assert ids_at(settings, bucket) == list(range(1, 10))
