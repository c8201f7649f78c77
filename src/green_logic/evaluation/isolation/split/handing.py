"""What the solution may do with the objects that tests hand over."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import copy
import functools
import inspect
import io
import logging
import queue
import random
import threading
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from unittest.mock import NonCallableMock

from green_logic.evaluation.isolation.split.handed import HANDED_METHODS, HANDLER
from green_logic.evaluation.isolation.split.handing_classes import (
    describe_class,
    holds_tests,
    is_described,
    is_of_tests,
)
from green_logic.evaluation.isolation.split.hints import describe_signature
from green_logic.evaluation.isolation.split.records import restore_record
from green_logic.evaluation.isolation.split.setting import set_attribute, store_attribute
from green_logic.evaluation.isolation.split.verdicts import is_verdict

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.tester import TestsPeer

# objects of the standard library that exist to be shared
OPEN_TYPES = (
    types.SimpleNamespace,
    io.StringIO,
    io.BytesIO,
    random.Random,
    queue.Queue,
    queue.SimpleQueue,
    threading.Event,
    threading.Condition,
    threading.Barrier,
    threading.Semaphore,
    type(threading.Lock()),
    type(threading.RLock()),
    asyncio.Event,
    asyncio.Lock,
    asyncio.Condition,
    asyncio.Semaphore,
    asyncio.Queue,
    asyncio.Future,
    types.GeneratorType,
    types.AsyncGeneratorType,
)
# what `contextmanager` makes of the tests' functions: entered and left, but what it was made of is not shown
ENTERED_TYPES = (
    contextlib._GeneratorContextManager,
    contextlib._AsyncGeneratorContextManager,
    contextlib.nullcontext,
    contextlib.ExitStack,
    contextlib.AsyncExitStack,
)
MOCK_NAMES = frozenset(dir(NonCallableMock())) | {"called", "call_count", "call_args", "call_args_list"}
MOCK_METHODS = frozenset({"__call__", "__enter__", "__exit__", "__aenter__", "__aexit__"})
CLOSED_TYPES = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType)
# not callbacks but the machinery around the test
CLOSED_MODULES = ("pytest", "_pytest", "pluggy", "green_logic")


def is_open(target: object) -> bool:
    """Whether the solution may look at `target`, an object or a class of the tests, not only call it."""
    kind = target if isinstance(target, type) else type(target)
    return not is_verdict(target) and (
        is_of_tests(kind)
        or type(target) in OPEN_TYPES
        or isinstance(target, (NonCallableMock, collections.abc.Iterator, collections.abc.MappingView))
    )


def is_usable(target: object) -> bool:
    """Whether the solution may use special methods of `target`."""
    return is_open(target) or type(target) in ENTERED_TYPES


def use(target: Any, name: str, operands: tuple[Any, ...]) -> Any:
    """What the special method gives."""
    if type(target) in ENTERED_TYPES and len(operands) > 2:
        operands = (*operands[:2], None)  # a generator takes no traceback that is the solution's
    return getattr(type(target), name)(target, *operands)


def check_may_read(target: Any, name: str) -> Any:
    """A public attribute of an open object. Raises PermissionError for any other, AttributeError if there is none."""
    is_mock = isinstance(target, NonCallableMock)
    if not is_open(target) and inspect.getattr_static(target, name, None) is None:
        # not a refusal: a solution may ask for what a callback need not have
        raise AttributeError(f"{type(target).__name__!r} object has no attribute {name!r}")
    if name.startswith("_") or not is_open(target) or (is_mock and name in MOCK_NAMES):
        raise PermissionError(f"the tests' process refuses to give {name}")
    if isinstance(target, (types.GeneratorType, types.AsyncGeneratorType)) and name[:3] in {"gi_", "ag_"}:
        raise PermissionError(f"the tests' process refuses to give {name}")
    if isinstance(target, type) and not any(name in vars(part) for part in target.__mro__):
        raise AttributeError(f"type object {target.__name__!r} has no attribute {name!r}")  # but its metaclass may
    value = getattr(target, name)
    if isinstance(value, CLOSED_TYPES):
        raise PermissionError(f"the tests' process refuses to give {name}")
    return value


def find_action(op: object, target: Any, name: str) -> Callable[..., Any]:
    """What the solution may do with `target`, as a function of what it gives. Raises PermissionError for all else."""
    if op == "call" and callable(target):
        return target  # type: ignore[no-any-return]
    if op in {"get", "method"}:
        found = check_may_read(target, name)
        return found if op == "method" else lambda: found
    if op == "op" and is_usable(target) and name in HANDED_METHODS:
        return lambda *operands: use(target, name, operands)
    if op in {"set", "store"}:
        return functools.partial(set_attribute if op == "set" else store_attribute, target, name)
    if op == "isinstance" and _is_test_class(target):
        return lambda value: isinstance(value, target)
    if op == "log" and isinstance(target, logging.Handler):
        return functools.partial(_log, target)
    raise PermissionError("the tests' process refuses this")


def _log(handler: logging.Handler, /, **told: Any) -> Any:
    record = restore_record(told)
    return handler.handle(record) if record.levelno >= handler.level else None


def _list_attributes(_: TestsPeer, target: Any) -> tuple[tuple[str, Any], ...]:
    """The public attributes that an object of a test's class has itself."""
    _check_of_tests(target)
    own = target.__dict__.items()
    return tuple((name, value) for name, value in own if name[:1] != "_" and not isinstance(value, CLOSED_TYPES))


def _copy_with(take: Callable[[Any], Any]) -> Callable[[TestsPeer, Any], Any]:
    def make(_: TestsPeer, target: Any) -> Any:
        _check_of_tests(target)
        return take(target)

    return make


def _describe(peer: TestsPeer, target: Any) -> Any:
    if not isinstance(target, type) or not is_described(target):
        raise PermissionError("the tests' process refuses to describe what is no class of the tests")
    return describe_class(peer, target)


# what the solution may know of a target without more ado. Raise PermissionError for what is not of the tests' making
VIEWS: dict[object, Callable[[TestsPeer, Any], Any]] = {
    "class": _describe,
    "vars": _list_attributes,
    "copy": _copy_with(copy.copy),
    "deepcopy": _copy_with(copy.deepcopy),
}


def _check_of_tests(target: object) -> None:
    if not is_of_tests(type(target)) or holds_tests(type(target)) or is_verdict(target):
        raise PermissionError("the tests' process refuses this of what is not an object of a test's class")


def _is_test_class(target: object) -> bool:
    return isinstance(target, type) and is_of_tests(target)


def describe_handed(peer: TestsPeer, value: Any) -> list[Any]:
    """Kind, special methods, name, doc and signature, for the stand-in on the other side."""
    if issubclass(type(value), logging.Handler):  # no mock of one
        return [HANDLER, [], "", None, None]
    if is_function := isinstance(value, (types.FunctionType, types.MethodType)):
        methods = ["__call__"]
    elif isinstance(value, NonCallableMock):
        methods = [name for name in MOCK_METHODS if hasattr(type(value), name)]
    elif is_usable(value):
        methods = [name for name in HANDED_METHODS if _has(value, name)]
    else:
        methods = ["__call__"] if callable(value) and not _is_machinery(value) else []
    name, doc = getattr(value, "__name__", ""), getattr(value, "__doc__", None)
    kind = "async" if inspect.iscoroutinefunction(value) else "plain"
    if kind == "plain" and isinstance(value, types.FunctionType):
        kind = "function"
    signature = peer.encode(describe_signature(peer, value) if is_function else None)
    is_text = type(name) is str and (doc is None or type(doc) is str)
    return [kind, sorted(methods), name if is_text else "", doc if is_text and is_function else None, signature]


def _has(value: Any, name: str) -> bool:
    # not by getattr, which finds what a class itself has of its metaclass: `__call__`
    found = next((vars(part)[name] for part in type(value).__mro__ if name in vars(part)), None)
    return found is not None and found is not vars(object).get(name)


def _is_machinery(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in CLOSED_MODULES
