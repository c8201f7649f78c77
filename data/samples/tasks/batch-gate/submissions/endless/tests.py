import pytest

from solution import BatchGate


def test_full_batch():
    seen = []
    gate = BatchGate(2, seen.append)
    gate.add(1)
    assert gate.pending() == 1
    gate.add(2)
    assert seen == [[1, 2]]
    assert gate.pending() == 0


def test_size():
    with pytest.raises(ValueError):
        BatchGate(0, print)
    seen = []
    BatchGate(1, seen.append).add("x")
    assert seen == [["x"]]
