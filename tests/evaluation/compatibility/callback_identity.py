"""What was handed over comes back as itself."""
# ruff: noqa


class Registry:
    def __init__(self):
        self.items = {}

    def add(self, name, value):
        self.items[name] = value
        return value

    def get(self, name):
        return self.items.get(name)

    def same(self, a, b):
        return a is b

    def remove(self, value):
        self.items = {k: v for k, v in self.items.items() if v is not value}

    def values(self):
        return list(self.items.values())


def identity(x):
    return x


# ---- hidden tests ----

from solution import Registry, identity


class Thing:
    pass


def test_object():
    thing, registry = Thing(), Registry()
    assert registry.add("a", thing) is thing and registry.get("a") is thing


def test_function():
    def f():
        pass

    assert identity(f) is f


def test_inside():
    thing, registry = Thing(), Registry()
    registry.add("a", thing)
    registry.add("b", Thing())
    assert registry.same(thing, thing) and not registry.same(thing, Thing())
    registry.remove(thing)
    assert registry.get("a") is None and thing not in registry.values() and len(registry.values()) == 1


def test_own_objects():
    registry = Registry()
    assert identity(registry) is registry


def test_none_and_text():
    assert identity(None) is None


def test_list():
    items = [1]
    assert identity(items) is items
