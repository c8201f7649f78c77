"""Warnings of the solution: pytest.warns, deprecated_call, recwarn, catch_warnings, assertWarns, and errors of them."""
# ruff: noqa

import functools
import warnings
from warnings import warn


class GeometryDeprecationWarning(DeprecationWarning):
    def __init__(self, old, new):
        super().__init__(f"{old} is deprecated, use {new}")
        self.old, self.new = old, new


class PrecisionWarning(UserWarning):
    pass


def deprecated(new):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **named):
            warnings.warn(GeometryDeprecationWarning(function.__name__, new), stacklevel=2)
            return function(*args, **named)

        return wrapper

    return decorate


@deprecated("area")
def surface(width, height):
    return area(width, height)


def area(width, height):
    if width < 0 or height < 0:
        warn("negative side", RuntimeWarning)
        return 0
    return width * height


def recipe(value):
    warnings.simplefilter("always", DeprecationWarning)
    warnings.warn("recipe() will go", DeprecationWarning, stacklevel=2)
    warnings.simplefilter("default", DeprecationWarning)
    return value


def quietly(width, height):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return surface(width, height)


def count_of(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return len(caught)


def convert(values, category=PrecisionWarning):
    result = []
    for value in values:
        if value != int(value):
            warnings.warn(f"{value} loses precision", category)
        result.append(int(value))
    return result


def load(settings):
    for old, new in [("colour", "color"), ("timeout", "timeout_s")]:
        if old in settings:
            warnings.warn(f"{old!r} was renamed to {new!r}", FutureWarning)
    if not settings:
        raise ValueError("no settings")
    return dict(settings)


class Client:
    def __init__(self, url=None, **old):
        if "address" in old:
            warnings.warn("address= is deprecated", DeprecationWarning, stacklevel=2)
            url = old["address"]
        self.url = url

    @property
    def host(self):
        warnings.warn("host is deprecated, use url", PendingDeprecationWarning, stacklevel=2)
        return self.url


class Connection:
    def __del__(self):
        warnings.warn("never closed", ResourceWarning, source=self)


def leak():
    Connection()
    return True


def silence():
    warnings.simplefilter("ignore", PrecisionWarning)


# ---- hidden tests ----

import threading
import unittest
import warnings

import pytest
from solution import (
    Client,
    GeometryDeprecationWarning,
    PrecisionWarning,
    area,
    convert,
    count_of,
    leak,
    load,
    quietly,
    recipe,
    silence,
    surface,
)


def test_warns():
    with pytest.warns(GeometryDeprecationWarning, match="surface is deprecated, use area"):
        assert surface(2, 3) == 6


def test_base_of_the_category():
    with pytest.warns(DeprecationWarning):
        surface(1, 1)
    with pytest.deprecated_call():
        surface(1, 1)
    with pytest.deprecated_call(match="deprecated"):
        Client(address="x").host


@pytest.mark.parametrize("side", [-1, -2])
def test_every_time(side):
    with pytest.warns(RuntimeWarning, match="^negative side$") as caught:
        assert area(side, 1) == 0
        assert area(1, side) == 0
    assert [str(one.message) for one in caught] == ["negative side"] * 2
    assert {one.category for one in caught} == {RuntimeWarning}


def test_what_did_not_warn():
    with pytest.raises(pytest.fail.Exception, match="DID NOT WARN"):
        with pytest.warns(UserWarning):
            area(1, 1)


def test_the_warning_itself():
    with pytest.warns() as caught:
        surface(1, 2)
    (one,) = caught
    assert isinstance(one.message, GeometryDeprecationWarning)
    assert (one.message.old, one.message.new) == ("surface", "area")
    assert issubclass(one.category, DeprecationWarning) and one.category is GeometryDeprecationWarning


def test_the_place_is_the_callers():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        surface(1, 1)
        area(-1, 1)
    assert caught[0].filename.endswith("test_solution.py")
    assert caught[1].filename.endswith("solution.py")
    assert caught[1].lineno > 1


def test_recorded(recwarn):
    assert convert([1.5, 2.0, 2.5]) == [1, 2, 2]
    assert len(recwarn) == 2
    warning = recwarn.pop(PrecisionWarning)
    assert str(warning.message) == "1.5 loses precision"
    assert len(recwarn.list) == 1


def test_nothing_recorded(recwarn):
    convert([1.0])
    assert quietly(2, 2) == 4
    assert len(recwarn) == 0


def test_the_solutions_own_recording():
    assert count_of(lambda: surface(1, 1)) == 1
    assert quietly(1, 2) == 2


def test_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert area(2, 2) == 4
        with pytest.raises(RuntimeWarning, match="negative"):
            area(-1, 1)
        with pytest.raises(GeometryDeprecationWarning) as caught:
            surface(1, 1)
        assert caught.value.new == "area"
        assert area(3, 2) == 6


def test_a_finalizer_warns_and_raises_nothing():
    with pytest.warns(ResourceWarning, match="never closed"):
        assert leak()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert leak()


@pytest.mark.filterwarnings("error")
def test_marked():
    with pytest.raises(RuntimeWarning):
        area(-1, 1)


@pytest.mark.filterwarnings("ignore:negative")
def test_ignored():
    with warnings.catch_warnings(record=True) as caught:
        area(-1, 1)
        area(1, 1)
    assert caught == []


def test_recorded_without_a_filter():
    with warnings.catch_warnings(record=True) as caught:
        surface(1, 1)
    assert len(caught) == 1


def test_an_error_of_one_category():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*renamed to 'color'")
        assert load({"timeout": 1}) == {"timeout": 1}
        with pytest.raises(FutureWarning, match="colour"):
            load({"colour": 1})


def test_a_warning_before_an_error():
    with pytest.warns(FutureWarning), pytest.raises(KeyError):
        load({"colour": 1})["size"]


def test_the_category_of_the_test():
    class Mine(UserWarning):
        pass

    with pytest.warns(Mine, match="0.5 loses"):
        convert([0.5], Mine)


def test_recipe_of_old():
    for _ in range(2):
        with pytest.warns(DeprecationWarning, match="will go"):
            assert recipe(3) == 3


def test_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("once")
        convert([1.5, 1.5])
    assert len(caught) == 1


def test_silence():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        silence()
        convert([1.5])
        load({"timeout": 1})
    assert [one.category for one in caught] == [FutureWarning]
    with pytest.warns(PrecisionWarning):
        convert([1.5])


def test_threads_of_the_tests():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=area, args=(-n, 1)) for n in range(1, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        threads.clear()
    assert [str(one.message) for one in caught] == ["negative side"] * 5


def test_a_category_of_the_solution_in_a_filter():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=PrecisionWarning)
        with pytest.raises(PrecisionWarning, match="2.5"):
            convert([2.5])
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        assert area(-1, 1) == 0


def test_callbacks_are_warned_in_order():
    seen = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert list(map(lambda n: area(n, 1), [-1, 1, -2])) == [0, 1, 0]
        seen.append(len(caught))
        assert count_of(lambda: area(1, 1)) == 0
    assert seen == [2]


class Assertions(unittest.TestCase):
    def test_assert_warns(self):
        with self.assertWarns(DeprecationWarning) as caught:
            Client(address="here")
        self.assertEqual(str(caught.warning), "address= is deprecated")
        self.assertTrue(caught.filename.endswith("test_solution.py"))

    def test_assert_warns_regex(self):
        with self.assertWarnsRegex(PendingDeprecationWarning, "use url"):
            self.assertEqual(Client("there").host, "there")
        self.assertWarnsRegex(RuntimeWarning, "side", area, -1, 1)

    def test_does_not_warn(self):
        with self.assertRaises(AssertionError):
            with self.assertWarns(UserWarning):
                area(1, 1)
