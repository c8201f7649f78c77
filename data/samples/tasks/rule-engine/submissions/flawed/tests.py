import pytest

from rules import RuleError, matches


def test_simple():
    assert matches("age = 30", {"age": 30})
    assert matches("age > 18 and has badge", {"age": 30, "badge": 1})
    assert not matches("age < 18 or age > 65", {"age": 30})


def test_in():
    assert matches('site in ("north", "south")', {"site": "north"})


def test_error():
    with pytest.raises(RuleError):
        matches("", {})
