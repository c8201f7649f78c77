"""Exception classes of the solution, with attributes, hierarchy, causes and notes."""
# ruff: noqa


class BankError(Exception):
    pass


class InsufficientFunds(BankError, ValueError):
    def __init__(self, needed, available):
        super().__init__(f"need {needed}, have {available}")
        self.needed, self.available = needed, available

    @property
    def missing(self):
        return self.needed - self.available


def withdraw(balance, amount):
    if amount > balance:
        raise InsufficientFunds(amount, balance)
    return balance - amount


def parse(text):
    try:
        return int(text)
    except ValueError as error:
        raise BankError("bad amount") from error


def noted():
    error = BankError("x")
    error.add_note("look here")
    raise error


def boom():
    raise SystemExit(3)


# ---- hidden tests ----

import pytest
import solution
from solution import BankError, InsufficientFunds, parse, withdraw


def test_raises():
    with pytest.raises(InsufficientFunds) as caught:
        withdraw(1, 5)
    assert caught.value.needed == 5 and caught.value.missing == 4
    assert str(caught.value) == "need 5, have 1" and caught.value.args == ("need 5, have 1",)
    assert caught.type is InsufficientFunds


def test_as_base():
    with pytest.raises(BankError):
        withdraw(1, 5)
    with pytest.raises(ValueError, match=r"need \d"):
        withdraw(1, 5)


def test_except():
    try:
        withdraw(1, 5)
    except InsufficientFunds as error:
        assert isinstance(error, ValueError) and isinstance(error, Exception)
    else:
        assert False


def test_cause():
    with pytest.raises(BankError, match="^bad amount$") as caught:
        parse("x")
    assert isinstance(caught.value.__cause__, ValueError) and "'x'" in str(caught.value.__cause__)


def test_notes():
    with pytest.raises(BankError) as caught:
        solution.noted()
    assert caught.value.__notes__ == ["look here"]


def test_made_here():
    error = InsufficientFunds(3, 1)
    assert error.missing == 2 and str(error) == "need 3, have 1"
    with pytest.raises(BankError):
        raise error


def test_hierarchy():
    assert issubclass(InsufficientFunds, ValueError) and issubclass(InsufficientFunds, BankError)


def test_exit():
    with pytest.raises(SystemExit) as caught:
        solution.boom()
    assert caught.value.code == 3


def test_no_error():
    assert withdraw(5, 1) == 4
