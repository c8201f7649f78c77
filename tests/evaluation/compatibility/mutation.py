"""Lists, dicts, sets and bytearrays that are passed in are changed in place, nested ones too."""
# ruff: noqa


def sort(items):
    items.sort()


def rotate(grid):
    grid[:] = [list(row) for row in zip(*grid[::-1])]


def bump(grid):
    for row in grid:
        for i in range(len(row)):
            row[i] += 1


def tally(counts, word):
    counts[word] = counts.get(word, 0) + 1
    return counts


def drop(names, name):
    names.discard(name)


def shout(raw):
    raw[:] = raw.upper()


def extend(target, *more):
    for items in more:
        target.extend(items)
        items.clear()


class Inventory:
    def __init__(self, stock):
        self.stock = stock

    def sell(self, name):
        self.stock[name] -= 1

    def all(self):
        return self.stock


# ---- hidden tests ----

from solution import Inventory, bump, drop, extend, rotate, shout, sort, tally


def test_list():
    items = [3, 1, 2]
    assert sort(items) is None and items == [1, 2, 3]


def test_grid():
    grid = [[1, 2], [3, 4]]
    rotate(grid)
    assert grid == [[3, 1], [4, 2]]


def test_inner():
    row = [1, 2]
    grid = [row, [3]]
    bump(grid)
    assert row == [2, 3] and grid == [[2, 3], [4]] and grid[0] is row


def test_dict():
    counts = {}
    assert tally(counts, "a") is counts and tally(counts, "a") == {"a": 2} and counts == {"a": 2}


def test_set():
    names = {"a", "b"}
    drop(names, "a")
    assert names == {"b"}


def test_bytes():
    raw = bytearray(b"abc")
    shout(raw)
    assert raw == b"ABC"


def test_several():
    a, b, c = [1], [2], [3]
    extend(a, b, c)
    assert (a, b, c) == ([1, 2, 3], [], [])


def test_kept():
    stock = {"x": 2}
    inventory = Inventory(stock)
    inventory.sell("x")
    assert stock == {"x": 1}
    stock["y"] = 5
    assert inventory.all() == {"x": 1, "y": 5} and inventory.all() is stock


def test_default():
    assert Inventory([1]).all() == [1]
