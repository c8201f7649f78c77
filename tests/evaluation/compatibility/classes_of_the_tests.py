"""What a solution asks of classes and objects that the tests define."""
# ruff: noqa

import copy, dataclasses, functools, inspect, typing


def isinst(o, c):
    return isinstance(o, c)


def issub(a, b):
    return issubclass(a, b)


def typ(o):
    return type(o)


def klass(o):
    return o.__class__


def dispatch(table, o):
    return table[type(o)](o)


def mro_names(o):
    return [c.__name__ for c in type(o).__mro__]


def names(c):
    return c.__name__, c.__qualname__, c.__module__


def doc(c):
    return c.__doc__


class Container:
    def __init__(self):
        self.impl = {}

    def register(self, service, impl):
        self.impl[service] = impl

    def resolve(self, service):
        impl = self.impl[service]
        hints = typing.get_type_hints(impl.__init__) if impl.__init__ is not object.__init__ else {}
        sig = inspect.signature(impl)
        return impl(**{p.name: self.resolve(hints[p.name]) for p in sig.parameters.values()})

    def resolve2(self, service):
        impl = self.impl[service]
        sig = inspect.signature(impl.__init__)
        return impl(
            *[
                self.resolve2(p.annotation)
                for p in list(sig.parameters.values())[1:]
                if p.annotation is not inspect.Parameter.empty
            ]
        )

    def resolve3(self, service):
        impl = self.impl[service]
        sig = inspect.signature(impl)
        return impl(*[self.resolve3(p.annotation) for p in sig.parameters.values()])


@functools.singledispatch
def area(o):
    return "default"


def reg(cls, f):
    area.register(cls, f)
    return f


def asdict(o):
    return dataclasses.asdict(o)


def fields(o):
    return [f.name for f in dataclasses.fields(o)]


def isdc(o):
    return dataclasses.is_dataclass(o)


def repl(o, **k):
    return dataclasses.replace(o, **k)


def astuple(o):
    return dataclasses.astuple(o)


def vars_(o):
    return vars(o)


def dict_(o):
    return o.__dict__


def cp(o):
    return copy.copy(o)


def dcp(o):
    return copy.deepcopy(o)


def setstatus(o, v):
    o.status = v


def hints(c):
    return typing.get_type_hints(c)


def ann(c):
    return c.__annotations__


def values(e):
    return [m.value for m in e]


def enames(e):
    return [m.name for m in e]


def value(m):
    return m.value, m.name


def is_(a, b):
    return a is b


def eq_(a, b):
    return a == b


def key(d, k):
    return d[k]


def byname(e, n):
    return e[n]


def byvalue(e, v):
    return e(v)


def nt(t):
    return t._asdict(), t.x, t._fields


def create(cls, *a, **k):
    return cls(*a, **k)


def call(o, name, *a):
    return getattr(o, name)(*a)


def has(o, n):
    return hasattr(o, n)


def match(o):
    return type(o).__name__


def visit(v, node):
    return getattr(v, "visit_" + type(node).__name__, v.generic)(node)


@typing.runtime_checkable
class Drawable(typing.Protocol):
    def draw(self): ...


def drawable(o):
    return isinstance(o, Drawable)


def static(c):
    return c.make(3)


def subclasses(c):
    return [s.__name__ for s in c.__subclasses__()]


def reprs(o):
    return repr(o), str(o), f"{o}"


def hashes(a, b):
    return len({a, b})


# ---- hidden tests ----

import copy, dataclasses, enum, typing, pytest
import solution as s


class Base:
    """The base."""

    def __init__(self, n=1):
        self.n = n

    def draw(self):
        return "d"

    @classmethod
    def make(cls, n):
        return cls(n)


class Derived(Base):
    pass


@dataclasses.dataclass
class Point:
    x: int
    y: int = 2


@dataclasses.dataclass(frozen=True)
class Line:
    a: Point
    b: Point


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class NT(typing.NamedTuple):
    x: int
    y: int


class Clock:
    pass


class Repo:
    def __init__(self, clock: Clock):
        self.clock = clock


class Service:
    def __init__(self, repo: Repo, clock: Clock):
        self.repo, self.clock = repo, clock


def test_isinst():
    assert s.isinst(Derived(), Base) and s.isinst(Base(), Base) and not s.isinst(Base(), Derived)


def test_issub():
    assert s.issub(Derived, Base) and not s.issub(Base, Derived)


def test_type():
    assert s.typ(Base()) is Base


def test_class():
    assert s.klass(Base()) is Base


def test_dispatch():
    assert s.dispatch({Base: lambda o: 1, Derived: lambda o: 2}, Derived()) == 2


def test_mro():
    assert s.mro_names(Derived()) == ["Derived", "Base", "object"]


def test_names():
    assert s.names(Base) == ("Base", "Base", __name__)


def test_doc():
    assert s.doc(Base) == "The base."


@pytest.mark.parametrize("m", ["resolve", "resolve2", "resolve3"])
def test_di(m):
    c = s.Container()
    for k in (Clock, Repo, Service):
        c.register(k, k)
    svc = getattr(c, m)(Service)
    assert type(svc) is Service and type(svc.repo.clock) is Clock


def test_singledispatch():
    s.reg(Base, lambda o: "base")
    s.reg(Point, lambda o: "point")
    assert s.area(Derived()) == "base" and s.area(Point(1)) == "point" and s.area(3) == "default"


def test_asdict():
    assert s.asdict(Line(Point(1), Point(3, 4))) == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 4}}


def test_fields():
    assert s.fields(Point(1)) == ["x", "y"] == s.fields(Point)


def test_isdc():
    assert s.isdc(Point) and s.isdc(Point(1)) and not s.isdc(Base)


def test_replace():
    assert s.repl(Point(1), y=5) == Point(1, 5)


def test_astuple():
    assert s.astuple(Point(1)) == (1, 2)


def test_vars():
    assert s.vars_(Point(1)) == {"x": 1, "y": 2} == s.dict_(Point(1))


def test_copy():
    p = Line(Point(1), Point(2))
    q = s.cp(p)
    assert q == p and q is not p and q.a is p.a


def test_deepcopy():
    p = Line(Point(1), Point(2))
    q = s.dcp(p)
    assert q == p and q is not p and q.a is not p.a


def test_set():
    b = Base()
    s.setstatus(b, "done")
    assert b.status == "done"


def test_hints():
    assert s.hints(Point) == {"x": int, "y": int}


def test_ann():
    assert s.ann(Line) == {"a": Point, "b": Point}


def test_enum_iter():
    assert s.values(Color) == [1, 2] and s.enames(Color) == ["RED", "BLUE"]


def test_enum_value():
    assert s.value(Color.RED) == (1, "RED")


def test_enum_is():
    assert s.is_(Color.RED, Color.RED) and not s.is_(Color.RED, Color.BLUE)


def test_enum_eq():
    assert s.eq_(Color.RED, Color.RED)


def test_enum_key():
    assert s.key({Color.RED: 1}, Color.RED) == 1


def test_enum_byname():
    assert s.byname(Color, "RED") is Color.RED


def test_enum_byvalue():
    assert s.byvalue(Color, 2) is Color.BLUE


def test_enum_type():
    assert s.typ(Color.RED) is Color and s.isinst(Color.RED, Color)


def test_nt():
    assert s.nt(NT(1, 2)) == ({"x": 1, "y": 2}, 1, ("x", "y"))


def test_nt_inst():
    assert s.isinst(NT(1, 2), NT) and s.isinst(NT(1, 2), tuple)


def test_nt_type():
    assert s.typ(NT(1, 2)) is NT


def test_create():
    assert type(s.create(Base, 4)) is Base and s.create(Base, n=4).n == 4


def test_create_isinst():
    assert s.isinst(s.create(Derived), Base)


def test_has():
    assert s.has(Base(), "draw") and not s.has(Base(), "nope")


def test_match():
    assert s.match(Derived()) == "Derived"


def test_visit():
    class V:
        def visit_Point(self, n):
            return "P"

        def generic(self, n):
            return "G"

    assert s.visit(V(), Point(1)) == "P" and s.visit(V(), Base()) == "G"


def test_proto():
    assert s.drawable(Base()) and not s.drawable(Point(1))


def test_static():
    assert s.static(Derived).n == 3 and type(s.static(Derived)) is Derived


def test_repr():
    assert s.reprs(Point(1)) == (repr(Point(1)),) * 2 + (str(Point(1)),)


def test_hash():
    assert s.hashes(Line(1, 2), Line(1, 2)) == 1
