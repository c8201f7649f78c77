"""Skips, expected failures and conditions."""
# ruff: noqa


def half(n):
    return n / 2


# ---- hidden tests ----

import sys
import pytest
from solution import half


@pytest.mark.skipif(sys.version_info < (3, 0), reason="old")
def test_runs():
    assert half(4) == 2


@pytest.mark.parametrize("n", [pytest.param(4, marks=pytest.mark.filterwarnings("ignore")), 4])
def test_four(n):
    assert half(n) == 2


pytestmark = pytest.mark.filterwarnings("ignore")
