"""A clock that jumps instead of waiting, so that tests which sleep for a minute end at once and always the same way.

While a guest has one thread and no child, nobody can tell a sleep from a jump of every clock. With other threads or
children alive, sleeping is real: their order is what such a test is about.
"""

from __future__ import annotations

import ctypes
import datetime
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import SupportsIndex

NANO = 1_000_000_000


class VirtualClock:
    """How far this process's clocks are ahead. `install` makes it the clock of the whole process, for good."""

    def __init__(self) -> None:
        self.ahead_ns = 0
        self.real_sleep = time.sleep
        # in split execution: whether the process at the other end lives in real time
        self.is_watched_elsewhere: Callable[[], bool] = lambda: False
        # there too: called after a sleep in real time, in which the other end may have gone on
        self.catch_up: Callable[[], None] = lambda: None

    def sleep(self, seconds: float | SupportsIndex, /) -> None:
        """Stand-in for time.sleep."""
        # the real one also says what is wrong with a number of seconds
        if not isinstance(seconds, (int, float)) or not seconds >= 0 or self._is_watched():
            self.real_sleep(seconds)
            self.catch_up()
        else:
            self.ahead_ns += int(seconds * NANO)

    def install(self) -> None:
        """Replace time.sleep and every clock that a sleep moves."""
        time.sleep = self.sleep
        for name in ("time", "monotonic", "perf_counter"):
            setattr(time, name, self._in_seconds(getattr(time, f"{name}_ns")))
            setattr(time, f"{name}_ns", self._in_nanoseconds(getattr(time, f"{name}_ns")))
        self._install_calendar()
        self._install_datetime()

    def _is_watched(self) -> bool:
        return self.is_watched_elsewhere() or self.is_busy()

    def is_busy(self) -> bool:
        """Whether something else goes on in real time in this process: a thread, a child, an alarm."""
        if threading.active_count() > 1 or signal.getitimer(signal.ITIMER_REAL)[0] > 0:
            return True
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True

    def _in_nanoseconds(self, real: Callable[[], int]) -> Callable[[], int]:
        return lambda: real() + self.ahead_ns

    def _in_seconds(self, real_ns: Callable[[], int]) -> Callable[[], float]:
        return lambda: (real_ns() + self.ahead_ns) / NANO

    def _install_calendar(self) -> None:
        """time.localtime and its kin read the real clock when they are given no time."""
        now = time.time
        localtime, gmtime, ctime, asctime, strftime = (
            time.localtime,
            time.gmtime,
            time.ctime,
            time.asctime,
            time.strftime,
        )
        time.localtime = lambda seconds=None, /: localtime(now() if seconds is None else seconds)
        time.gmtime = lambda seconds=None, /: gmtime(now() if seconds is None else seconds)
        time.ctime = lambda seconds=None, /: ctime(now() if seconds is None else seconds)
        time.asctime = lambda moment=None, /: asctime(localtime(now()) if moment is None else moment)
        time.strftime = lambda form, moment=None, /: strftime(form, localtime(now()) if moment is None else moment)

    def _install_datetime(self) -> None:
        """Patch the type itself: a subclass would break isinstance, pickling and `from datetime import datetime`.

        datetime.today and date.today need nothing, they call time.time.
        """
        now_s = time.time

        def now(cls: type[datetime.datetime], tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return cls.fromtimestamp(now_s(), tz)

        def utcnow(cls: type[datetime.datetime]) -> datetime.datetime:
            return cls.fromtimestamp(now_s(), datetime.UTC).replace(tzinfo=None)

        # the mapping behind the read-only view is the only thing that it refers to
        (attributes,) = gc.get_referents(datetime.datetime.__dict__)
        attributes.update(now=classmethod(now), utcnow=classmethod(utcnow))
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))


_installed: list[VirtualClock] = []


def install_clock() -> VirtualClock:
    """The virtual clock of this process, installed here or in the process that it was forked from.

    Until something sleeps it is the real one, a little slower.
    """
    if not _installed:
        _installed.append(VirtualClock())
        _installed[0].install()
    return _installed[0]
