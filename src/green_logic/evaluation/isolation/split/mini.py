"""The fast path: runs test files that need nothing of pytest but `raises`, `approx` and `parametrize`.

Names and outcomes are pytest's, and so are messages, but that the values of a comparison are not shortened. A file with
anything else (fixtures, other marks, unittest, setup and teardown, coroutines) is refused as a whole, and then pytest
runs it.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from _pytest.mark.structures import Mark, ParameterSet
from _pytest.python import IdMaker

from green_logic.evaluation.isolation.split.proxies import is_remote

Case = tuple[str, Callable[[], object]]
NOT_PLAIN = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR
SETUPS = ("setup", "teardown")
SPECIAL = ("pytestmark", "pytest_plugins", "pytest_generate_tests", "load_tests", "__test__")


class BeyondMiniError(Exception):
    """The tests need pytest. The message says what for."""


def find_cases(module: types.ModuleType) -> list[Case]:
    """Every test of a module in pytest's order, with its name. Raises BeyondMiniError."""
    cases = [case for name, value in list(vars(module).items()) for case in cases_of(name, value)]
    check_names(cases)
    return cases


def check_names(cases: list[Case]) -> None:
    """Raises BeyondMiniError for two tests of one name."""
    if len({name for name, _ in cases}) < len(cases):
        raise BeyondMiniError("two tests of one name")


def cases_of(name: str, value: object) -> Iterable[Case]:
    """The tests that one name of a module stands for. Raises BeyondMiniError."""
    if name in SPECIAL or name.startswith(SETUPS):
        raise BeyondMiniError(name)
    if is_remote(value):
        if name.startswith(("test", "Test")):
            raise BeyondMiniError(f"a test of the solution: {name}")
    elif isinstance(value, type):
        return _find_in_class(name, value)
    elif type(value).__module__.startswith("_pytest"):
        raise BeyondMiniError(f"{name}: {type(value).__name__}")
    elif name.startswith("test"):
        if isinstance(value, classmethod):
            raise BeyondMiniError(f"{name}: classmethod")  # none that can be called, but pytest looks into it
        if callable(value):
            return _find_in_function(name, value, value)
    return ()


def run_case(call: Callable[[], object]) -> tuple[str, str]:
    """Outcome and message of one test. KeyboardInterrupt and pytest.exit end the run, as in pytest."""
    try:
        call()
    except (KeyboardInterrupt, pytest.exit.Exception):
        raise
    except pytest.skip.Exception as skipped:
        return "skipped", _first_line(f"Skipped: {skipped.msg}")
    except pytest.xfail.Exception as failed:
        return "skipped", _first_line(str(failed.msg))
    except pytest.fail.Exception as failed:
        return "failed", _first_line(f"Failed: {failed.msg}")
    except BaseException as error:  # noqa: BLE001  whatever a test raises is its outcome
        return ("skipped" if _is_skip(error) else "failed"), _describe(error)
    return "passed", ""


def _find_in_class(name: str, cls: type) -> Iterator[Case]:
    if any(part.__module__.startswith("unittest") for part in cls.__mro__):
        raise BeyondMiniError(f"{name}: unittest")
    if not name.startswith("Test"):
        return
    names = [member for part in reversed(cls.__mro__[:-1]) for member in vars(part)]
    if "__init__" in names or "__new__" in names or cls.__mro__[1] is not object:
        raise BeyondMiniError(f"{name}: a constructor or a base class")
    for member, value in vars(cls).items():
        if member in SPECIAL or member.startswith(SETUPS) or isinstance(value, (staticmethod, classmethod, property)):
            raise BeyondMiniError(f"{name}.{member}")
        if isinstance(value, type) and member.startswith("Test"):
            raise BeyondMiniError(f"{name}.{member}")
        if (member.startswith("test") and callable(value)) or type(value).__module__.startswith("_pytest"):
            yield from _find_in_function(f"{name}::{member}", value, _bind(cls, member))


def _bind(cls: type, member: str) -> Callable[..., object]:
    """A new instance for each call, as pytest does."""

    def call(**named: object) -> object:
        return getattr(cls(), member)(**named)

    return call


def _find_in_function(name: str, function: object, call: Callable[..., object]) -> Iterator[Case]:
    if not isinstance(function, types.FunctionType):
        raise BeyondMiniError(f"{name}: {type(function).__name__}")
    code = function.__code__
    if code.co_flags & NOT_PLAIN or vars(function).get("__wrapped__"):
        raise BeyondMiniError(f"{name}: not a plain function")
    wanted = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])[1 if "::" in name else 0 :]
    sets = [_read_mark(name, mark, function) for mark in vars(function).get("pytestmark", [])]
    given = [argument for names, _ in sets for argument in names]
    if sorted(given) != sorted(wanted) or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        raise BeyondMiniError(f"{name}: an argument that is no parameter")
    # the decorator nearest to the function is the first mark, and varies slowest
    for combination in itertools.product(*(cases for _, cases in sets)):
        values = {key: value for _, named in combination for key, value in named.items()}
        suffix = "-".join(identifier for identifier, _ in combination)
        yield (f"{name}[{suffix}]" if sets else name), functools.partial(call, **values)


def _read_mark(name: str, mark: Mark, function: Any) -> tuple[list[str], list[tuple[str, dict[str, object]]]]:
    """Argument names of a parametrize mark, and each of its cases with an id."""
    if mark.name != "parametrize" or len(mark.args) != 2 or mark.kwargs.keys() - {"ids"}:
        raise BeyondMiniError(f"{name}: mark {mark.name}")
    names, values = mark.args
    listed = [part.strip() for part in names.split(",") if part.strip()] if isinstance(names, str) else list(names)
    parameters = [ParameterSet.extract_from(value, force_tuple=len(listed) == 1) for value in list(values)]
    if not parameters or any(item.marks or len(item.values) != len(listed) for item in parameters):
        raise BeyondMiniError(f"{name}: marked, missing or surplus parameters")
    ids = mark.kwargs.get("ids")
    made = ids if ids is None or callable(ids) else list(itertools.islice(ids, len(parameters)))
    maker = IdMaker(listed, parameters, made if callable(made) else None, None if callable(made) else made, None, name)
    identifiers = [str(identifier) for identifier in maker.make_unique_parameterset_ids()]
    return listed, [
        (key, dict(zip(listed, item.values, strict=True))) for key, item in zip(identifiers, parameters, strict=True)
    ]


def _is_skip(error: BaseException) -> bool:
    case = sys.modules.get("unittest.case")
    return case is not None and isinstance(error, case.SkipTest)


def _describe(error: BaseException) -> str:
    """As pytest's short form: the type, but for a rewritten assertion only what it says."""
    text = str(error)
    name = type(error).__name__
    if type(error).__module__ not in {"builtins", "exceptions"}:
        name = f"{type(error).__module__}.{type(error).__qualname__}"
    # where the text holds a single quote, repr uses double ones, and pytest keeps the type
    if isinstance(error, AssertionError) and repr(error).startswith("AssertionError('assert "):
        return _first_line(text)
    return _first_line(f"{name}: {text}" if text else name)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:1000] if lines else ""
