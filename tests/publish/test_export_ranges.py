"""Ranges: cut by the rows alone, written by processes of their own, and none of them outlives the export's lock."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from export_samples import copy_of, make_key, record

from green_logic.errors import ConfigurationError, GreenLogicError, RetryableError, StorageError, VerificationError
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.keys import SigningKey
from green_logic.publish import ledger_rows, parquet, ranges
from green_logic.publish.columns import SCHEMA
from green_logic.publish.export import export_battles
from green_logic.publish.ledger_rows import read_windows
from green_logic.publish.parquet import write_parts
from green_logic.publish.parts import PART_NAME, IdRange
from green_logic.publish.published import published_files
from green_logic.publish.ranges import cut_ranges, writing_ranges
from green_logic.publish.shape import shape
from green_logic.settings import Settings

ROWS = 60


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Settings:
    settings = Settings(data_dir=tmp_path_factory.mktemp("template") / "data")
    record(settings, key, range(ROWS))
    return settings


@pytest.fixture
def recorded(template: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A ledger of 60 battles, enough for four ranges."""
    monkeypatch.setattr(ranges, "SMALL_ROWS", 5)
    monkeypatch.setattr(ranges, "RANGE_ROWS", 15)
    return copy_of(template, tmp_path / "data")


def cut(settings: Settings, rows: int = ROWS) -> list[IdRange]:
    with open_for_reading(settings) as connection:
        return cut_ranges(connection, after=0, last=rows, rows=rows)


def everything(root: Path) -> dict[str, str]:
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def change(settings: Settings, sql: str) -> None:
    with sqlite3.connect(settings.database) as connection:
        for trigger in ("battles_no_update", "battles_no_delete", "ledger_no_update", "ledger_no_delete"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(sql)
    connection.close()


def test_ranges_cover_every_id_once_in_even_shares(recorded: Settings) -> None:
    found = cut(recorded)
    assert (found[0].after, found[-1].last) == (0, ROWS)
    assert all(before.last == item.after for before, item in pairwise(found))
    assert [item.number for item in found] == list(range(4))
    assert [item.last - item.after for item in found] == [15] * 4


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (5, 1), (6, 2), (30, 2), (31, 4), (ROWS, 4)])
def test_few_rows_are_one_range_more_are_two_many_a_multiple_of_four(recorded: Settings, rows: int, count: int) -> None:
    assert len(cut(recorded, rows)) == count


def test_a_range_ends_at_a_row_whatever_gaps_the_ids_have(recorded: Settings) -> None:
    change(recorded, "UPDATE battles SET id = id + 100000 WHERE id > 20")
    with sqlite3.connect(recorded.database) as connection:
        connection.execute("UPDATE ledger SET battle_row = battle_row + 100000 WHERE battle_row > 20")
    connection.close()
    with open_for_reading(recorded) as connection:
        found = cut_ranges(connection, after=0, last=100_000 + ROWS, rows=ROWS)
    assert [item.last for item in found] == [15, 100_030, 100_045, 100_060]
    assert export_battles(recorded).rows == ROWS


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_the_same_files_on_any_number_of_cores(
    recorded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    export_battles(recorded, destination=tmp_path / "one")
    monkeypatch.setattr(ranges, "PROCESSES", cores)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert len(export_battles(recorded, destination=tmp_path / "other").files) == 4
    assert everything(tmp_path / "one") == everything(tmp_path / "other")


def test_a_changed_row_in_any_range_publishes_nothing(recorded: Settings) -> None:
    change(recorded, "UPDATE battles SET raw_result = replace(raw_result, 'because', 'becauze') WHERE id = 43")
    with pytest.raises(VerificationError, match="row 43: raw_result does not hash") as caught:
        export_battles(recorded)
    assert caught.value.kind == "export"
    assert published_files(recorded) == []


def test_a_row_without_a_leaf_in_any_range_publishes_nothing(recorded: Settings) -> None:
    change(recorded, "DELETE FROM ledger WHERE battle_row = 31")
    with pytest.raises(VerificationError, match="row 31 has no signature"):
        export_battles(recorded)
    assert published_files(recorded) == []


def test_a_leaf_without_a_row_does_not_count_for_a_row_without_a_leaf(recorded: Settings) -> None:
    change(recorded, "DELETE FROM ledger WHERE battle_row = 31")
    with sqlite3.connect(recorded.database) as connection:
        connection.execute("DELETE FROM battles WHERE id = 12")
    connection.close()
    with pytest.raises(VerificationError, match="row 31 has no signature"):
        export_battles(recorded)
    assert published_files(recorded) == []


def test_a_leaf_whose_row_is_gone_publishes_nothing(recorded: Settings) -> None:
    change(recorded, "DELETE FROM battles WHERE id = 31")
    with pytest.raises(VerificationError, match=f"{ROWS} signed rows, read {ROWS - 1}"):
        export_battles(recorded)
    assert published_files(recorded) == []


def test_large_signatures_make_small_windows(recorded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(read_windows(recorded.database, after=0, last=ROWS))
    monkeypatch.setattr(ledger_rows, "WINDOW_BYTES", 3 * len(whole[0].envelope[0]))
    monkeypatch.setattr(ledger_rows, "BESIDE_BYTES", -len(whole[0].raw_result[0]))
    found = list(read_windows(recorded.database, after=0, last=ROWS))
    assert len(whole) == 1
    assert len(found) > ROWS // 4
    assert [sum(columns, ()) for columns in zip(*found, strict=True)] == list(whole[0])


def test_many_months_gather_no_more_than_one(
    recorded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rows,) = read_windows(recorded.database, after=0, last=ROWS)
    batch = shape(rows)
    monkeypatch.setattr(parquet, "GROUP_BYTES", 3 * batch.nbytes)
    left = []

    def months() -> Iterator[pa.RecordBatch]:
        for month in range(12):
            yield batch.set_column(
                SCHEMA.get_field_index("timestamp"),
                SCHEMA.field("timestamp"),
                pa.array([datetime(2026, month + 1, 2, tzinfo=UTC)] * ROWS, SCHEMA.field("timestamp").type),
            )
            left.append(sum(path.stat().st_size > 4 for path in (tmp_path / "spool").iterdir()))

    parts = list(write_parts(months(), tmp_path / "spool", (f"part-{number:06d}.parquet" for number in range(12))))
    assert [part.rows for part in parts] == [ROWS] * 12
    # all but three months are in their files before the last has come
    assert left[-1] >= 12 - 3


@pytest.mark.parametrize(
    ("envelope", "kind"),
    [
        ("'{'", "envelope"),
        ("'{}'", "envelope"),
        ("x'ff'", "envelope"),
        ("'[' || envelope || ']'", "envelope"),
        ('replace(envelope, \'"payload":"\', \'"payload":"!\')', "envelope"),
        ('\'{"payload":"e30="}\'', "envelope"),
        ('\'{"payload":"eyJzdWJqZWN0IjpbXX0="}\'', "envelope"),
        ("(SELECT envelope FROM ledger WHERE battle_row = 2)", "row"),
    ],
)
def test_a_seal_that_is_not_the_rows_publishes_nothing(recorded: Settings, envelope: str, kind: str) -> None:
    change(recorded, f"UPDATE ledger SET envelope = {envelope} WHERE battle_row = 17")  # noqa: S608  ours
    with pytest.raises(VerificationError, match=r"battle b-0016|row 16-30") as caught:
        export_battles(recorded)
    assert caught.value.kind in {kind, "schema"}
    assert published_files(recorded) == []


def test_a_damaged_database_is_told_as_that(recorded: Settings) -> None:
    size = recorded.database.stat().st_size
    with recorded.database.open("r+b") as file:
        for place in range(size // 8192 // 2, size // 8192 - 2):
            file.seek(place * 8192)
            file.write(b"\xff" * 64)
    with pytest.raises(VerificationError, match="malformed"):
        export_battles(recorded)
    assert published_files(recorded) == []


def write(settings: Settings, spool: Path, lock: int) -> list[str]:
    with writing_ranges(settings.database, cut(settings), spool, ending="", lock=lock) as parts:
        return sorted(part.path.name for part in parts)


@pytest.fixture
def lock(tmp_path: Path) -> int:
    return os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)


def test_every_part_has_a_name_of_its_own_that_a_sweep_knows(recorded: Settings, tmp_path: Path, lock: int) -> None:
    names = write(recorded, tmp_path / "spool", lock)
    assert names == sorted(path.name for path in (tmp_path / "spool").iterdir())
    assert len(set(names)) == 4
    assert all(PART_NAME.fullmatch(name) for name in names)


def test_a_process_that_cannot_start_is_told_with_its_last_words(
    recorded: Settings, tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such thing >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(RetryableError, match="ended with 7: no such thing"):
        write(recorded, tmp_path / "spool", lock)
    assert list((tmp_path / "spool").iterdir()) == []


def test_half_an_answer_is_none(recorded: Settings, tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short = tmp_path / "python"
    cut_short.write_text("#!/bin/sh\nprintf '{\"parts\": ['\nkill -9 $$\n")
    cut_short.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(cut_short))
    with pytest.raises(RetryableError, match="ended with -9: no message"):
        write(recorded, tmp_path / "spool", lock)


@pytest.mark.parametrize("expected", [VerificationError, ConfigurationError, StorageError])
def test_an_error_arrives_as_what_it_was(
    recorded: Settings, tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch, expected: type[GreenLogicError]
) -> None:
    kind = "row" if expected is VerificationError else None
    answer = json.dumps({"error": {"code": expected.code, "kind": kind, "message": "what", "hint": "how"}})
    telling = tmp_path / "python"
    telling.write_text(f"#!/bin/sh\nread line\necho '{answer}'\nread line\n")
    telling.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(telling))
    with pytest.raises(expected, match="what") as caught:
        write(recorded, tmp_path / "spool", lock)
    assert (caught.value.hint, getattr(caught.value, "kind", None)) == ("how", kind)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: no call was failed")
def test_a_part_that_the_disk_does_not_take_is_none(
    recorded: Settings, tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # -D: the interpreter stays our own child
    failing = "strace -D -f -q -o /dev/null -e trace=fsync -e inject=fsync:error=EIO"
    broken = tmp_path / "python"
    broken.write_text(f'#!/bin/sh\nexec {failing} {sys.executable} "$@"\n')
    broken.chmod(0o755)
    if subprocess.run([broken, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here: no call was failed")
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(StorageError, match="Input/output error"):
        write(recorded, tmp_path / "spool", lock)


def test_a_writer_that_lost_its_parent_keeps_the_lock_until_it_ends(recorded: Settings, tmp_path: Path) -> None:
    # an interpreter in whose place a process stands that goes on for a moment after its parent is gone
    slow = tmp_path / "python"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid.$$\nexec sleep 60\n")
    slow.chmod(0o755)
    code = (
        "import sys\nfrom pathlib import Path\nfrom green_logic.publish.export import export_battles\n"
        "from green_logic.settings import Settings\n"
        "sys.executable = sys.argv[2]\nexport_battles(Settings(data_dir=Path(sys.argv[1])))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, recorded.data_dir, slow]) as process:
        while not (pids := [path for path in tmp_path.glob("pid.*") if path.read_text().strip()]):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    orphans = [int(path.read_text()) for path in pids]
    with pytest.raises(StorageError, match="has held this lock"):
        export_battles(recorded.changed(busy_timeout_s=0.2))
    assert published_files(recorded) == []
    for path in tmp_path.glob("pid.*"):
        os.kill(int(path.read_text()), signal.SIGKILL)
    assert orphans
    assert export_battles(recorded).rows == ROWS


@pytest.mark.parametrize(("parent", "code"), [(os.getpid(), 0), (os.getppid(), 1)], ids=["alive", "gone"])
def test_a_writer_whose_parent_is_gone_stops(recorded: Settings, tmp_path: Path, parent: int, code: int) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    request = json.dumps({"range": {"number": 0, "after": 0, "last": ROWS}, "ending": ""})
    arguments = [recorded.database, spool, str(parent)]
    command = [sys.executable, "-m", "green_logic.publish.range_process", *arguments]
    done = subprocess.run(command, input=request + "\n", capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert bool(done.stdout) == (not code)
    assert len(list(spool.iterdir())) == (not code)
