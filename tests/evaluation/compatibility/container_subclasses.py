"""Subclasses of list, dict, set, str and int: own methods, plain comparison."""
# ruff: noqa


class Stack(list):
    def push(self, item):
        self.append(item)

    def peek(self):
        return self[-1]


class CaseInsensitive(dict):
    def __setitem__(self, key, value):
        super().__setitem__(key.lower(), value)

    def __getitem__(self, key):
        return super().__getitem__(key.lower())


class Tags(set):
    def joined(self):
        return ",".join(sorted(self))


class Slug(str):
    @property
    def words(self):
        return self.split("-")


class Money(int):
    def __new__(cls, value):
        return super().__new__(cls, value)

    def pretty(self):
        return f"${int(self)}"


def slug(text):
    return Slug(text.lower().replace(" ", "-"))


# ---- hidden tests ----

from solution import CaseInsensitive, Money, Slug, Stack, Tags, slug


def test_list():
    s = Stack([1])
    s.push(2)
    assert (
        s == [1, 2]
        and s.peek() == 2
        and len(s) == 2
        and list(s) == [1, 2]
        and s[0] == 1
        and isinstance(s, list)
        and isinstance(s, Stack)
    )
    s.append(3)
    assert s.pop() == 3 and [1, 2] == s and s != [1] and 2 in s


def test_dict():
    d = CaseInsensitive()
    d["A"] = 1
    assert (
        d["a"] == 1
        and d["A"] == 1
        and d == {"a": 1}
        and "a" in d
        and list(d) == ["a"]
        and dict(d.items()) == {"a": 1}
        and isinstance(d, dict)
    )


def test_set():
    assert Tags({"b", "a"}).joined() == "a,b" and Tags({"a"}) == {"a"}


def test_str():
    assert (
        slug("A b") == "a-b"
        and slug("A b").words == ["a", "b"]
        and isinstance(slug("x"), str)
        and slug("x").startswith("x")
        and f"{slug('x')}!" == "x!"
    )


def test_int():
    assert (
        Money(3) == 3
        and Money(3).pretty() == "$3"
        and Money(3) + Money(4) == 7
        and Money(5) > 4
        and isinstance(Money(1), Money)
    )
