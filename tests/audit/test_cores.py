"""Work on all cores: the same answers in the same order, little of it ahead, and a killed process is an error."""

from __future__ import annotations

import math
import multiprocessing
import os
import subprocess

import pytest

from green_logic.audit.cores import AHEAD, all_cores
from green_logic.errors import RetryableError, VerificationError


def watched(pieces, taken):
    for piece in pieces:
        taken.append(piece)
        yield piece


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_answers_come_in_the_order_of_the_pieces(workers):
    with all_cores(workers) as spread:
        assert list(spread(math.factorial, range(40))) == [math.factorial(n) for n in range(40)]
        assert list(spread(math.factorial, [])) == []
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 2])
def test_few_pieces_are_ahead_of_whoever_takes_the_answers(workers):
    taken = []
    with all_cores(workers) as spread:
        answers = spread(math.factorial, watched(range(1000), taken))
        assert next(answers) == 1
        assert len(taken) <= workers * AHEAD + 1
        assert [next(answers) for _ in range(10)] == [math.factorial(n) for n in range(1, 11)]
        assert len(taken) <= workers * AHEAD + 11


@pytest.mark.parametrize("workers", [1, 2])
def test_every_process_is_told_what_it_needs_before_its_first_piece(workers, monkeypatch):
    monkeypatch.delenv("GREEN_LOGIC_TOLD", raising=False)
    with all_cores(workers, start=os.putenv, arguments=("GREEN_LOGIC_TOLD", "yes")) as spread:
        said = set(spread(_read, [["printenv", "GREEN_LOGIC_TOLD"]] * 4))
    os.unsetenv("GREEN_LOGIC_TOLD")
    assert said == {"yes\n"}


def _read(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _refuse(piece):
    raise VerificationError(f"piece {piece}", kind="archive", hint="look")


def test_an_error_of_a_piece_reaches_the_caller_whole():
    for workers in (1, 2):
        with all_cores(workers) as spread, pytest.raises(VerificationError, match="piece 7") as caught:
            list(spread(_refuse, [7, 8]))
        assert (caught.value.kind, caught.value.hint) == ("archive", "look")
    assert not multiprocessing.active_children()


def test_a_killed_process_is_an_error_that_says_what_to_do():
    with pytest.raises(RetryableError, match="killed") as caught, all_cores(2) as spread:
        list(spread(os._exit, [9] * 8))
    assert "GREEN_LOGIC_WORKERS=1" in caught.value.hint
    assert not multiprocessing.active_children()
