"""What the solution says beside its answers, said again where the tests listen: see asides.py.

Nothing of it is done while a message is read: handlers and filters of the tests are called, which may raise. What they
raise would in one process have come out of the solution's own `warn` or `info`; here it comes when the call is over,
before whatever that gave or raised.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import threading
import types
import warnings
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _pytest.logging import LogCaptureHandler

from green_logic.evaluation.isolation.split.asides import BASE_LEVEL, MACHINERY, MAX_TOLD, Entry
from green_logic.evaluation.isolation.split.needs import LOGS, OUTPUT, WARNINGS
from green_logic.evaluation.isolation.split.records import RECORDS, restore_record
from green_logic.evaluation.isolation.split.values import check_number, check_text
from green_logic.evaluation.isolation.split.wire import LostError

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.tester import TestsPeer

STREAMS = ("stdout", "stderr")
LOGGERS = (logging.Logger, logging.RootLogger)
# tag -> what it is of, and how many parts it has
KINDS = {"o": (OUTPUT, 3), "W": (WARNINGS, 5), "L": (LOGS, 5)}
MAX_FILE = 4096  # characters of a path
PATIENCE_S = 0.1  # with a thread that says something: a handler of the tests may wait for this one


class Kept(threading.local):
    """What was raised on hearing something, for the calling thread to raise."""

    error: BaseException | None = None


class Listening:
    """T's ear. `kinds`: what the tests listen to."""

    def __init__(self, peer: TestsPeer, kinds: Collection[str]) -> None:
        self._peer = peer
        self._kinds = kinds
        self._heard: deque[Callable[[], None]] = deque()
        self._saying = threading.RLock()
        self._count = 0
        self._kept = Kept()
        self._loggers: set[str] = set()  # names of those handed over
        self._lowest = BASE_LEVEL
        self._first_filter = _find_first_filter()
        self._registries: dict[str, dict[Any, int]] = {}

    def name(self, value: Any) -> Any:
        """How a message names a logger or a record of the tests; None if it is neither."""
        if type(value) in LOGGERS and logging.getLogger(value.name) is value:
            self._loggers.add(value.name)
            return ["L", value.name]
        # a copy: the solution is to see what is in it, not to hold it
        return ["R", self._peer.encode(dict(vars(value)))] if type(value) in RECORDS else None

    def find_logger(self, name: object) -> logging.Logger:
        """The logger of that name. Raises LostError if no test has handed it over."""
        if check_text(name) not in self._loggers:
            raise LostError("a logger that no test handed over")
        return logging.getLogger(check_text(name))

    def changes(self) -> list[Entry]:
        """With what the tests listen now, as far as the solution has not been told."""
        entries: list[Entry] = []
        if LOGS in self._kinds and (lowest := _find_lowest()) != self._lowest:
            self._lowest = lowest
            entries.append(["V", lowest])
        if WARNINGS in self._kinds and (first := _find_first_filter()) is not self._first_filter:
            self._first_filter = first
            entries.append(["F"])
        return entries

    def read(self, entry: Entry) -> Callable[[], None] | None:
        """What is to be done about an entry of the solution's; None if it is another kind of news. Raises LostError."""
        kind, parts = KINDS.get(entry[0] if entry and type(entry[0]) is str else "", ("", 0))
        if not kind:
            return None
        if len(entry) != parts:
            raise LostError(f"{kind} that make no sense")
        if kind == OUTPUT:
            return functools.partial(_print, check_text(entry[1]), check_text(entry[2]))
        self._count += 1
        if kind not in self._kinds or self._count > MAX_TOLD:
            raise LostError(f"{kind} that the tests do not listen to, or too many")
        return self._read_warning(entry) if kind == WARNINGS else self._read_record(entry)

    def hear(self, say: Callable[[], None]) -> None:
        """Let `say` be done when no message is being read."""
        self._heard.append(say)

    def say(self) -> None:
        """Do what has been heard, and let other threads finish what they do of it."""
        is_first = self._saying.acquire(timeout=PATIENCE_S)
        try:
            while self._heard:
                self._say_oldest()
        finally:
            if is_first:
                self._saying.release()

    def _say_oldest(self) -> None:
        try:
            say = self._heard.popleft()
        except IndexError:  # another thread was faster
            return
        try:
            say()
        except BaseException as error:  # noqa: BLE001  a handler of the tests, or a warning that is an error
            self._kept.error = self._kept.error or error

    def check(self) -> None:
        """Raise what was raised meanwhile."""
        error, self._kept.error = self._kept.error, None
        if error is not None:
            raise error

    def _read_warning(self, entry: Entry) -> Callable[[], None]:
        message, file, line = self._peer.decode(entry[1]), check_text(entry[2]), check_number(entry[3])
        if not isinstance(message, Warning) or len(file) > MAX_FILE:
            raise LostError("a warning that is none")
        warn = functools.partial(self._warn, message, file, line)
        return functools.partial(_try, warn) if entry[4] is True else warn

    def _read_record(self, entry: Entry) -> Callable[[], None]:
        if type(entry[1]) is not dict:
            raise LostError("a log record that is none")
        record = restore_record({name: self._peer.decode(value) for name, value in entry[1].items()})
        decider, last = check_text(entry[2]), check_text(entry[4])
        return functools.partial(_log, record, decider, last, passed=entry[3] is True)

    def _warn(self, message: Warning, file: str, line: int) -> None:
        if not file:
            file, line = _find_caller()
        registry = self._registries.setdefault(file, {})
        warnings.warn_explicit(message, type(message), file, line, Path(file).stem, registry)


def _print(name: str, text: str) -> None:
    if name in STREAMS:
        getattr(sys, name).write(text)


def _try(warn: Callable[[], None]) -> None:
    """As a finalizer warns: an error that is made of it is nobody's."""
    with contextlib.suppress(Warning):
        warn()


def _log(record: logging.LogRecord, decider: str, last: str, *, passed: bool) -> None:
    """As `Logger.info` and its like. `decider`: the logger whose level the solution's record `passed`, or did not.

    It goes no further than to the logger `last`, where the solution's own records stop.
    """
    logger = logging.getLogger(record.name)
    if logger.disabled or not _is_wanted(record, decider, passed=passed) or not logger.filter(record):
        return
    here: logging.Logger | None = logger
    while here:
        _give(record, here.handlers)
        if here.name == last:
            if here is not logging.root:
                # pytest listens at loggers that do not propagate, too
                _give(record, [handler for handler in logging.root.handlers if isinstance(handler, LogCaptureHandler)])
            return
        here = here.parent if here.propagate else None


def _is_wanted(record: logging.LogRecord, decider: str, *, passed: bool) -> bool:
    """Whether a level of the tests admits a record; where they have set none further down, the solution's decides."""
    here: logging.Logger | None = logging.getLogger(record.name)
    while here:
        if _is_set(here):
            passed = record.levelno >= here.level
        if _is_set(here) or here.name == decider:
            break
        here = here.parent
    return passed and record.levelno > logging.root.manager.disable


def _is_set(logger: logging.Logger) -> bool:
    """Whether a logger's level is another one than every process has."""
    return logger.level != (logging.WARNING if logger is logging.root else logging.NOTSET)


def _give(record: logging.LogRecord, handlers: list[logging.Handler]) -> None:
    for handler in handlers[:]:
        if record.levelno >= handler.level:
            handler.handle(record)


def _find_lowest() -> int:
    """The lowest level that the tests have set anywhere, if it is below what is told anyway."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    levels = [one.level for one in loggers if isinstance(one, logging.Logger) and _is_set(one)]
    return min([BASE_LEVEL, *levels])


def _find_first_filter() -> object:
    """It changes whenever the tests put a filter before all others, or take theirs away."""
    return warnings.filters[0] if warnings.filters else None


def _find_caller() -> tuple[str, int]:
    """File and line of the test that called the solution."""
    frame: types.FrameType = sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(MACHINERY):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
