"""Fixtures: values, teardown, scope, parameters, autouse, built-in ones."""
# ruff: noqa


class Account:
    def __init__(self, balance=0):
        self.balance = balance
        self.open = True

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("amount")
        self.balance += amount

    def close(self):
        self.open = False


RATE = 2


def convert(amount):
    return amount * RATE


# ---- hidden tests ----

import pytest
import solution
from solution import Account, convert


@pytest.fixture
def account():
    made = Account(10)
    yield made
    made.close()
    assert not made.open


@pytest.fixture(scope="module")
def shared():
    return Account()


@pytest.fixture(params=[1, 2], ids=["one", "two"])
def amount(request):
    return request.param


@pytest.fixture(autouse=True)
def clean():
    yield
    assert solution.RATE == 2


def test_deposit(account):
    account.deposit(5)
    assert account.balance == 15


def test_params(account, amount):
    account.deposit(amount)
    assert account.balance == 10 + amount


def test_shared_1(shared):
    shared.deposit(1)


def test_shared_2(shared):
    assert shared.balance == 1


def test_monkeypatch(monkeypatch):
    monkeypatch.setattr(solution, "RATE", 10)
    assert convert(2) == 20


def test_restored():
    assert convert(2) == 4


class TestClass:
    @pytest.fixture
    def rich(self):
        return Account(100)

    def test_rich(self, rich):
        assert rich.balance == 100
