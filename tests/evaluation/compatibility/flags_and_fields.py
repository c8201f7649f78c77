"""Flags, enums with behaviour, dataclasses with InitVar, factories, ordering and validation."""
# ruff: noqa

import enum
from dataclasses import KW_ONLY, InitVar, asdict, astuple, dataclass, field


class Permission(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
    RUN = enum.auto()
    ALL = READ | WRITE | RUN


class Priority(enum.IntEnum):
    LOW = 1
    HIGH = 10


class Level(enum.StrEnum):
    INFO = enum.auto()
    ERROR = "err"


class Planet(enum.Enum):
    EARTH = (5.97e24, 6.37e6)
    MARS = (6.42e23, 3.39e6)

    def __init__(self, mass, radius):
        self.mass, self.radius = mass, radius

    @property
    def gravity(self):
        return round(6.674e-11 * self.mass / self.radius**2, 2)

    @classmethod
    def heaviest(cls):
        return max(cls, key=lambda planet: planet.mass)


class State(enum.Enum):
    IDLE = "idle"
    BUSY = "busy"

    def next(self):
        return {State.IDLE: State.BUSY, State.BUSY: State.IDLE}[self]

    @classmethod
    def _missing_(cls, value):
        return cls.IDLE if value is None else None


@dataclass(order=True)
class User:
    sort_key: tuple = field(init=False, repr=False)
    name: str
    age: int = 0
    tags: list = field(default_factory=list, compare=False)
    _: KW_ONLY
    admin: bool = False
    password: InitVar[str] = ""
    digest: str = field(init=False, default="", compare=False)

    def __post_init__(self, password):
        if self.age < 0:
            raise ValueError("age")
        self.sort_key = (self.age, self.name)
        self.digest = password[::-1]


@dataclass(frozen=True)
class Money:
    amount: int
    currency: str = "EUR"

    def __add__(self, other):
        if other.currency != self.currency:
            raise ValueError("currencies")
        return Money(self.amount + other.amount, self.currency)


@dataclass
class Basket:
    items: dict[str, Money] = field(default_factory=dict)
    owner: User | None = None

    def total(self):
        return sum(self.items.values(), Money(0))


def export(thing):
    return asdict(thing), astuple(thing)


# ---- hidden tests ----

import dataclasses

import pytest
from solution import Basket, Level, Money, Permission, Planet, Priority, State, User, export


def test_flags():
    both = Permission.READ | Permission.WRITE
    assert Permission.READ in both and Permission.RUN not in both and both & Permission.READ == Permission.READ
    assert both | Permission.RUN == Permission.ALL and both ^ Permission.READ is Permission.WRITE
    assert ~both == Permission.RUN and not (both & Permission.RUN) and both.value == 3 and len(list(Permission)) == 3
    assert Permission(1) is Permission.READ and Permission["RUN"].value == 4


def test_int_enum():
    assert Priority.HIGH > Priority.LOW and Priority.LOW + 1 == 2 and sorted([10, Priority.LOW]) == [1, 10]
    assert Priority(10) is Priority.HIGH and f"{Priority.HIGH:03d}" == "010" and Priority.HIGH == 10
    assert [priority.name for priority in Priority] == ["LOW", "HIGH"] and isinstance(Priority.LOW, int)
    with pytest.raises(ValueError, match="7 is not a valid Priority"):
        Priority(7)


def test_str_enum():
    assert Level.INFO == "info" and f"{Level.ERROR}" == "err" and Level("err") is Level.ERROR
    assert {"info": 1}[Level.INFO] == 1 and Level.INFO.upper() == "INFO" and str(Level.INFO) == "info"


def test_behaviour():
    assert Planet.EARTH.gravity == 9.82 and Planet.heaviest() is Planet.EARTH and Planet["MARS"].radius == 3.39e6
    assert (
        Planet((6.42e23, 3.39e6)) is Planet.MARS and Planet.EARTH in Planet and repr(Planet.MARS)[:12] == "<Planet.MARS"
    )
    assert {Planet.EARTH: "home"}[Planet.EARTH] == "home" and Planet.EARTH != Planet.MARS


def test_state():
    assert State.IDLE.next() is State.BUSY and State("busy").next() is State.IDLE and State(None) is State.IDLE
    assert State.__members__.keys() == {"IDLE", "BUSY"} and isinstance(State.IDLE, State)
    with pytest.raises(ValueError):
        State("gone")
    with pytest.raises(KeyError):
        State["GONE"]
    with pytest.raises(AttributeError):
        State.IDLE.value = "x"


def test_user():
    user = User("ada", 36, password="abc")
    assert user == User("ada", 36) and user.digest == "cba" and user.tags == [] and not user.admin
    assert repr(user) == "User(name='ada', age=36, tags=[], admin=False, digest='cba')"
    user.tags.append("x")
    assert User("b").tags == [] and user.tags == ["x"]
    with pytest.raises(TypeError):
        User("a", 1, [], True)
    with pytest.raises(ValueError, match="age"):
        User("a", -1)


def test_order():
    users = [User("b", 2), User("a", 2), User("z", 1)]
    assert [user.name for user in sorted(users)] == ["z", "a", "b"] and min(users).name == "z"
    assert User("a", 1) < User("a", 2) <= User("b", 2)


def test_money():
    assert (
        Money(1) + Money(2) == Money(3) and hash(Money(1)) == hash(Money(1, "EUR")) and len({Money(1), Money(1)}) == 1
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        Money(1).amount = 2
    with pytest.raises(ValueError, match="currencies"):
        Money(1) + Money(1, "USD")


def test_nested():
    basket = Basket({"a": Money(1), "b": Money(5)}, User("ada"))
    assert basket.total() == Money(6) and Basket().total() == Money(0) and Basket().items == {}
    as_dict, as_tuple = export(Basket({"a": Money(1)}))
    assert as_dict == {"items": {"a": {"amount": 1, "currency": "EUR"}}, "owner": None} and as_tuple == (
        {"a": (1, "EUR")},
        None,
    )
    assert dataclasses.asdict(Money(3)) == {"amount": 3, "currency": "EUR"} and dataclasses.is_dataclass(basket)
    assert dataclasses.replace(Money(3), amount=4) == Money(4)
    assert [field.name for field in dataclasses.fields(Money)] == ["amount", "currency"]
