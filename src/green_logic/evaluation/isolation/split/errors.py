"""Exceptions on the tests' side: how theirs are told, and the solution's from descriptions that nobody trusts."""

from __future__ import annotations

import builtins
import contextlib
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.builtin_errors import builtin_base, construct_error
from green_logic.evaluation.isolation.split.proxies import is_remote, number_of
from green_logic.evaluation.isolation.split.standard_names import find_standard_class, name_standard_class
from green_logic.evaluation.isolation.split.values import check_list, check_number, check_text
from green_logic.evaluation.isolation.split.verdicts import OUTCOMES, is_verdict, mark_as_solutions
from green_logic.evaluation.isolation.split.wire import LostError

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.tester import TestsPeer

MAX_NESTING = 12
SKIPPING = ("unittest", "doctest")  # whose exceptions mean something to pytest


def tell_error(peer: TestsPeer, error: BaseException) -> dict[str, Any]:
    """An exception for S: its own, or a builtin base and the text; of a test's verdict not even that."""
    own = number_of(error) if is_remote(error) else None
    if own is None:
        number = peer.handed.number_of(error)
    base = builtin_base(type(error))
    text, told = ("", ()) if is_verdict(error) else (str(error)[:1000], error.args)
    try:
        arguments = [peer.encode(argument) for argument in told]
    except (ValueError, TypeError):
        arguments = [text]
    standard = name_standard_class(type(error)) if type(error) is not base else None
    is_of_tests = own is None and standard is None and type(error) not in {base, *OUTCOMES}
    return {
        "class": peer.encode(type(error)) if is_of_tests else None,
        "own": own,
        "number": number if own is None else 0,
        "base": base.__name__,
        "standard": standard,
        "name": type(error).__name__,
        "text": text,
        "args": arguments,
    }


def restore_error(peer: TestsPeer, data: Any, depth: int = 0) -> BaseException:
    """The exception that `describing.describe_error` described. Raises LostError."""
    if type(data) is list and data[:1] == ["h"]:
        handed = peer.decode(data)
        if not isinstance(handed, BaseException):
            raise LostError("an exception that is none")
        return handed
    if type(data) is not dict or depth > MAX_NESTING:
        raise LostError("an exception without a description")
    base = vars(builtins).get(check_text(data.get("base")))
    if not isinstance(base, type) or not issubclass(base, BaseException):
        raise LostError("an exception with an impossible base")
    arguments = tuple(peer.decode(argument) for argument in check_list(data.get("args")))
    if "own" in data:
        error = _restore_own(peer, data, arguments)
    elif "handed" in data:
        error = _restore_handed(peer.decode(["h", data["handed"]]), arguments)
    else:
        error = _restore_builtin(peer, base, data, arguments, depth)
    mark_as_solutions(error)
    if "cause" in data:
        error.__cause__ = restore_error(peer, data["cause"], depth + 1)
    if "context" in data:
        is_cause = data["context"] == "cause"
        error.__context__ = error.__cause__ if is_cause else restore_error(peer, data["context"], depth + 1)
    error.__suppress_context__ = data.get("suppress") is True
    if "notes" in data:
        error.__notes__ = [check_text(note) for note in check_list(data["notes"])]
    return error


def _restore_own(peer: TestsPeer, data: dict[str, Any], arguments: tuple[Any, ...]) -> BaseException:
    """An instance of an exception class of the solution."""
    number, class_number = map(check_number, check_list(data["own"]))
    cls = peer.proxies.class_of(class_number)
    if not issubclass(cls, BaseException):
        raise LostError("an exception that is none")
    error: Any = peer.proxies.of(number, cls)
    own = object.__getattribute__(error, "__dict__")
    text = check_text(data.get("text"))
    BaseException.args.__set__(error, arguments)  # type: ignore[attr-defined]
    own["_text"] = text
    if isinstance(error, StopIteration):
        StopIteration.__init__(error, *arguments)  # without a value it ends the interpreter that reads it
    error.__traceback__ = None
    return error  # type: ignore[no-any-return]


def _restore_handed(kind: Any, arguments: tuple[Any, ...]) -> BaseException:
    """What the solution made of an exception class that a test handed over: the test's own class makes it again."""
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        raise LostError("an exception that is none")
    try:
        return kind(*arguments)
    except Exception:  # noqa: BLE001  it wants other arguments than it keeps
        return construct_error(kind, arguments)


def _restore_builtin(
    peer: TestsPeer, base: type[BaseException], data: dict[str, Any], arguments: tuple[Any, ...], depth: int
) -> BaseException:
    if "group" in data and issubclass(base, BaseExceptionGroup):
        parts = [restore_error(peer, part, depth + 1) for part in check_list(data["group"])]
        return base(check_text(data.get("text")).rpartition(" (")[0], parts)
    attributes: list[Any] = []
    if "standard" in data:
        module, name, attributes = check_list(data["standard"])
        found = find_standard_class(check_text(module), check_text(name))
        if found and issubclass(found, base) and module.partition(".")[0] not in SKIPPING:
            base = found
    error = construct_error(base, arguments)
    if "file" in data and isinstance(error, OSError):
        error.filename = check_text(data["file"])
    for entry in check_list(attributes):
        attribute, value = check_list(entry)
        if check_text(attribute).startswith("_"):
            raise LostError("an exception with an impossible attribute")
        with contextlib.suppress(AttributeError, TypeError):
            setattr(error, attribute, peer.decode(value))
    return error
