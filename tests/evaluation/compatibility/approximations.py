"""approx of numbers, lists, dicts; assertion helpers; all and any."""
# ruff: noqa


def mean(values):
    return sum(values) / len(values)


def normalize(values):
    return [v / sum(values) for v in values]


def stats(values):
    return {"mean": mean(values), "max": max(values)}


def roots(a, b, c):
    d = (b * b - 4 * a * c) ** 0.5
    return (-b - d) / (2 * a), (-b + d) / (2 * a)


# ---- hidden tests ----

import math
import pytest
from solution import mean, normalize, roots, stats


def test_scalar():
    assert (
        mean([0.1, 0.2]) == pytest.approx(0.15) and abs(mean([1, 2]) - 1.5) < 1e-9 and math.isclose(mean([1, 2]), 1.5)
    )


def test_list():
    assert normalize([1, 1, 1]) == pytest.approx([1 / 3] * 3)


def test_dict():
    assert stats([1, 2]) == pytest.approx({"mean": 1.5, "max": 2})


def test_tuple():
    assert roots(1, -3, 2) == pytest.approx((1, 2), rel=1e-6)


def test_all():
    assert all(isinstance(v, float) for v in normalize([1, 2])) and not any(v > 1 for v in normalize([1, 2]))
