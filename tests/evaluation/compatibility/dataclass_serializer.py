"""A mini mapper: dataclasses of the tests to rows and JSON, and back by their fields and hints."""
# ruff: noqa

import copy
import dataclasses
import enum
import json
import types
import typing
from datetime import date


def to_plain(value):
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [(f.metadata.get("column", f.name), f.name) for f in dataclasses.fields(value)]
        return {column: to_plain(getattr(value, name)) for column, name in names}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def dumps(value):
    return json.dumps(to_plain(value), sort_keys=True)


def from_plain(kind, data):
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        (kind,) = [part for part in typing.get_args(kind) if part is not type(None)]
        return from_plain(kind, data)
    if origin is list:
        return [from_plain(typing.get_args(kind)[0], item) for item in data]
    if origin is dict:
        return {key: from_plain(typing.get_args(kind)[1], item) for key, item in data.items()}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(data)
    if kind is date:
        return date.fromisoformat(data)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        arguments = {}
        for field in dataclasses.fields(kind):
            column = field.metadata.get("column", field.name)
            if column in data:
                arguments[field.name] = from_plain(hints[field.name], data[column])
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise ValueError(f"{kind.__name__}: missing {column}")
        return kind(**arguments)
    if kind in (int, str, float, bool) and not isinstance(data, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data


def loads(kind, text):
    return from_plain(kind, json.loads(text))


class Session:
    """Tables of objects by class, with ids that it gives."""

    def __init__(self):
        self._tables = {}
        self._clean = {}

    def add(self, entity):
        table = self._tables.setdefault(type(entity), {})
        entity.id = len(table) + 1
        table[entity.id] = entity
        self._clean[id(entity)] = dataclasses.asdict(entity)
        return entity

    def get(self, kind, key):
        return self._tables.get(kind, {}).get(key)

    def query(self, kind, **wanted):
        rows = [row for cls, table in self._tables.items() if issubclass(cls, kind) for row in table.values()]
        return [row for row in rows if all(vars(row)[name] == value for name, value in wanted.items())]

    def dirty(self):
        entities = [entity for table in self._tables.values() for entity in table.values()]
        return [entity for entity in entities if self._clean[id(entity)] != dataclasses.asdict(entity)]

    def update(self, entity, **values):
        for name, value in values.items():
            if name not in {field.name for field in dataclasses.fields(entity)}:
                raise AttributeError(name)
            setattr(entity, name, value)

    def snapshot(self, entity):
        return copy.deepcopy(entity)

    def create_table(self, kind):
        types = {int: "INTEGER", str: "TEXT", float: "REAL"}
        columns = [f"{field.name} {types.get(field.type, 'BLOB')}" for field in dataclasses.fields(kind)]
        return f"CREATE TABLE {kind.__name__.lower()} ({', '.join(columns)})"


def changed(value, **values):
    return dataclasses.replace(value, **values)


def shape(value):
    return dataclasses.asdict(value), dataclasses.astuple(value), vars(value), value.__dict__


# ---- hidden tests ----

import enum
from dataclasses import FrozenInstanceError, dataclass, field
from datetime import date
from typing import NamedTuple, Optional

import pytest
from solution import Session, changed, dumps, from_plain, loads, shape, to_plain


class Status(enum.Enum):
    NEW = "new"
    PAID = "paid"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Item:
    name: str
    price: float = 1.0


@dataclass
class Order:
    number: int = field(metadata={"column": "order_number"})
    items: list[Item] = field(default_factory=list)
    status: Status = Status.NEW
    day: Optional[date] = None
    level: Level | None = None
    extra: dict[str, Item] = field(default_factory=dict)


@dataclass
class User:
    name: str
    id: int = 0


@dataclass
class Admin(User):
    rights: int = 7


@dataclass(frozen=True)
class Money:
    amount: int
    currency: str = "EUR"


class Point(NamedTuple):
    x: int
    y: int = 0


ORDER = Order(7, [Item("pen"), Item("ink", 2.5)], Status.PAID, date(2024, 5, 1), Level.HIGH, {"gift": Item("cap", 0.0)})
TEXT = (
    '{"day": "2024-05-01", "extra": {"gift": {"name": "cap", "price": 0.0}}, '
    '"items": [{"name": "pen", "price": 1.0}, {"name": "ink", "price": 2.5}], '
    '"level": 2, "order_number": 7, "status": "paid"}'
)


def test_dumps():
    assert dumps(ORDER) == TEXT


def test_loads():
    order = loads(Order, TEXT)
    assert type(order) is Order and order == ORDER and order.level is Level.HIGH


def test_defaults():
    assert from_plain(Order, {"order_number": 1}) == Order(1)


def test_what_is_missing_and_what_is_wrong():
    with pytest.raises(ValueError, match="Order: missing order_number"):
        from_plain(Order, {})
    with pytest.raises(TypeError, match="expected str, got int"):
        from_plain(Item, {"name": 3})
    with pytest.raises(ValueError, match="'lost' is not a valid Status"):
        from_plain(Order, {"order_number": 1, "status": "lost"})


def test_plain():
    assert to_plain([Status.NEW, {"at": Item("x")}]) == ["new", {"at": {"name": "x", "price": 1.0}}]
    assert to_plain(Point(1, 2)) == [1, 2]


def test_the_session_gives_ids():
    session, user = Session(), User("ann")
    assert session.add(user) is user
    assert user.id == 1 and session.add(User("bob")).id == 2
    assert session.get(User, 1) is user and session.get(User, 9) is None


def test_queries():
    session = Session()
    ann, bob = session.add(User("ann")), session.add(Admin("bob"))
    assert session.query(User) == [ann, bob]
    assert session.query(Admin) == [bob]
    assert session.query(User, name="ann") == [ann]


def test_what_is_dirty():
    session = Session()
    ann, bob = session.add(User("ann")), session.add(User("bob"))
    assert session.dirty() == []
    bob.name = "rob"
    assert session.dirty() == [bob]
    session.update(ann, name="eve")
    assert ann.name == "eve" and session.dirty() == [ann, bob]
    with pytest.raises(AttributeError):
        session.update(ann, shoe=44)


def test_snapshots():
    session = Session()
    order = Order(1, [Item("pen")])
    copied = session.snapshot(order)
    assert copied == order and copied is not order and copied.items[0] is not order.items[0]
    order.items[0].price = 9.0
    assert copied.items[0].price == 1.0


def test_tables():
    assert Session().create_table(User) == "CREATE TABLE user (name TEXT, id INTEGER)"
    assert Session().create_table(Item) == "CREATE TABLE item (name TEXT, price REAL)"


def test_changed():
    money = Money(3)
    assert changed(money, amount=4) == Money(4) and money == Money(3)
    with pytest.raises(TypeError):
        changed(money, shoe=1)


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        Session().update(Money(1), amount=2)


def test_shape():
    plain = {"name": "pen", "price": 1.0}
    assert shape(Item("pen")) == (plain, ("pen", 1.0), plain, plain)
