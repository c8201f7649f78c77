"""__format__, __str__, __repr__, f-strings, templates and text of objects inside containers."""
# ruff: noqa

import string
from dataclasses import dataclass


class Temperature:
    def __init__(self, celsius):
        self.celsius = celsius

    def __format__(self, spec):
        unit = spec[-1] if spec and spec[-1] in "CFK" else "C"
        number = {"C": self.celsius, "F": self.celsius * 9 / 5 + 32, "K": self.celsius + 273.15}[unit]
        return format(number, spec[:-1] or ".1f") + "°" + unit

    def __str__(self):
        return f"{self}"

    def __repr__(self):
        return f"Temperature({self.celsius!r})"


@dataclass
class Row:
    name: str
    value: float

    def __format__(self, spec):
        width = int(spec or 10)
        return f"{self.name:<{width}}|{self.value:>{width}.2f}"


class Money(float):
    def __str__(self):
        return f"${self:,.2f}"


def table(rows, width=8):
    return "\n".join(format(row, str(width)) for row in rows)


def fill(template, **names):
    return string.Template(template).substitute(names)


class Shouting(string.Formatter):
    def convert_field(self, value, conversion):
        return str(value).upper() if conversion == "u" else super().convert_field(value, conversion)


class Quoted:
    def __init__(self, text):
        self._text = text

    def __str__(self):
        return f'"{self._text}"'


# ---- hidden tests ----

import pytest
from solution import Money, Quoted, Row, Shouting, Temperature, fill, table


def test_format():
    warm = Temperature(21.456)
    assert f"{warm}" == "21.5°C" and f"{warm:.0fF}" == "71°F" and format(warm, ".2fK") == "294.61°K"
    assert "{:.3fC}|{!r}|{!s}".format(warm, warm, warm) == "21.456°C|Temperature(21.456)|21.5°C"
    assert str(warm) == "21.5°C" and "%s %r" % (warm, warm) == "21.5°C Temperature(21.456)"


def test_wrong_format():
    with pytest.raises(ValueError):
        f"{Temperature(1):q9C}"
    with pytest.raises(ValueError):
        format(Row("a", 1), "x")


def test_in_containers():
    assert str([Temperature(1), Temperature(2)]) == "[Temperature(1), Temperature(2)]"
    assert f"{ {'t': Temperature(0)} }" == "{'t': Temperature(0)}" and f"{(Temperature(3),)!r}" == "(Temperature(3),)"


def test_rows():
    assert table([Row("a", 1), Row("bc", 22.456)], 5) == "a    | 1.00\nbc   |22.46"
    assert repr(Row("a", 1.0)) == "Row(name='a', value=1.0)" == str(Row("a", 1.0))
    assert f"{Row('x', 0.5)}" == "x         |      0.50"


def test_number():
    price = Money(1234.5)
    assert str(price) == "$1,234.50" and f"{price:.1f}" == "1234.5" and price + 1 == 1235.5
    assert f"{price!s:>12}" == "   $1,234.50" and repr(price) == "1234.5"


def test_template():
    assert fill("$who owes ${sum}€", who="Ada", sum=3) == "Ada owes 3€"
    with pytest.raises(KeyError, match="who"):
        fill("$who")


def test_formatter():
    assert Shouting().format("{0!u} {name}", "abc", name=1) == "ABC 1"


def test_text_only():
    quoted = Quoted("x")
    assert f"{quoted}" == '"x"' and "solution.Quoted object at" in repr(quoted)
    assert ",".join(map(str, [quoted, quoted])) == '"x","x"' and f"{quoted!s:^7}" == '  "x"  '
