import pytest

from solution import RuleError, matches


def test_comparison():
    assert matches("age >= 18", {"age": 30}) is True
    assert matches("age = 18", {"age": 30}) is False


def test_and_or_not():
    assert matches("age > 18 and not age > 65", {"age": 30}) is True


def test_in():
    assert matches('site in ("north", "south")', {"site": "north"}) is True


def test_broken():
    with pytest.raises(RuleError):
        matches("age >", {"age": 30})
