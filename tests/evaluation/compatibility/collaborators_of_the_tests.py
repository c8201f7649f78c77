"""Commands, observers, entities, steps and nodes of the tests, as solutions go about them."""
# ruff: noqa

import inspect, json, functools, collections


class Pipeline:
    def __init__(self, steps):
        self.steps = steps

    def run(self, x):
        for s in self.steps:
            if not hasattr(s, "process"):
                raise TypeError(f"{type(s).__name__} has no process")
            x = s.process(x)
        return x


def commands(obj):
    out = {}
    for name, m in inspect.getmembers(obj, inspect.ismethod):
        if not name.startswith("_"):
            out[name] = (inspect.getdoc(m), [p.name for p in inspect.signature(m).parameters.values()])
    return out


def dispatch(obj, line):
    name, *args = line.split()
    m = getattr(obj, "do_" + name, None)
    if m is None:
        raise LookupError(name)
    return m(*args)


class History:
    def __init__(self):
        self.done = []

    def execute(self, c):
        r = c.execute()
        self.done.append(c)
        return r

    def undo(self):
        self.done.pop().undo()


def slots(o):
    return {n: getattr(o, n) for n in type(o).__slots__}


class Repo:
    def __init__(self):
        self.rows = {}
        self.next = 1

    def save(self, e):
        if getattr(e, "id", None) is None:
            e.id = self.next
            self.next += 1
        self.rows[e.id] = e
        return e

    def find(self, pred):
        return [e for e in self.rows.values() if pred(e)]


class Subject:
    def __init__(self):
        self.obs = set()

    def attach(self, o):
        self.obs.add(o)

    def detach(self, o):
        self.obs.discard(o)

    def notify(self, *a):
        for o in sorted(self.obs, key=lambda o: o.__class__.__name__):
            o.update(self, *a)


def order(items, key):
    return sorted(items, key=key)


def merge(a, b):
    if type(a) is not type(b):
        raise TypeError(f"cannot merge {type(a).__name__} and {type(b).__name__}")
    return type(a)(**{**vars(a), **vars(b)})


def diff(a, b):
    return {k: (v, vars(b)[k]) for k, v in vars(a).items() if vars(b)[k] != v}


def schema(cls):
    return {k: v.__name__ for k, v in cls.__annotations__.items()}


def check_types(o):
    return [k for k, t in type(o).__annotations__.items() if not isinstance(getattr(o, k), t)]


def make(cls, data):
    return cls(**{k: v for k, v in data.items() if k in inspect.signature(cls).parameters})


def proxy(o):
    class P:
        def __init__(self, t):
            self._t = t
            self.calls = []

        def __getattr__(self, n):
            a = getattr(self._t, n)
            if callable(a):

                def w(*x):
                    self.calls.append(n)
                    return a(*x)

                return w
            return a

    return P(o)


def validate(cls):
    return all(callable(getattr(cls, n, None)) for n in ("load", "save"))


class Injector:
    def __init__(self):
        self.b = {}

    def bind(self, k, v):
        self.b[k] = v

    def call(self, f):
        return f(**{n: self.b[p.annotation] for n, p in inspect.signature(f).parameters.items()})


def cache_by_type(f):
    c = {}

    def w(o):
        if type(o) not in c:
            c[type(o)] = f(o)
        return c[type(o)]

    return w


def tree(n, depth=0):
    return "\n".join(["  " * depth + n.name] + [tree(c, depth + 1) for c in n.children])


def count_types(xs):
    return dict(collections.Counter(type(x).__name__ for x in xs))


def compare(a, b):
    return a == b, a != b, a is b, a < b if hasattr(type(a), "__lt__") else None


def retry(obj, n):
    for i in range(n):
        try:
            return obj.attempt()
        except type(obj).Retry as e:
            last = e
    raise last


def ensure(cls, *a):
    try:
        return cls(*a), None
    except cls.Invalid as e:
        return None, str(e)


# ---- hidden tests ----
import unittest, dataclasses, functools, pytest
import solution as s


class Upper:
    def process(self, x):
        return x.upper()


class Nope:
    pass


class Shell:
    def do_add(self, a, b):
        """Adds."""
        return int(a) + int(b)

    def do_quit(self):
        "Ends."
        return None


class Add:
    def __init__(self, l, x):
        self.l, self.x = l, x

    def execute(self):
        self.l.append(self.x)

    def undo(self):
        self.l.remove(self.x)


class Sl:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, 2


@dataclasses.dataclass
class User:
    name: str
    age: int = 0
    id: int | None = None


class Obs:
    def __init__(self):
        self.seen = []

    def update(self, subject, *a):
        self.seen.append((subject, a))


@functools.total_ordering
class V:
    def __init__(self, n):
        self.n = n

    def __eq__(self, o):
        return self.n == o.n

    def __lt__(self, o):
        return self.n < o.n

    def __hash__(self):
        return hash(self.n)


class Node:
    def __init__(self, name, *children):
        self.name, self.children = name, list(children)


class Job:
    class Retry(Exception):
        pass

    class Invalid(ValueError):
        pass

    def __init__(self, fails=0):
        if fails < 0:
            raise self.Invalid(f"bad {fails}")
        self.left = fails

    def attempt(self):
        if self.left:
            self.left -= 1
            raise self.Retry(self.left)
        return "ok"


class Store:
    def load(self): ...
    @classmethod
    def save(cls): ...


@pytest.fixture
def user():
    return User("ann", 3)


class TestGroup:
    def setup_method(self):
        self.u = User("x")

    def test_merge(self):
        assert s.merge(self.u, User("y", 4)) == User("y", 4) and self.u == User("x")

    def test_bad(self):
        with pytest.raises(TypeError, match="cannot merge User and V"):
            s.merge(self.u, V(1))


class Case(unittest.TestCase):
    def setUp(self):
        self.r = s.Repo()

    def update(self, subject, *a):
        self.got = a

    def test_save(self):
        u = self.r.save(User("a"))
        self.assertEqual(u.id, 1)
        self.assertIs(self.r.save(u), u)
        self.assertEqual(self.r.save(User("b")).id, 2)
        self.assertEqual(self.r.find(lambda e: e.name == "b"), [User("b", 0, 2)])

    def test_self(self):
        x = s.Subject()
        x.attach(self)
        x.notify(5)
        self.assertEqual(self.got, (5,))


def test_pipe():
    assert s.Pipeline([Upper()]).run("a") == "A"
    with pytest.raises(TypeError, match="Nope has no process"):
        s.Pipeline([Nope()]).run("a")


def test_cmds():
    assert s.commands(Shell()) == {"do_add": ("Adds.", ["a", "b"]), "do_quit": ("Ends.", [])}


def test_disp():
    assert s.dispatch(Shell(), "add 1 2") == 3
    with pytest.raises(LookupError):
        s.dispatch(Shell(), "x")


def test_hist():
    h, l = s.History(), []
    h.execute(Add(l, 1))
    h.execute(Add(l, 2))
    h.undo()
    assert l == [1]


def test_slots():
    assert s.slots(Sl()) == {"a": 1, "b": 2}


def test_obs():
    x, o = s.Subject(), Obs()
    x.attach(o)
    x.attach(o)
    x.notify(1)
    x.detach(o)
    x.notify(2)
    assert o.seen == [(x, (1,))]


def test_order():
    assert [v.n for v in s.order([V(2), V(1)], key=lambda v: v)] == [1, 2]


def test_diff(user):
    assert s.diff(user, User("bob", 3)) == {"name": ("ann", "bob")}


def test_types():
    assert s.check_types(User("a", "x", None)) == ["age"]


def test_make():
    assert s.make(User, {"name": "q", "zzz": 3}) == User("q")


def test_proxy():
    p = s.proxy(Upper())
    assert p.process("a") == "A" and p.calls == ["process"]


def test_validate():
    assert s.validate(Store) and not s.validate(Node)


def test_inject():
    i = s.Injector()
    u = User("i")
    i.bind(User, u)

    def f(x: User):
        return x

    assert i.call(f) is u


def test_cbt():
    n = []
    f = s.cache_by_type(lambda o: n.append(o) or len(n))
    assert (f(V(1)), f(V(2)), f(User("a")), f(V(3))) == (1, 1, 2, 1)


def test_tree():
    assert s.tree(Node("a", Node("b", Node("c")), Node("d"))) == "a\n  b\n    c\n  d"


def test_count():
    assert s.count_types([V(1), V(2), Node("a"), 3]) == {"V": 2, "Node": 1, "int": 1}


def test_compare():
    assert s.compare(V(1), V(1)) == (True, False, False, False)


def test_retry():
    assert s.retry(Job(2), 3) == "ok"
    with pytest.raises(Job.Retry):
        s.retry(Job(3), 3)


def test_ensure():
    assert s.ensure(Job, -1) == (None, "bad -1") and type(s.ensure(Job)[0]) is Job
