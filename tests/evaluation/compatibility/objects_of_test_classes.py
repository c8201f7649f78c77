"""Enumerations, tuples, dataclasses, handlers and methods of the tests in a solution's hands."""
# ruff: noqa

import abc, asyncio, collections, copy, dataclasses, enum, functools, inspect, json, typing, weakref


def isinst(o, c):
    return isinstance(o, c)


def attr(o, n):
    return getattr(o, n)


def setter(o, n, v):
    setattr(o, n, v)


def to_json(o):
    def default(x):
        if isinstance(x, enum.Enum):
            return x.value
        if dataclasses.is_dataclass(x):
            return dataclasses.asdict(x)
        if hasattr(x, "__dict__"):
            return vars(x)
        raise TypeError(type(x))

    return json.dumps(o, default=default, sort_keys=True)


def is_enum(o):
    return isinstance(o, enum.Enum), issubclass(type(o), enum.Enum), isinstance(o, int), isinstance(o, str)


def plus(a, b):
    return a + b


def or_(a, b):
    return a | b


def members(e):
    return list(e)


def lookup(e, v):
    return e(v)


def try_lookup(e, v):
    try:
        return e(v)
    except ValueError as x:
        return str(x)


def abstract(c):
    return inspect.isabstract(c)


def sub(a, b):
    return issubclass(a, b)


def from_dict(cls, data):
    hints = typing.get_type_hints(cls)
    out = {}
    for f in dataclasses.fields(cls):
        if f.name not in data:
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
                raise KeyError(f.name)
            continue
        t, v = hints[f.name], data[f.name]
        if typing.get_origin(t) in (typing.Union, __import__("types").UnionType):
            t = [a for a in typing.get_args(t) if a is not type(None)][0] if v is not None else None
        if t is None:
            pass
        elif dataclasses.is_dataclass(t):
            v = from_dict(t, v)
        elif typing.get_origin(t) is list:
            v = [
                from_dict(typing.get_args(t)[0], x) if dataclasses.is_dataclass(typing.get_args(t)[0]) else x for x in v
            ]
        elif isinstance(t, type) and issubclass(t, enum.Enum):
            v = t(v)
        out[f.name] = v
    return cls(**out)


class Bus:
    def __init__(self):
        self.handlers = collections.defaultdict(list)

    def on(self, handler):
        t = list(typing.get_type_hints(handler).values())[0]
        self.handlers[t].append(handler)
        return handler

    def subscribe(self, t, h):
        self.handlers[t].append(h)

    def unsubscribe(self, t, h):
        self.handlers[t].remove(h)

    def publish(self, e):
        n = 0
        for c in type(e).__mro__:
            for h in self.handlers[c]:
                h(e)
                n += 1
        return n

    async def apublish(self, e):
        return await asyncio.gather(*[h(e) for h in self.handlers[type(e)]])

    def scan(self, obj):
        for name in dir(obj):
            if name.startswith("on_"):
                m = getattr(obj, name)
                ps = [p for p in inspect.signature(m).parameters.values()]
                self.subscribe(typing.get_type_hints(m)["e"], m)


class Weak:
    def __init__(self):
        self.refs = []

    def add(self, m):
        self.refs.append(weakref.WeakMethod(m) if inspect.ismethod(m) else weakref.ref(m))

    def fire(self, *a):
        return [r()(*a) for r in self.refs]


def weak(o):
    d = weakref.WeakKeyDictionary()
    d[o] = 1
    return d[o]


@functools.singledispatch
def render(o):
    return "?"


def reg_ann(f):
    render.register(f)


def srt(xs):
    return sorted(xs)


def callsig(h):
    return [p.name for p in inspect.signature(h).parameters.values()]


def iscoro(f):
    return inspect.iscoroutinefunction(f)


async def acall(o, *a):
    return await o.run(*a)


def doubled(o):
    o.n += o.n


def frozen(o):
    try:
        o.x = 3
    except dataclasses.FrozenInstanceError as e:
        return "frozen"


def mark(o):
    o._seen = True
    return o._seen, hasattr(o, "_seen")


def seen(o):
    return getattr(o, "_seen", False)


def wrapcls(cls):
    @functools.wraps(cls)
    def f(*a, **k):
        return cls(*a, **k)

    return f.__name__, f.__doc__


def deriv(cls):
    class Sub(cls):
        pass

    return Sub


def caught(f, *errors):
    try:
        f()
    except errors as e:
        return type(e), e, isinstance(e, errors[0]), type(e).__mro__[1].__name__


def mk(cls, *a):
    try:
        return cls(*a)
    except Exception as e:
        return type(e).__name__


def allof(o):
    return sorted(n for n in dir(o) if not n.startswith("_"))


def getm(o):
    return [n for n, m in inspect.getmembers(o, inspect.ismethod) if not n.startswith("_")]


@typing.runtime_checkable
class HasName(typing.Protocol):
    name: str


def hasname(o):
    return isinstance(o, HasName)


def unpack(t):
    a, b = t
    return a, b


def makent(t, **k):
    return t._replace(**k)


def ntmake(c, xs):
    return c._make(xs)


def group(items):
    d = {}
    for i in items:
        d.setdefault(type(i), []).append(i)
    return d


def total(xs):
    return sum(xs)


def inset(xs):
    return set(xs)


def meth(o, n):
    return getattr(o, n)


def eqm(o, m):
    return getattr(o, "handle") == m


# ---- hidden tests ----

from __future__ import annotations
import abc, asyncio, dataclasses, enum, functools, typing, pytest
import solution as s


class P(enum.IntEnum):
    LOW = 1
    HIGH = 3


class S(enum.StrEnum):
    A = "a"


class M(str, enum.Enum):
    X = "x"


class F(enum.Flag):
    R = 1
    W = 2
    RW = 3


class Planet(enum.Enum):
    EARTH = (1.0, 2.0)
    MARS = (3.0, 4.0)

    def __init__(self, mass, radius):
        self.mass = mass
        self.radius = radius

    @property
    def gravity(self):
        return self.mass / self.radius

    def describe(self):
        return f"{self.name}!"

    @classmethod
    def default(cls):
        return cls.EARTH


class Alias(enum.Enum):
    A = 1
    B = 1
    C = 2

    @classmethod
    def _missing_(cls, v):
        return cls.C if v == "see" else None

    def __str__(self):
        return "alias " + self.name


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Sq(Shape):
    def __init__(self, n):
        self.n = n

    def area(self):
        return self.n**2


@dataclasses.dataclass
class Item:
    name: str
    price: float = 0.0


@dataclasses.dataclass
class Order:
    id: int
    items: list[Item] = dataclasses.field(default_factory=list)
    status: M = M.X
    parent: Order | None = None
    tag: typing.Optional[str] = dataclasses.field(default=None, metadata={"key": "TAG"})


@dataclasses.dataclass(frozen=True, order=True)
class Fr:
    x: int


class Ev:
    pass


class Ev2(Ev):
    pass


class Listener:
    def __init__(self):
        self.got = []

    def on_ev(self, e: Ev):
        self.got.append(e)

    def on_ev2(self, e: Ev2):
        self.got.append(("2", e))

    def handle(self, e):
        self.got.append(e)
        return len(self.got)


class Slots:
    __slots__ = ("n", "m")

    def __init__(self):
        self.n = 2


class Counter:
    def __init__(self):
        self.count = 0

    def __call__(self, x):
        self.count += 1
        return x


class Async:
    async def run(self, n: int) -> int:
        await asyncio.sleep(0)
        return n + 1

    async def __call__(self, e):
        return e


class Err(Exception):
    pass


class Err2(Err, ValueError):
    def __init__(self, code):
        super().__init__(f"code {code}")
        self.code = code


T = typing.TypeVar("T")


class Repo(typing.Generic[T]):
    def get(self, n: int) -> T:
        return n


class NT(typing.NamedTuple):
    a: int
    b: list = []


class Named:
    def __init__(self):
        self.name = "x"


class Prop:
    @property
    def name(self):
        return "p"


class Temp:
    def __init__(self):
        self._c = 0

    @property
    def c(self):
        return self._c

    @c.setter
    def c(self, v):
        if v < 0:
            raise ValueError("neg")
        self._c = v


def test_int():
    assert s.plus(P.LOW, 1) == 2 and s.attr(P.HIGH, "name") == "HIGH" and s.isinst(P.LOW, P)


def test_kinds():
    assert (
        s.is_enum(P.LOW) == (True, True, True, False)
        and s.is_enum(S.A) == (True, True, False, True)
        and s.is_enum(F.R) == (True, True, False, False)
    )


def test_members():
    assert (
        s.members(P) == [P.LOW, P.HIGH] and s.members(Alias) == [Alias.A, Alias.C] and s.members(Planet) == list(Planet)
    )


def test_flag():
    assert s.or_(F.R, F.W) is F.RW and s.or_(F.R, F.R) is F.R


def test_lookup():
    assert s.lookup(M, "x") is M.X and s.lookup(Alias, "see") is Alias.C


def test_bad_lookup():
    assert s.try_lookup(Alias, 9) == "9 is not a valid Alias"


def test_planet():
    assert (
        s.attr(Planet.MARS, "mass") == 3.0
        and s.attr(Planet.MARS, "gravity") == 0.75
        and s.meth(Planet.MARS, "describe")() == "MARS!"
        and s.attr(Planet, "MARS") is Planet.MARS
    )


def test_default():
    assert s.meth(Planet, "default")() is Planet.EARTH


def test_json():
    assert (
        s.to_json(Order(1, [Item("a", 2.0)]))
        == '{"id": 1, "items": [{"name": "a", "price": 2.0}], "parent": null, "status": "x", "tag": null}'
    )


def test_json_enum():
    assert s.to_json([P.LOW, S.A, Alias.C]) == '[1, "a", 2]'


def test_abstract():
    assert s.abstract(Shape) and not s.abstract(Sq) and s.sub(Sq, Shape) and s.isinst(Sq(1), Shape)


def test_from_dict():
    assert s.from_dict(Order, {"id": 1, "items": [{"name": "a"}], "status": "x", "parent": {"id": 2}}) == Order(
        1, [Item("a")], M.X, Order(2)
    )
    with pytest.raises(KeyError):
        s.from_dict(Order, {})


def test_bus():
    b = s.Bus()
    got = []

    @b.on
    def f(e: Ev):
        got.append(e)

    e = Ev2()
    assert b.publish(e) == 1 and got[0] is e


def test_bus_method():
    b = s.Bus()
    l = Listener()
    b.subscribe(Ev, l.handle)
    assert b.publish(Ev()) == 1
    b.unsubscribe(Ev, l.handle)
    assert b.publish(Ev()) == 0 and len(l.got) == 1


def test_scan():
    b = s.Bus()
    l = Listener()
    b.scan(l)
    assert b.publish(Ev()) == 1 and b.publish(Ev2()) == 2 and len(l.got) == 3
    b.unsubscribe(Ev, l.on_ev)
    assert b.publish(Ev()) == 0


def test_abus():
    b = s.Bus()

    async def h(e: Ev):
        return 1

    b.on(h)
    b.subscribe(Ev, Async())
    e = Ev()
    assert asyncio.run(b.apublish(e)) == [1, e]


def test_weak():
    w = s.Weak()
    l = Listener()
    s.isinst(l, Listener)
    w.add(l.handle)
    assert w.fire(3) == [1]
    assert s.weak(l) == 1


def test_single():
    def sq(x: Sq):
        return "sq"

    s.reg_ann(sq)
    assert s.render(Sq(1)) == "sq" and s.render(Ev()) == "?"


def test_sort():
    assert s.srt([Fr(2), Fr(1)]) == [Fr(1), Fr(2)]


def test_callsig():
    assert s.callsig(Counter()) == ["x"] and s.callsig(Sq) == ["n"] and s.callsig(Ev) == []


def test_coro():
    assert s.iscoro(Async().run) and not s.iscoro(Listener().handle) and s.iscoro(Async.run)


def test_acall():
    assert asyncio.run(s.acall(Async(), 3)) == 4


def test_slots():
    o = Slots()
    s.doubled(o)
    assert o.n == 4
    s.setter(o, "m", 3)
    assert o.m == 3
    with pytest.raises(AttributeError):
        s.setter(o, "zzz", 3)


def test_frozen():
    assert s.frozen(Fr(1)) == "frozen"


def test_wrap():
    assert s.wrapcls(Ev)[0] == "Ev"


def test_err():
    e = Err2(5)

    def f():
        raise e

    assert s.caught(f, Err)[:3] == (Err2, e, True) and s.caught(f, Err)[3] == "Err"


def test_err_make():
    assert s.isinst(Err2(1), ValueError) and s.isinst(s.mk(Err, "a"), Err)


def test_mk():
    assert s.mk(Sq) == "TypeError" and s.mk(Shape) == "TypeError"


def test_generic():
    assert s.callsig(Repo) == [] and s.isinst(Repo(), Repo)


def test_dir():
    assert s.allof(Named()) == ["name"] and s.allof(Listener()) == ["got", "handle", "on_ev", "on_ev2"]


def test_getmembers():
    assert s.getm(Listener()) == ["handle", "on_ev", "on_ev2"]


def test_hasname():
    assert s.hasname(Named()) and s.hasname(Prop()) and not s.hasname(Ev())


def test_nt():
    t = NT(1, [2])
    assert s.unpack(t) == (1, [2]) and s.makent(t, a=3) == NT(3, [2]) and type(s.makent(t, a=3)) is NT
    assert s.ntmake(NT, [1, []]) == NT(1, [])
    t.b.append(3)
    assert s.attr(t, "b") == [2, 3] and s.attr(t, "b") is t.b


def test_group():
    a, b = Ev(), Ev2()
    assert s.group([a, b, a]) == {Ev: [a, a], Ev2: [b]}


def test_total():
    assert s.total([P.LOW, P.HIGH]) == 4


def test_inset():
    assert s.inset([P.LOW, S.A]) == {P.LOW, S.A} and s.inset([Fr(1), Fr(1)]) == {Fr(1)}


def test_setter():
    t = Temp()
    s.setter(t, "c", 4)
    assert t.c == 4
    with pytest.raises(ValueError):
        s.setter(t, "c", -1)


def test_str():
    assert s.plus("", str(Alias.A)) == "alias A" and s.meth(Alias.A, "__str__")() == "alias A"


def test_eqm():
    l = Listener()
    assert s.eqm(l, l.handle)


def test_meth_back():
    l = Listener()
    assert s.meth(l, "handle") == l.handle and s.meth(l, "handle")(1) == 1
