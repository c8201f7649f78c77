"""Deep recursion, large results, big integers and many small calls."""
# ruff: noqa

import sys
from functools import cache


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


def endless(n):
    return endless(n + 1)


@cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def primes(limit):
    sieve = bytearray([1]) * (limit + 1)
    sieve[:2] = b"\0\0"
    for n in range(2, int(limit**0.5) + 1):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(range(n * n, limit + 1, n)))
    return [n for n in range(limit + 1) if sieve[n]]


def nested(levels):
    found = []
    for _ in range(levels):
        found = [found]
    return found


def permutations(items):
    if len(items) < 2:
        yield list(items)
        return
    for place, item in enumerate(items):
        for rest in permutations(items[:place] + items[place + 1 :]):
            yield [item, *rest]


def flood_fill(grid, row, column, colour):
    old = grid[row][column]
    if old == colour:
        return grid
    grid[row][column] = colour
    for r, c in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
        if 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r][c] == old:
            flood_fill(grid, r, c, colour)
    return grid


def solve(board):
    spots = [(r, c) for r in range(9) for c in range(9) if not board[r][c]]
    if not spots:
        return True
    r, c = spots[0]
    used = {*board[r], *(row[c] for row in board)}
    used |= {board[i][j] for i in range(r // 3 * 3, r // 3 * 3 + 3) for j in range(c // 3 * 3, c // 3 * 3 + 3)}
    for n in range(1, 10):
        if n not in used:
            board[r][c] = n
            if solve(board):
                return True
    board[r][c] = 0
    return False


def text(size):
    return "ab" * size


# ---- hidden tests ----

import pytest
from solution import depth, endless, fib, flood_fill, nested, permutations, primes, solve, text


def test_depth():
    assert depth(500) == 500
    with pytest.raises(RecursionError):
        endless(0)
    assert depth(10) == 10


def test_big_numbers():
    assert (
        fib(300)
        == 222232244629420445529739893505090668576131834034498464834404
        - 222232244629420445529739893505090668576131834034498464834404
        + fib(299)
        + fib(298)
    )
    assert fib(300) > 2**200 and (fib(200) ** 5) % 97 == pow(fib(200), 5, 97) and fib(90) == 2880067194370816120


def test_large_results():
    found = primes(100_000)
    assert len(found) == 9592 and found[-1] == 99991 and sum(found[:10]) == 129
    assert len(text(1_000_000)) == 2_000_000


def test_large_arguments():
    grid = [[0] * 40 for _ in range(10)]
    assert flood_fill(grid, 0, 0, 7) is grid and all(cell == 7 for row in grid for cell in row)


def test_nested():
    found, levels = nested(50), 0
    while found:
        found, levels = found[0], levels + 1
    assert levels == 50 and nested(0) == []


def test_permutations():
    assert list(permutations([1, 2, 3])) == [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]]
    assert sum(1 for _ in permutations(list("abcde"))) == 120


def test_many_calls():
    assert [fib(n % 50) for n in range(2000)][49] == 7778742049


def test_sudoku():
    rows = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
    board = [[int(rows[9 * r + c]) for c in range(9)] for r in range(9)]
    assert solve(board) and all(sorted(row) == list(range(1, 10)) for row in board)
    assert board[0] == [5, 3, 4, 6, 7, 8, 9, 1, 2]
