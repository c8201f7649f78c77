"""copy and deepcopy of the solution's objects, equality of what they hold."""
# ruff: noqa


class Config:
    def __init__(self, **values):
        self.values = values

    def __eq__(self, other):
        return isinstance(other, Config) and self.values == other.values

    def copy(self):
        return Config(**self.values)

    def merged(self, other):
        return Config(**{**self.values, **other.values})


# ---- hidden tests ----

import copy
from solution import Config


def test_copy():
    config = Config(a=[1])
    shallow, deep = copy.copy(config), copy.deepcopy(config)
    config.values["a"].append(2)
    assert shallow == config and deep != config and deep.values == {"a": [1]} and shallow is not config


def test_method():
    config = Config(a=1)
    assert config.copy() == config and config.copy() is not config


def test_merge():
    assert Config(a=1, b=2).merged(Config(b=3)).values == {"a": 1, "b": 3}


def test_not_plain():
    assert Config(a=1) != {"a": 1}
