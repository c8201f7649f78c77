"""Untrusted records become a run, or a crash, and never an exception."""

from __future__ import annotations

import json
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.evaluation.testrun import RECORD_BYTES, Ending, Limits, TestRun, parse_run

EXITED = Ending("exited", 0, 0.1, 0.1)
TEST = {"test": "test_a", "outcome": "passed", "message": ""}
END = {"end": "finished", "detail": ""}


def parse(*records: object, ending: Ending = EXITED) -> TestRun:
    return parse_run(ending, "".join(json.dumps(record) + "\n" for record in records).encode(), b"", Limits(), {})


def test_tests_and_an_end_are_a_finished_run() -> None:
    run = parse(TEST, {"test": "test_b", "outcome": "failed", "message": "assert 1 == 2"}, END)
    assert (run.ended, [(o.name, o.outcome) for o in run.outcomes]) == (
        "finished",
        [("test_a", "passed"), ("test_b", "failed")],
    )


@pytest.mark.parametrize(
    "records",
    [
        [],
        [TEST],
        [TEST, END, END],
        [END, TEST],
        [[]],
        [None],
        [{**TEST, "extra": "x"}, END],
        [{**TEST, "outcome": "PASSED"}, END],
        [{**TEST, "message": 1}, END],
        [{"test": "test_a"}, END],
        [TEST, {"end": "timeout", "detail": ""}],
        [TEST, {"end": "finished"}],
    ],
)
def test_records_out_of_form_are_a_crash(records: list[object]) -> None:
    assert parse(*records).ended == "crashed"


@pytest.mark.parametrize(
    "results", [b"\xff\n", b"{\n", b"[" * 100_000 + b"\n", b'{"end": "finished", "detail": ""}', b"NaN\n"]
)
def test_garbage_is_a_crash(results: bytes) -> None:
    assert parse_run(EXITED, results, b"", Limits(), {}).ended == "crashed"


@pytest.mark.parametrize("reason", ["timeout", "output_limit", "results_limit", "disk_limit", "memory_limit"])
def test_what_the_supervisor_saw_comes_before_what_the_guest_says(reason: str) -> None:
    assert parse(TEST, END, ending=Ending(reason, -9, 1, 1)).ended != "finished"


@pytest.mark.parametrize("code", [1, -signal.SIGKILL, -signal.SIGSEGV, -64, 255])
def test_an_end_said_before_a_crash_does_not_count(code: int) -> None:
    assert parse(TEST, END, ending=Ending("exited", code, 1, 1)).ended == "crashed"


def test_a_test_reported_twice_keeps_its_worst_outcome() -> None:
    failed = {**TEST, "outcome": "failed", "message": "no"}
    for records in ([TEST, failed], [failed, TEST]):
        assert [outcome.outcome for outcome in parse(*records, END).outcomes] == ["failed"]


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(-70, 256))
def test_no_bytes_raise(results: bytes, output: bytes, code: int) -> None:
    run = parse_run(Ending("exited", code, 0.1, 0.1), results, output, Limits(), {"/x": "/box"})
    assert run.ended in {"crashed", "timeout"}


@given(st.text(max_size=2000), st.text(max_size=2000))
def test_texts_become_short_and_printable(name: str, message: str) -> None:
    run = parse({"test": name, "outcome": "failed", "message": message}, {"end": "finished", "detail": message})
    (outcome,) = run.outcomes
    for text, size in ((outcome.name, 500), (outcome.message, 300), (run.detail, 300)):
        assert text == "" or text.isprintable()
        assert len(text) <= size


@pytest.mark.parametrize(("count", "ended"), [(9, "finished"), (10, "crashed"), (5000, "crashed")])
def test_more_results_than_there_may_be_are_not_read(count: int, ended: str) -> None:
    lines = [json.dumps({**TEST, "test": f"test_{number}"}) for number in range(count)]
    written = "\n".join([*lines, json.dumps(END), ""]).encode()
    run = parse_run(EXITED, written, b"", Limits(), {}, records=10)
    assert (run.ended, len(run.outcomes)) == (ended, min(count, 10))
    assert ended == "finished" or run.detail == "more than 10 results, or very long ones"


def test_results_longer_than_any_honest_ones_are_not_read() -> None:
    written = b'{"test": "test_a", "outcome": "passed", "message": "' + b"x" * 10 * RECORD_BYTES + b'"}\n'
    run = parse_run(EXITED, written, b"", Limits(), {}, records=10)
    assert (run.ended, run.outcomes) == ("crashed", ())
    assert parse_run(EXITED, written, b"", Limits(), {}, records=11).outcomes[0].message == "x" * 299 + "…"


def test_a_message_is_cut_after_what_differs_between_runs_was_replaced() -> None:
    run = parse({**TEST, "message": "0x7fffffff1234 " * 500}, END)
    assert run.outcomes[0].message == ("0x… " * 500)[:299] + "…"
