# ruff: noqa
import asyncio

import pytest
from solution import Stack, Timer, cached, check, fib, first, ratio, roman, table, transpose, visit


class Grid:
    """Cells in rows."""

    size: int = 2

    def __init__(self, cells: list) -> None:
        self.cells = cells

    def __eq__(self, other):
        return isinstance(other, Grid) and self.cells == other.cells

    def is_square(self):
        return len(self.cells) == len(self.cells[0])


class Probe:
    def __init__(self):
        self.calls = 0
        self.expected = None

    def __call__(self, n):
        self.calls += 1
        return 7 * n


def test_timed():
    with Timer():
        assert fib(10) == 55


def test_timed_async():
    async def main():
        async with Timer():
            assert fib(11) == 89

    with pytest.raises(KeyError):
        asyncio.run(main())
        check("")


def test_number():
    assert fib(10) == 55


@pytest.mark.parametrize(("n", "value"), [(0, 0), (1, 1), (20, 6765)])
def test_numbers(n, value):
    assert fib(n) == value


def test_reversed_comparison():
    assert 55 == fib(10)


def test_list():
    assert first(5) == [0, 1, 1, 2, 3]


def test_item():
    assert 21 in first(9) and first(9)[8] == 21


def test_approximately():
    assert ratio(20) == pytest.approx(1.618034, abs=1e-5)


def test_margin():
    assert abs(ratio(20) - 1.618034) < 1e-5


def test_text():
    assert roman(14) == "XIV"


def test_beginning():
    assert roman(14).startswith("XIV")


def test_dictionary():
    assert table(2) == {0: 0, 1: 1, 2: 1}


def test_callback():
    seen = []
    visit(4, seen.append)
    assert seen == [0, 1, 1, 2]


def test_error():
    with pytest.raises(ValueError, match="negative number -7"):
        check("-7")


def test_between():
    assert 54 < fib(10) < 56


class TestStack:
    def test_pop(self):
        stack = Stack()
        stack.push("a")
        stack.push("b")
        assert [stack.pop(), stack.pop()] == ["b", "a"]

    def test_size(self):
        stack = Stack()
        stack.push(None)
        assert stack.size() == 1


def test_grid():
    assert transpose(Grid([[1, 2], [3, 4]])) == Grid([[1, 3], [2, 4]])


def test_grid_stays():
    grid = Grid([[1, 2]])
    made = transpose(grid)
    assert not made.is_square() and made.cells == [[1], [2]] and made.size == 2
    assert type(made) is Grid and made is not grid


def test_called_once():
    probe = Probe()
    assert cached(probe, 6) == 42
    assert cached(probe, 6) == 42
    assert probe.calls == 1
