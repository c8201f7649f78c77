"""Lists that come beside objects whose class, or whose hash, is asked for while the answer is read."""
# ruff: noqa


class P:
    pass


class Q:
    pass


class K:
    def __hash__(self):
        return 5

    def __eq__(self, other):
        return self is other


def get():
    return (P(), [1, 2], Q(), {3: [4]})


def sets():
    return ({K()}, [5], {K(): [6]})


def total(items):
    return sum(items)


def push(items):
    items.append(1)


# ---- hidden tests ----
from solution import get, sets, total, push


def test_a():
    p, items, q, more = get()
    assert total(items) == 3 and total(more[3]) == 4
    push(items)
    assert items == [1, 2, 1] and total(items) == 4


def test_b():
    one, items, two = sets()
    assert total(items) == 5 and total(next(iter(two.values()))) == 6 and len(one) == 1
    push(items)
    assert items == [5, 1]


def test_c():
    class Key:
        def __hash__(self):
            return 7

        def __eq__(self, other):
            return self is other

    items = [1]
    assert total([*{Key(): 1}.values()]) == 1
    push(items)
    assert items == [1, 1]
