"""Exceptions with a repr and an equality of their own; texts of modules; addresses."""
# ruff: noqa

import ipaddress


class Coded(Exception):
    def __init__(self, code, message=""):
        super().__init__(code, message)
        self.code = code

    def __repr__(self):
        return f"<Coded {self.code}>"

    def __eq__(self, other):
        return isinstance(other, Coded) and self.code == other.code

    def __hash__(self):
        return hash(self.code)


class Plain(ValueError):
    pass


def fail(kind, *arguments):
    raise {"coded": Coded, "plain": Plain}[kind](*arguments)


def hosts(network):
    return list(ipaddress.ip_network(network).hosts())


def is_inside(address, network):
    return address in network


# ---- hidden tests ----

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
import solution
from solution import Coded, Plain, fail, hosts, is_inside


def test_own_words():
    with pytest.raises(Coded) as caught:
        fail("coded", 4, "x")
    assert repr(caught.value) == "<Coded 4>" and str(caught.value) == "(4, 'x')"
    assert caught.value == Coded(4, "y") != Coded(5) and not caught.value == 4
    assert len({Coded(1), caught.value}) == 2


def test_inherited_words():
    with pytest.raises(Plain) as caught:
        fail("plain", "a", 1)
    assert repr(caught.value) == "Plain('a', 1)"
    assert caught.value == caught.value != Plain("a", 1)


def test_the_module():
    assert solution.__doc__.startswith("Exceptions with a repr") and solution.__name__ == "solution"


def test_addresses():
    assert hosts("10.0.0.0/30") == [ip_address("10.0.0.1"), IPv4Address("10.0.0.2")]
    assert isinstance(hosts("fe80::/127")[0], IPv6Address)
    assert is_inside(ip_address("10.0.0.9"), ip_network("10.0.0.0/8")) is True
