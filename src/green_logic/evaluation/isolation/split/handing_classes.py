"""How the tests' side tells what its classes are: names, bases, public methods, plain hints and fields, no code.

Classes of the tests are numbers in a description, since a class may refer to itself.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
import inspect
import types
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.guest import TESTS
from green_logic.evaluation.isolation.split.builtin_errors import builtin_base
from green_logic.evaluation.isolation.split.describing import PLAIN_VALUES, VALUE_BASES
from green_logic.evaluation.isolation.split.handed import HANDED_METHODS
from green_logic.evaluation.isolation.split.hints import describe_hint, describe_signature
from green_logic.evaluation.isolation.split.proxies import is_remote
from green_logic.evaluation.isolation.split.standard_names import name_standard_class
from green_logic.evaluation.isolation.split.verdicts import OUTCOMES

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.tester import TestsPeer

LOCAL = "<locals>."  # what follows is the name of a class within a function; before it is which test that is
ENUMS = (enum.Enum, enum.IntEnum, enum.StrEnum, enum.Flag, enum.IntFlag, enum.ReprEnum)
HIDDEN = ("_", "test")  # the names of tests are no business of the solution's
FORMS = ((property, "property"), (functools.cached_property, "property"), (types.FunctionType, "function"))
LISTS = ("__slots__", "__match_args__")  # names of attributes
SPECIAL_FORMS = {"__init__": "init", "__call__": "call"}
Described = tuple[tuple[str, Any], ...]


def is_of_tests(kind: type) -> bool:
    """Whether the tests define this class."""
    return kind.__module__ == TESTS


def holds_tests(kind: type) -> bool:
    """Whether objects of this class are tests, which keep beside them what they expect."""
    return any(name.startswith("test") for part in kind.__mro__ for name in vars(part))


def is_described(kind: type) -> bool:
    """Whether the solution's side makes a class for this one: it is a test's, or one to be caught and raised."""
    is_known = is_remote(kind) or name_class(kind)
    return not is_known and (is_of_tests(kind) or issubclass(kind, BaseException))


def find_public_method(target: Any, name: str) -> types.MethodType | None:
    """The method of an object whose class, one of the tests', has it by that name. No code of theirs is run."""
    if isinstance(target, type) or not is_of_tests(type(target)) or name.startswith(HIDDEN):
        return None
    owner = next((part for part in type(target).__mro__ if name in vars(part)), object)
    found = vars(owner).get(name)
    is_method = is_of_tests(owner) and type(found) is types.FunctionType
    return types.MethodType(found, target) if is_method else None  # type: ignore[arg-type]


def name_class(kind: type) -> list[str] | None:
    """How a message names a class of the tests that S has as well; None for any other."""
    if issubclass(kind, OUTCOMES):
        return ["n", builtin_base(kind).__name__]  # an `__exit__` may ask what it derives from
    standard = name_standard_class(kind)
    return ["g", *standard] if standard else None


def held_value(value: Any) -> Any:
    """The builtin value that an object of a test's class carries over; None for one that carries none."""
    if isinstance(value, enum.Enum):
        return value._value_
    if isinstance(value, VALUE_BASES):
        return next(take(value) for base, take in PLAIN_VALUES.items() if isinstance(value, base))
    return None


def describe_class(peer: TestsPeer, kind: type) -> Described:
    """What the solution's side must know to make a class for `kind`."""
    own = vars(kind)
    is_error = issubclass(kind, BaseException)
    described = {
        "name": kind.__name__,
        "qualname": kind.__qualname__.rpartition(LOCAL)[2],
        "module": kind.__module__,
        "doc": _text_or_none(kind.__doc__),
        "listed": tuple((name, own[name]) for name in LISTS if _is_names(own.get(name))),
        "bases": tuple(peer.handed.refer(base) for base in kind.__bases__ if _is_native(base)),
        "virtual": tuple(base for base in kind.__bases__ if type(base) is abc.ABCMeta and name_standard_class(base)),
        "protocol": own.get("_is_protocol") is True and own.get("_is_runtime_protocol") is True,
        "special": () if is_error else tuple(sorted(name for name in HANDED_METHODS if _adds(kind, name))),
        "unhashable": own.get("__hash__", object) is None,
        "members": () if is_error else _describe_members(peer, kind),
        "signature": None if issubclass(kind, enum.Enum) else describe_signature(peer, kind),
        "annotations": tuple(
            (name, describe_hint(peer, hint)) for name, hint in _hints(own).items() if name[:1] != "_"
        ),
        "fields": _describe_fields(peer, kind) if "__dataclass_fields__" in own else None,
        "tuple": tuple(own.get("_fields", ())) if issubclass(kind, tuple) else (),
        "enum": _describe_enum(peer, kind),
        "abstract": tuple(sorted(getattr(kind, "__abstractmethods__", ()))),
    }
    return tuple(described.items())  # a dictionary would be mirrored


def _text_or_none(doc: object) -> str | None:
    return doc if type(doc) is str else None


def _is_names(value: object) -> bool:
    return isinstance(value, tuple) and all(type(name) is str for name in value)


def _is_native(base: type) -> bool:
    """Whether the class that stands for one of the tests' has this base, or what stands for it."""
    return is_described(base) or issubclass(base, BaseException) or base in (*VALUE_BASES, *ENUMS)


def _adds(kind: type, name: str) -> bool:
    """Whether `kind` has a special method that its bases over there do not give it."""
    owner = next((part for part in kind.__mro__ if name in vars(part)), object)
    if owner is object or vars(owner)[name] is None:
        return False
    return owner is kind or not _is_native(owner)


def _describe_members(peer: TestsPeer, kind: type) -> tuple[tuple[str, str, Any, str | None], ...]:
    """Name, form, signature and doc of what every instance has by its class."""
    members = []
    for name, value in vars(kind).items():
        form = next((form for known, form in FORMS if type(value) is known), "")
        if form == "function":
            form = SPECIAL_FORMS.get(name, form)
            form = f"async {form}" if inspect.iscoroutinefunction(value) else form
        if not form or (name.startswith(HIDDEN) and name not in SPECIAL_FORMS):
            continue
        if form != "init" or not issubclass(kind, enum.Enum):
            signature = None if form == "property" else describe_signature(peer, value)
            members.append((name, form, signature, _text_or_none(value.__doc__)))
    return tuple(members)


def _hints(own: Any) -> dict[str, Any]:
    found = own.get("__annotations__")
    return found if type(found) is dict else {}


def _describe_fields(peer: TestsPeer, kind: Any) -> tuple[Any, ...]:
    """Name, hint, whether it is an argument, default and metadata of each field of a dataclass."""
    described = []
    for field in dataclasses.fields(kind):
        given = (("default", field.default), ("default_factory", field.default_factory))
        default = tuple((name, value) for name, value in given if value is not dataclasses.MISSING)
        hint = describe_hint(peer, field.type)
        described.append((field.name, hint, field.init, default, tuple(field.metadata.items())))
    return tuple(described)


def _describe_enum(peer: TestsPeer, kind: Any) -> tuple[tuple[str, int, Any], ...]:
    """Name, number and value of each member, aliases included."""
    if not issubclass(kind, enum.Enum):
        return ()
    members = kind.__members__.items()
    return tuple((name, peer.handed.number_of(member), member._value_) for name, member in members)
