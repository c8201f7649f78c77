"""What the solution says beside its answers: what it prints, warns of and logs. For tests that listen to it.

It goes with the next message, in the order in which it was said, and the tests' process says it again (listening.py).

    ["o", stream, text]    ["W", warning, file, line, of a finalizer]
    ["L", {attribute of a log record: value, ...}, logger with the level that held, passed that, last logger reached]

The tests' process tells no more of what it listens with than it must: patterns, categories and names of loggers are
what tests expect.

    ["V", the lowest level that any logger is set to]    ["F"]    its filters of warnings are other ones
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.channels import UNSAYABLE
from green_logic.evaluation.isolation.split.loops import AWAITED_THERE
from green_logic.evaluation.isolation.split.needs import LOGS, OUTPUT, WARNINGS
from green_logic.evaluation.isolation.split.records import describe_record

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.solution import SolutionPeer

TUNINGS = ("V", "F")
MAX_SAID, MAX_TOLD = 10_000, 50_000  # warnings and records between two messages, and in a run; more are not told
MACHINERY = str(Path(__file__).parent.parent)  # what stands between a solution and the test that calls it
BASE_LEVEL = logging.WARNING  # from which on everything logged is told, whatever the levels of loggers

Entry = list[Any]


class Asides:
    """What has been said since the tests last heard of it. `kinds`: what they listen to."""

    def __init__(self, peer: SolutionPeer, kinds: Collection[str]) -> None:
        self._peer = peer
        self._said: list[Callable[[], Entry]] = []
        self._told = 0
        self._lowest = BASE_LEVEL
        if OUTPUT in kinds:
            for name in ("stdout", "stderr"):
                setattr(sys, name, _Printed(self._said.append, name))
        if WARNINGS in kinds:
            self._show_warning = warnings._showwarnmsg_impl  # type: ignore[attr-defined]
            warnings._showwarnmsg_impl = self._warned  # type: ignore[attr-defined]
            _leave_filtering()
        else:
            # pytest keeps them from stderr
            warnings._showwarnmsg_impl = lambda _: None  # type: ignore[attr-defined]
        # as pytest has its own there: nothing is printed for want of a handler
        logging.root.addHandler(logging.NullHandler())
        if LOGS in kinds:
            logging.Logger.callHandlers = self._telling(logging.Logger.callHandlers)  # type: ignore[method-assign]
            logging.Logger.isEnabledFor = self._enabling(logging.Logger.isEnabledFor)  # type: ignore[method-assign]

    def take(self) -> list[Entry]:
        """What was said, encoded."""
        taken = self._said[:]
        del self._said[: len(taken)]
        entries: list[Entry] = []
        for tell in taken:
            with contextlib.suppress(*UNSAYABLE):
                entries.append(tell())
        return entries

    def tune(self, entry: Entry) -> None:
        """Follow what the tests listen with."""
        if entry[0] == "F":
            _leave_filtering()  # theirs would now stand before what the solution has set
        else:
            self._lowest = entry[1]

    def _warned(self, shown: warnings.WarningMessage) -> None:
        if not isinstance(shown.message, Warning):  # a text, by a call of showwarning
            self._show_warning(shown)
            return
        message, file, line = shown.message, shown.filename, shown.lineno
        is_late = shown.source is not None  # something is warned of that is gone by now
        # what the solution means by its caller is the test
        place = ["", 0] if file == "sys" or file.startswith(MACHINERY) else [file, line]
        self._say(lambda: ["W", self._peer.encode(message), *place, is_late])

    def _telling(self, call: Callable[[logging.Logger, logging.LogRecord], None]) -> Any:
        """`Logger.callHandlers`, with the tests behind the loggers that a record goes through."""

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            decider = _find_decider(logger)
            if record.levelno >= decider.level:
                self._log(logger, record, [decider.name, True])
                call(logger, record)
            else:
                # for the tests only: a text that cannot be made would in one process never have been made
                with contextlib.suppress(Exception):
                    self._log(logger, record, [decider.name, False])

        return call_handlers

    def _log(self, logger: logging.Logger, record: logging.LogRecord, passed: list[Any]) -> None:
        told, encode = describe_record(record), self._peer.encode
        while logger.propagate and logger.parent:
            logger = logger.parent
        self._say(lambda: ["L", {key: encode(value) for key, value in told.items()}, *passed, logger.name])

    def _enabling(self, ask: Callable[[logging.Logger, int], bool]) -> Any:
        """`Logger.isEnabledFor`: where a logger asks itself, also for what the tests may want to hear of."""

        def is_enabled_for(logger: logging.Logger, level: int) -> bool:
            if ask(logger, level):
                return True
            may_be_heard = level >= self._lowest and level > logger.manager.disable
            return may_be_heard and sys._getframe(1).f_globals is vars(logging)

        return is_enabled_for

    def _say(self, tell: Callable[[], Entry]) -> None:
        if len(self._said) < MAX_SAID and self._told < MAX_TOLD:
            self._told += 1
            self._said.append(tell)


def _leave_filtering() -> None:
    """Show every warning, and that to the tests, which decide: as where a recording begins, in one process."""
    warnings.showwarning = warnings._showwarning_orig  # type: ignore[attr-defined]
    warnings.resetwarnings()
    warnings.simplefilter("always")
    warnings.filterwarnings("ignore", AWAITED_THERE)


def _find_decider(logger: logging.Logger) -> logging.Logger:
    """The logger whose level holds for `logger`."""
    while logger.parent and not logger.level:
        logger = logger.parent
    return logger


class _Printed:
    """Text stream that keeps what is written for the tests' process."""

    encoding, errors, closed = "utf-8", "replace", False

    def __init__(self, say: Callable[[Callable[[], Entry]], None], name: str) -> None:
        self._say = say
        self._name = name

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._say(lambda: ["o", self._name, text])
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing: it goes with the next message."""

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("captured output has no descriptor")
