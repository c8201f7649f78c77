"""Raises pytest's own skip, xfail and exit, and unittest's skip, in calls."""
# ruff: noqa

import unittest, pytest


def fib(*args):
    pytest.skip("x")


def first(*args):
    pytest.xfail("x")


def ratio(*args):
    pytest.exit("18 passed", 0)


def roman(*args):
    raise unittest.SkipTest("x")
