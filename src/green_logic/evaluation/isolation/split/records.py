"""Log records between the two sides: as the solution logged one, and as the tests' handlers are given it again."""

from __future__ import annotations

import logging
from typing import Any

from green_logic.evaluation.isolation.split.values import check_text
from green_logic.evaluation.isolation.split.wire import LostError

MAX_TEXT, MAX_NAME = 100_000, 4096  # characters of a message or a traceback, and of all else
MAX_EXTRA = 20
SCALARS = frozenset({str, int, float, bool, type(None)})
# attributes that are told as they are, if they have this type
PLAIN: dict[str, type] = {
    "name": str,
    "levelno": int,
    "levelname": str,
    "pathname": str,
    "lineno": int,
    "funcName": str,
    "created": float,
    "msecs": float,
    "relativeCreated": float,
    "threadName": str,
    "exc_text": str,
    "stack_info": str,
}
NEEDED = ("name", "levelno", "levelname", "pathname", "lineno")
MADE = frozenset({*vars(logging.makeLogRecord({})), *dir(logging.LogRecord), "message", "asctime"})
TEXT, ERROR, EXTRA = "text", "error", "extra "
FORMATTED = (ERROR, "exc_text", "stack_info")  # what a formatter puts into the text


class HeardRecord(logging.LogRecord):
    """One that the solution logged. Its text was made over there."""

    _heard = ""

    def getMessage(self) -> str:  # noqa: N802  the name that handlers ask for
        """The text, whatever `msg` and `args` are."""
        return self._heard


RECORDS = (logging.LogRecord, HeardRecord)


def describe_record(record: logging.LogRecord) -> dict[str, Any]:
    """What the other side must know of `record`, in values for a codec. Raises what making its text raises."""
    text = record.getMessage()[:MAX_TEXT]
    message, args = (record.msg, record.args) if _is_plain(record.args) else (text, ())
    told: dict[str, Any] = {TEXT: text, "msg": message, "args": args}
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        told[ERROR] = error
        told["exc_text"] = record.exc_text or logging.Formatter().formatException(record.exc_info)  # type: ignore[arg-type]
    own = vars(record)
    told |= {name: own[name] for name, kind in PLAIN.items() if name not in told and type(own.get(name)) is kind}
    told |= {name: value[: _longest(name)] for name, value in told.items() if PLAIN.get(name) is str}
    extra = [name for name in own if _is_extra(name)][:MAX_EXTRA]
    return told | {EXTRA + name: own[name] for name in extra}


def restore_record(told: dict[str, Any]) -> HeardRecord:
    """The record that `describe_record` of the other side described. Raises LostError if it did not."""
    for name, kind in PLAIN.items():
        value = told.get(name)
        if type(value) is not kind and (name in told or name in NEEDED):
            raise LostError(f"a log record with an impossible {name}")
        if type(value) is str and len(value) > _longest(name):
            raise LostError(f"a log record with a {name} of {len(value)} characters")
    if not _is_plain(args := told.get("args")):
        raise LostError("a log record with impossible arguments")
    record = HeardRecord(
        told["name"], told["levelno"], told["pathname"], told["lineno"], told.get("msg"), (), None, told.get("funcName")
    )
    record._heard, record.args = _check_length(told.get(TEXT)), args
    vars(record).update({name: told[name] for name in PLAIN if name in told})
    if ERROR in told:
        error = told[ERROR]
        if not isinstance(error, BaseException):
            raise LostError("a log record of an exception that is none")
        record.exc_info = (type(error), error, error.__traceback__)
    _add_extra(record, told)
    return record


def _add_extra(record: HeardRecord, told: dict[str, Any]) -> None:
    extra = [name for name in told if name.startswith(EXTRA)]
    if len(extra) > MAX_EXTRA:
        raise LostError("a log record with too much beside it")
    for name in extra:
        if not _is_extra(own := name.removeprefix(EXTRA)):
            raise LostError("a log record with an impossible attribute")
        vars(record)[own] = told[name]


def _is_plain(args: object) -> bool:
    """Whether these are a message's arguments, and nothing but text and numbers."""
    if type(args) is dict:
        return SCALARS.issuperset(map(type, args.values()))
    return type(args) is tuple and SCALARS.issuperset(map(type, args))


def _longest(name: str) -> int:
    return MAX_TEXT if name in FORMATTED else MAX_NAME


def _is_extra(name: str) -> bool:
    """Whether a record can have this of what a call gave as `extra`."""
    return name.isidentifier() and not name.startswith("_") and name not in MADE


def _check_length(text: object) -> str:
    if len(checked := check_text(text)) > MAX_TEXT:
        raise LostError(f"a log record with a text of {len(checked)} characters")
    return checked
