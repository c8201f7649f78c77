"""Exception classes that the tests define and hand over: caught, raised, asked for attributes."""
# ruff: noqa


def retry(f, times, on):
    last = None
    for _ in range(times):
        try:
            return f()
        except on as e:
            last = e
    raise last


class Breaker:
    def __init__(self, expected):
        self.expected = expected
        self.failures = 0

    def call(self, f):
        try:
            return f()
        except self.expected as e:
            self.failures += 1
            self.name = type(e).__name__
            self.code = getattr(e, "code", None)
            raise


def check(value, error):
    if value < 0:
        raise error(f"bad {value}")
    return value


def make(error):
    return error("made", 7)


def kinds(e):
    return isinstance(e, LookupError), issubclass(type(e), ValueError)


def catch(f):
    try:
        f()
    except Exception as e:
        return type(e).__name__, str(e), e


# ---- hidden tests ----

import pytest
from solution import retry, Breaker, check, make, kinds, catch


class Transient(Exception):
    pass


class Worse(Transient):
    pass


class Coded(ValueError):
    def __init__(self, message, code=3):
        super().__init__(message)
        self.code = code

    def __str__(self):
        return f"[{self.code}] {self.args[0]}"


def failing(errors):
    it = iter(errors)

    def f():
        e = next(it, None)
        if e:
            raise e
        return "ok"

    return f


def test_a():
    assert retry(failing([Transient("a"), Worse("b")]), 3, Transient) == "ok"


def test_b():
    with pytest.raises(KeyError):
        retry(failing([KeyError("k")]), 3, Transient)


def test_c():
    with pytest.raises(Worse, match="b"):
        retry(failing([Transient("a"), Worse("b")]), 2, (Transient,))


def test_d():
    b = Breaker(Coded)
    with pytest.raises(Coded):
        b.call(failing([Coded("x", 9)]))
    assert (b.failures, b.name, b.code) == (1, "Coded", 9)
    with pytest.raises(Transient):
        b.call(failing([Transient("y")]))
    assert b.failures == 1


def test_e():
    with pytest.raises(Transient, match="bad -1"):
        check(-1, Transient)
    with pytest.raises(Coded) as caught:
        check(-2, Coded)
    assert caught.value.code == 3 and str(caught.value) == "[3] bad -2"


def test_f():
    e = make(Coded)
    assert type(e) is Coded and e.code == 7


def test_g():
    assert kinds(Coded("x")) == (False, True)


def test_h():
    error = Coded("z", 5)

    def f():
        raise error

    name, text, same = catch(f)
    assert (name, text) == ("Coded", "[5] z") and same is error


def test_i():
    with pytest.raises(Worse):
        check(-1, Worse)
    with pytest.raises(Transient):
        check(-1, Worse)
