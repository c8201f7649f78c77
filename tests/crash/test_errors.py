"""The file system fails at any call: the ledger says so or succeeds, and never acknowledges what is not there."""

from __future__ import annotations

import os
import shutil

import pytest

from green_logic.settings import Settings

SMALL = [["b-1", "b-2"]]
LARGE = [["a-1"], [f"b-{number}" for number in range(17)]]  # the second is made durable by one syncfs

pytestmark = pytest.mark.usefixtures("strace")


def fail_at(name, number, error):
    return ["-o", os.devnull, "-e", f"trace={name}", "-e", f"inject={name}:error={error}:when={number}"]


def check_honest(outcome, where):
    assert outcome.status == 0, (where, outcome)
    # SQLite takes EIO from a read for a damaged file system, and reports a damaged database (SQLITE_IOERR_CORRUPTFS)
    honest = {"storage", "verification"} if where[0] == "pread64" else {"storage"}
    assert outcome.done or outcome.error in honest, (where, outcome)


@pytest.mark.parametrize(
    ("error", "lasting"), [("EIO", ""), ("ENOSPC", "+")], ids=["one input/output error", "a full disk from then on"]
)
@pytest.mark.parametrize("groups", [SMALL, LARGE], ids=["small", "large"])
def test_an_error_at_any_call_is_told_and_loses_nothing(forge, tmp_path, groups, error, lasting):
    counts = forge.count_calls(Settings(data_dir=tmp_path / "counted"), groups)
    told = 0
    calls = forge.choose_calls(counts, per_name=4, reading=error == "EIO")
    for name, number in calls:
        settings = Settings(data_dir=tmp_path / f"{name}-{number}")
        outcome = forge.run(settings, groups, strace=fail_at(name, f"{number}{lasting}", error))
        check_honest(outcome, (name, number))
        told += bool(outcome.error)
        if settings.data_dir.exists():
            forge.check(settings, outcome, groups)
            shutil.rmtree(settings.data_dir)
    assert told
    forge.tell(
        f"{error}{lasting} at {len(calls)} calls: {told} told, {len(calls) - told} without effect; {dict(counts)}"
    )


def test_the_check_sees_an_error_that_was_swallowed(forge, tmp_path):
    variant = "acknowledged in spite of an error"
    counts = forge.count_calls(Settings(data_dir=tmp_path / "counted"), SMALL)
    for number in range(counts["write"], 0, -1):
        settings = Settings(data_dir=tmp_path / f"write-{number}")
        outcome = forge.run(settings, SMALL, variant=variant, strace=fail_at("write", number, "ENOSPC"))
        if not settings.dboms.exists():
            continue
        try:
            forge.check(settings, outcome, SMALL)
        except AssertionError:
            return
    pytest.fail("the check saw nothing")
