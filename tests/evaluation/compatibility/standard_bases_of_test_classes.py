"""Classes of the tests with bases of the standard library."""
# ruff: noqa

import threading


def run(t):
    t.start()
    t.join()
    return t.got


def same(m):
    return m()


def start(t):
    return t.start


def keys(d):
    return sorted(d), type(d).__name__, isinstance(d, dict)


def mapping(m):
    from collections.abc import Mapping

    return isinstance(m, Mapping), dict(m), m.get("a"), "a" in m, len(m)


def ctx(c):
    with c as x:
        return x


def iter_(i):
    return list(i)


def lines(f):
    return f.read(), f.getvalue()


# ---- hidden tests ----
import threading, io, collections, collections.abc
import solution as s


class W(threading.Thread):
    got = 0

    def run(self):
        self.got = 3


class D(dict):
    pass


class M(collections.abc.Mapping):
    def __init__(self, d):
        self.d = d

    def __getitem__(self, k):
        return self.d[k]

    def __iter__(self):
        return iter(self.d)

    def __len__(self):
        return len(self.d)


class C:
    def __enter__(self):
        return 5

    def __exit__(self, *a):
        return False


class I:
    def __init__(self):
        self.n = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.n += 1
        if self.n > 3:
            raise StopIteration
        return self.n


class F(io.StringIO):
    def twice(self):
        return 2


class U(collections.UserDict):
    pass


def test_thread():
    assert s.run(W()) == 3


def test_start():
    w = W()
    s.start(w)
    f = s.start(w)
    f()
    w.join()
    assert w.got == 3


def test_same():
    w = W()
    s.start(w)
    s.same(w.start)
    w.join()
    assert w.got == 3


def test_d():
    assert s.keys(D(a=1))[::2] == (["a"], True)


def test_map():
    assert s.mapping(M({"a": 1})) == (True, {"a": 1}, 1, True, 1)


def test_ctx():
    assert s.ctx(C()) == 5


def test_iter():
    assert s.iter_(I()) == [1, 2, 3]


def test_f():
    assert s.lines(F("abc")) == ("abc", "abc")


def test_u():
    assert s.mapping(U(a=1)) == (True, {"a": 1}, 1, True, 1)
