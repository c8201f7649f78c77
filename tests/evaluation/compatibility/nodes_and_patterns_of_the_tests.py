"""Linked nodes, strategies, pools, typed lists and builders over classes that the tests define."""
# ruff: noqa

import abc, typing, inspect, functools, collections, pickle, enum, operator


class Comparable(abc.ABC):
    @abc.abstractmethod
    def key(self): ...
    @classmethod
    def __subclasshook__(cls, c):
        return True if any("key" in vars(b) for b in c.__mro__) else NotImplemented


def is_comparable(o):
    return isinstance(o, Comparable), issubclass(type(o), Comparable)


def register(c):
    Comparable.register(c)
    return c


def fullargs(c):
    return inspect.getfullargspec(c.__init__).args


def describe(o):
    match o:
        case [x, *rest]:
            return "seq"
        case {"a": a}:
            return "map"
        case str():
            return "str"
        case enum.Enum():
            return "enum"
        case _ if hasattr(o, "name"):
            return "named " + o.name
    return "?"


def chain(handlers, req):
    for h in handlers:
        r = h.handle(req)
        if r is not None:
            return r


def strategy(ctx, kind):
    return ctx.strategies[kind]().run(ctx.value)


def apply(ops, v):
    for o in ops:
        v = o(v)
    return v


class TypedList:
    def __init__(self, t):
        self.t = t
        self.items = []

    def append(self, x):
        if not isinstance(x, self.t):
            raise TypeError(f"expected {self.t.__name__}, got {type(x).__name__}")
        self.items.append(x)

    def __getitem__(self, i):
        return self.items[i]

    def __len__(self):
        return len(self.items)


class Pool:
    def __init__(self, factory, n):
        self.free = [factory() for _ in range(n)]
        self.used = []

    def acquire(self):
        o = self.free.pop()
        self.used.append(o)
        return o

    def release(self, o):
        self.used.remove(o)
        self.free.append(o)


def builder(cls):
    class B:
        def __init__(self):
            self.kw = {}

        def __getattr__(self, n):
            def setter(v):
                self.kw[n] = v
                return self

            return setter

        def build(self):
            return cls(**self.kw)

    return B()


def fmt(o):
    return "{0.name}/{0.age:>3}".format(o), f"{o!r}", "%s" % o


def counts(objs):
    return collections.Counter(map(type, objs)).most_common(1)[0]


def uniq(objs):
    return list(dict.fromkeys(objs))


def attrgetter(objs):
    return sorted(map(operator.attrgetter("age"), objs))


def deep(o, path):
    return functools.reduce(getattr, path.split("."), o)


def swap(o):
    o.left, o.right = o.right, o.left
    return o


def invert(n):
    if n is None:
        return None
    n.left, n.right = invert(n.right), invert(n.left)
    return n


def push(l, v):
    l.head = type(l.head)(v, l.head) if l.head else None
    return l


def reverse(node):
    prev = None
    while node:
        node.next, prev, node = prev, node, node.next
    return prev


def has_cycle(n):
    slow = fast = n
    while fast and fast.next:
        slow, fast = slow.next, fast.next.next
        if slow is fast:
            return True
    return False


def walk(n):
    return [] if n is None else walk(n.left) + [n.val] + walk(n.right)


def with_lock(o):
    with o.lock:
        o.total = o.total + 1


def clone(o):
    new = type(o)(**{k: v for k, v in vars(o).items()})
    return new


# ---- hidden tests ----
import dataclasses, enum, threading, typing, pytest
import solution as s


class K:
    def __init__(self, a, b=2):
        self.a = a

    def key(self):
        return self.a


@s.register
class Reg:
    pass


class C(enum.Enum):
    A = 1


class NT(typing.NamedTuple):
    x: int


class H:
    def __init__(self, n):
        self.n = n

    def handle(self, r):
        return f"{self.n}:{r}" if r == self.n else None


class Run:
    def run(self, v):
        return v + 1


class Ctx:
    strategies = {"a": Run}
    value = 3


class Op:
    def __init__(self, n):
        self.n = n

    def __call__(self, v):
        return v * self.n


@dataclasses.dataclass
class P:
    name: str
    age: int = 0


@dataclasses.dataclass(unsafe_hash=True)
class Q:
    name: str


class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val, self.left, self.right = val, left, right


class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next


class L:
    def __init__(self):
        self.lock = threading.Lock()
        self.total = 0


def test_abc():
    assert (
        s.is_comparable(K(1)) == (True, True)
        and s.is_comparable(P("a")) == (False, False)
        and s.is_comparable(Reg()) == (True, True)
    )


def test_full():
    assert s.fullargs(K) == ["self", "a", "b"]


def test_match():
    assert [s.describe(x) for x in (NT(1), C.A, P("z"), K(1), "s")] == ["seq", "enum", "named z", "?", "str"]


def test_chain():
    assert s.chain([H(1), H(2)], 2) == "2:2" and s.chain([], 1) is None


def test_strategy():
    assert s.strategy(Ctx(), "a") == 4 and s.strategy(Ctx, "a") == 4


def test_apply():
    assert s.apply([Op(2), Op(3)], 1) == 6


def test_typed():
    t = s.TypedList(P)
    p = P("a")
    t.append(p)
    assert t[0] is p and len(t) == 1
    with pytest.raises(TypeError, match="expected P, got K"):
        t.append(K(1))


def test_pool():
    p = s.Pool(Run, 2)
    a, b = p.acquire(), p.acquire()
    assert a is not b and type(a) is Run
    p.release(a)
    assert p.acquire() is a


def test_builder():
    assert s.builder(P).name("x").age(3).build() == P("x", 3)


def test_fmt():
    assert s.fmt(P("x", 3)) == ("x/  3", repr(P("x", 3)), str(P("x", 3)))


def test_counts():
    assert s.counts([P("a"), P("b"), K(1)]) == (P, 2)


def test_uniq():
    a = Q("a")
    assert s.uniq([a, Q("b"), Q("a")]) == [Q("a"), Q("b")] and s.uniq([a, Q("a")])[0] is a


def test_ag():
    assert s.attrgetter([P("a", 2), P("b", 1)]) == [1, 2]


def test_deep():
    assert s.deep(TreeNode(1, TreeNode(2, K(7))), "left.left.a") == 7


def test_invert():
    t = TreeNode(1, TreeNode(2), TreeNode(3, TreeNode(4)))
    assert s.walk(s.invert(t)) == [3, 4, 1, 2]
    assert s.swap(t).left.val == 2


def test_reverse():
    n = ListNode(1, ListNode(2, ListNode(3)))
    r = s.reverse(n)
    assert (r.val, r.next.val, r.next.next.val, r.next.next.next) == (3, 2, 1, None)


def test_cycle():
    a = ListNode(1)
    b = ListNode(2, a)
    assert not s.has_cycle(b)
    a.next = b
    assert s.has_cycle(b)


def test_lock():
    l = L()
    s.with_lock(l)
    assert l.total == 1


def test_clone():
    p = P("a", 1)
    q = s.clone(p)
    assert q == p and q is not p
