"""Objects as keys and members: __hash__ and __eq__ in dicts, sets and lists on both sides."""
# ruff: noqa

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Position:
    x: int
    y: int

    def neighbours(self):
        return {Position(self.x + dx, self.y + dy) for dx, dy in ((0, 1), (1, 0), (0, -1), (-1, 0))}


class Name:
    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Name) and self.text.casefold() == other.text.casefold()

    def __hash__(self):
        return hash(self.text.casefold())


class Grid:
    def __init__(self):
        self._cells = {}

    def __setitem__(self, position, value):
        self._cells[position] = value

    def __getitem__(self, position):
        return self._cells[position]

    def __delitem__(self, position):
        del self._cells[position]

    def __contains__(self, position):
        return position in self._cells

    def __iter__(self):
        return iter(self._cells)

    def __len__(self):
        return len(self._cells)

    def cells(self):
        return self._cells


def reachable(start, walls, steps):
    seen, edge = {start}, {start}
    for _ in range(steps):
        edge = {p for q in edge for p in q.neighbours()} - seen - walls
        seen |= edge
    return seen


def count(names):
    return Counter(names)


def index(names):
    found = defaultdict(list)
    for place, name in enumerate(names):
        found[name].append(place)
    return dict(found)


def unique(items):
    return list(dict.fromkeys(items))


def group(items, key):
    found = {}
    for item in items:
        found.setdefault(key(item), set()).add(item)
    return found


class Node:
    def __init__(self, item):
        self.item = item

    def __eq__(self, other):
        return isinstance(other, Node) and self.item == other.item

    def __hash__(self):
        return hash(self.item)


def wrap(items):
    return [Node(item) for item in items]


# ---- hidden tests ----

import pytest
from solution import Grid, Name, Position, count, group, index, reachable, unique, wrap


def test_equal_objects_are_one_key():
    assert len({Position(1, 2), Position(1, 2)}) == 1 and Position(1, 2) in {Position(1, 2): "x"}
    assert hash(Position(1, 2)) == hash(Position(1, 2)) and Position(1, 2) != Position(2, 1)
    assert Position(0, 0).neighbours() == {Position(0, 1), Position(1, 0), Position(0, -1), Position(-1, 0)}


def test_sets_of_objects():
    found = reachable(Position(0, 0), {Position(1, 0)}, 1)
    assert found == {Position(0, 0), Position(0, 1), Position(0, -1), Position(-1, 0)}
    assert Position(1, 0) not in found and found - {Position(0, 0)} < found
    assert len(reachable(Position(0, 0), set(), 3)) == 25


def test_folded_names():
    names = [Name("Ada"), Name("ADA"), Name("bob")]
    assert names[0] == names[1] and len(set(names)) == 2 and names.index(Name("BOB")) == 2
    assert [name.text for name in unique(names)] == ["Ada", "bob"]
    counted = count(names)
    assert counted[Name("ada")] == 2 and sum(counted.values()) == 3
    assert index(names)[Name("ada")] == [0, 1]


def test_grid():
    grid = Grid()
    grid[Position(1, 1)] = "#"
    grid[Position(1, 1)] = "."
    assert grid[Position(1, 1)] == "." and Position(1, 1) in grid and len(grid) == 1 and list(grid) == [Position(1, 1)]
    assert grid.cells() == {Position(1, 1): "."}
    with pytest.raises(KeyError):
        grid[Position(0, 0)]
    del grid[Position(1, 1)]
    assert not grid.cells() and len(grid) == 0


def test_plain_keys():
    grid = Grid()
    grid[0, 1] = "a"
    grid["x"] = "b"
    assert (0, 1) in grid and sorted(map(str, grid)) == ["(0, 1)", "x"] and grid.cells() == {(0, 1): "a", "x": "b"}


class Key:
    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return isinstance(other, Key) and self.number == other.number

    def __hash__(self):
        return hash(self.number)


def test_keys_of_the_tests():
    grid, first = Grid(), Key(1)
    grid[first] = "one"
    assert grid[Key(1)] == "one" and Key(2) not in grid and next(iter(grid)) is first
    assert unique([first, Key(1), Key(2)])[0] is first


def test_hashes_of_one_side_that_ask_the_other():
    nodes = wrap([Key(1), Key(2), Key(2)])
    assert len(nodes) == 3 and len(set(nodes)) == 2 and len(unique(nodes)) == 2


def test_groups():
    found = group([Position(x, x % 2) for x in range(4)], lambda position: position.y)
    assert found == {0: {Position(0, 0), Position(2, 0)}, 1: {Position(1, 1), Position(3, 1)}}
    with pytest.raises(TypeError, match="unhashable"):
        group([[1]], len)


def test_frozen():
    with pytest.raises(AttributeError):
        Position(1, 2).x = 3
