"""Parquet files that a stranger prepared: few bytes that fill gigabytes, and what ends the process that reads them."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from green_logic.audit import apart
from green_logic.audit.apart import ROOM, TOO_LARGE, read_apart
from green_logic.audit.export_target import audit_export
from green_logic.audit.ledger import audit_ledger
from green_logic.audit.report import Extent
from green_logic.errors import RetryableError
from green_logic.publish.columns import SCHEMA
from green_logic.publish.inventory import file_digest
from green_logic.publish.manifest import manifest_bytes

MEGABYTE = 1 << 20


def bomb(path, table, column):
    """A file under the contract's schema of whose column each row has the same megabyte, which stands there once."""
    rows = 400
    many = pa.concat_tables([table] * (1 + rows // len(table))).slice(0, rows)
    many = many.set_column(0, SCHEMA.field("id"), pa.array(range(1, rows + 1), pa.int64()))
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * MEGABYTE]))
    many = many.set_column(SCHEMA.get_field_index(column), SCHEMA.field(column), text.cast(pa.string()))
    pq.write_table(many, path, compression="zstd", dictionary_pagesize_limit=1 << 30)
    assert path.stat().st_size < MEGABYTE


@pytest.fixture
def table(published):
    return pq.read_table(published.path(published.names("exports")[-1]), partitioning=None)


def run_watched(command):
    """Output of a command, its exit code, and the most memory that one of its processes had, in bytes."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, start_new_session=True)
    most = 0
    while process.poll() is None:
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended
                if os.getsid(int(folder.name)) == process.pid:
                    peak = (folder / "status").read_text().split("VmHWM:")[1].split()[0]
                    most = max(most, int(peak) << 10)
        time.sleep(0.01)
    return process.stdout.read(), process.returncode, most


@pytest.mark.parametrize("column", ["sigma_judge", "raw_result"])
def test_what_unpacks_to_gigabytes_is_a_finding_and_takes_no_gigabytes(published, table, tmp_path, column):
    path = tmp_path / "battles.parquet"
    bomb(path, table, column)
    command = [Path(sys.executable).with_name("green-logic"), "verify", "--json", path]
    told, code, most = run_watched([*command, "--key", published.path("judge.pub")])
    (finding,) = json.loads(told)["targets"][0]["findings"]
    assert (code, finding["kind"], finding["examples"][0]["message"]) == (1, "export", TOO_LARGE)
    assert 50 * MEGABYTE < most < ROOM + 300 * MEGABYTE


def test_a_bomb_in_an_export_is_named_and_the_other_files_are_still_looked_at(published, table):
    books, root = published.books, published.path("exports/battles")
    name = published.names("exports")[-1]
    bomb(published.path(name), table, "sigma_judge")
    describe(published, name)
    for tally in (
        audit_export(root, books.keys).tally,
        audit_ledger(books.settings, books.keys, [books.pin], extent=Extent("rows")).tally,
    ):
        assert dict(tally.counts) == {"export": 1}
        finding = tally.first()
        assert (finding.where, finding.message) == (name.removeprefix("exports/battles/v1/"), TOO_LARGE)


def describe(published, name):
    """Size and digest of a file put into the manifest that names it, as a forger would."""
    path = published.path(name)
    for other in published.names("exports"):
        manifest = published.path(other)
        if other.endswith(".json") and path.name in manifest.read_text():
            content = json.loads(manifest.read_text())
            (file,) = [one for one in content["files"] if one["path"].endswith(path.name)]
            file |= {"bytes": path.stat().st_size, "sha256": file_digest(path)}
            manifest.write_bytes(manifest_bytes(content))


def exit_or_count(piece):
    return os._exit(9) if piece < 0 else math.factorial(piece)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_ends_its_process_has_no_answer_and_all_others_have_theirs(workers):
    jobs = [-1, 3, 4]
    found = list(read_apart(exit_or_count, jobs, workers))
    assert found == [(job, None if job < 0 else math.factorial(job)) for job in jobs]
    assert list(read_apart(exit_or_count, [], workers)) == []
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 2])
def test_no_file_is_blamed_where_no_process_can_be_started(monkeypatch, workers):
    monkeypatch.setattr(apart, "_bound_memory", sys.exit)  # what a child does before its first job
    with pytest.raises(RetryableError, match="cannot be started") as caught:
        list(read_apart(exit_or_count, [3], workers))
    assert "__main__" in caught.value.hint
    assert not multiprocessing.active_children()


def need(megabytes):
    try:
        return len(bytearray(megabytes << 20))
    except MemoryError:
        return TOO_LARGE


def test_a_process_that_reads_apart_has_its_room_and_no_more():
    most = ROOM >> 20
    answers = [answer for _, answer in read_apart(need, [most // 2, most + 1, 1], 1)]
    assert answers == [most // 2 << 20, TOO_LARGE, 1 << 20]
    assert need(most + 1) == most + 1 << 20, "this process is bound by nothing"
