"""Builtin exceptions and subclasses of them, as either side makes them from what the other one said."""

from __future__ import annotations

import builtins

BUILTIN_ERRORS = frozenset(
    value for value in vars(builtins).values() if isinstance(value, type) and issubclass(value, BaseException)
)


def construct_error(kind: type[BaseException], arguments: tuple[object, ...]) -> BaseException:
    """A `kind` with these arguments, made by the builtin class that it derives from; no other `__init__` is run."""
    base = builtin_base(kind)
    try:
        error = kind.__new__(kind, *arguments)
        # fills in what OSError and its like have; a StopIteration without a value ends the interpreter that reads it
        base.__init__(error, *arguments)
    except (TypeError, ValueError):
        error = BaseException.__new__(kind)
    error.args = arguments
    return error


def builtin_base(kind: type[BaseException]) -> type[BaseException]:
    """The nearest class that `kind` is or derives from and builtins has: pytest's outcomes only say they are there."""
    return next(base for base in kind.__mro__ if base in BUILTIN_ERRORS)
