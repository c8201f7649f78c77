"""What the solution may do with the objects that tests hand over."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import inspect
import io
import logging
import queue
import random
import threading
import types
from typing import Any
from unittest.mock import NonCallableMock

from green_logic.evaluation.isolation.split.handed import HANDED_METHODS, HANDLER
from green_logic.evaluation.isolation.split.verdicts import is_verdict

TESTS = "test_solution"
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
# not callbacks but the machinery around the test
CLOSED_MODULES = ("pytest", "_pytest", "pluggy", "green_logic")


def is_open(target: object) -> bool:
    """Whether the solution may look at `target`, an object or a class of the tests, not only call it."""
    kind = target if isinstance(target, type) else type(target)
    return not is_verdict(target) and (
        kind.__module__ == TESTS
        or type(target) in OPEN_TYPES
        or isinstance(target, (NonCallableMock, collections.abc.Iterator))
    )


def is_usable(target: object) -> bool:
    """Whether the solution may use special methods of `target`."""
    return is_open(target) or type(target) in ENTERED_TYPES


def use(target: Any, name: str, operands: tuple[Any, ...]) -> Any:
    """What the special method gives."""
    if type(target) in ENTERED_TYPES and len(operands) > 2:
        operands = (*operands[:2], None)  # a generator takes no traceback that is the solution's
    return getattr(type(target), name)(target, *operands)


def check_may_read(target: object, name: str) -> Any:
    """A public attribute of an open object. Raises PermissionError for any other, AttributeError if there is none."""
    is_mock = isinstance(target, NonCallableMock)
    if not is_open(target) and inspect.getattr_static(target, name, None) is None:
        # not a refusal: a solution may ask for what a callback need not have
        raise AttributeError(f"{type(target).__name__!r} object has no attribute {name!r}")
    if name.startswith("_") or not is_open(target) or (is_mock and name in MOCK_NAMES):
        raise PermissionError(f"the tests' process refuses to give {name}")
    if isinstance(target, (types.GeneratorType, types.AsyncGeneratorType)) and name[:3] in {"gi_", "ag_"}:
        raise PermissionError(f"the tests' process refuses to give {name}")
    value = getattr(target, name)
    if isinstance(value, (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType)):
        raise PermissionError(f"the tests' process refuses to give {name}")
    return value


def describe_handed(value: Any) -> list[Any]:
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
    signature = _describe_signature(value) if is_function else None
    is_text = type(name) is str and (doc is None or type(doc) is str)
    return [kind, sorted(methods), name if is_text else "", doc if is_text and is_function else None, signature]


def _has(value: Any, name: str) -> bool:
    # not by getattr, which finds what a class itself has of its metaclass: `__call__`
    found = next((vars(part)[name] for part in type(value).__mro__ if name in vars(part)), None)
    return found is not None and found is not vars(object).get(name)


def _is_machinery(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in CLOSED_MODULES


def _describe_signature(function: Any) -> list[Any] | None:
    """Parameters and the result's annotation. Defaults are values of the tests, and stay here."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    parameters = [
        [part.name, part.kind.name, part.default is not part.empty, _describe_annotation(part.annotation)]
        for part in signature.parameters.values()
    ]
    return [parameters, _describe_annotation(signature.return_annotation)]


def _describe_annotation(annotation: Any) -> list[Any] | None:
    """Whether it is a text itself, and that or what makes it; None if there is none."""
    if annotation is inspect.Signature.empty:
        return None
    if type(annotation) is str:
        return [True, annotation]
    if not isinstance(annotation, type):
        return [False, repr(annotation)]
    module = "" if annotation.__module__ == "builtins" else f"{annotation.__module__}."
    return [False, f"{module}{annotation.__qualname__}"]
