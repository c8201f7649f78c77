"""A pytest session that is set up before any guest is forked, so that each one only collects and runs.

Reading the command line, registering plugins and finding their fixtures takes pytest several times longer than
collecting and running a few tests. None of it depends on a job, but for the directory, which is the same for every
guest of a worker.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
from _pytest.config import _prepareconfig

from green_logic.evaluation.isolation import guest

_ready: list[tuple[Path, pytest.Session]] = []


def prepare_pytest(box: str) -> None:
    """Set pytest up for guests whose directory is `box`."""
    finders, here = list(sys.meta_path), Path.cwd()
    hooks = sys.unraisablehook, threading.excepthook
    os.chdir(box)
    try:
        config = _prepareconfig(guest.pytest_arguments(Path.cwd()), [])
        config._do_configure()
        session = pytest.Session.from_config(config)
        config.hook.pytest_sessionstart(session=session)
        _ready.append((Path.cwd(), session))
    finally:
        os.chdir(here)
        # every guest is forked from here, also one that has nothing to do with pytest
        sys.meta_path[:] = finders
        sys.unraisablehook, threading.excepthook = hooks


def run_pytest(reporter: guest.Reporter) -> tuple[str, str]:
    """As `guest.run_pytest`, with the session that is ready for this directory, if there is one."""
    session = next((session for directory, session in _ready if directory == Path.cwd()), None)
    if session is None:
        return guest.run_pytest(reporter)
    recorder = guest.Recorder(reporter)
    hook = session.config.hook
    session.config.pluginmanager.register(recorder)
    code: int | pytest.ExitCode = pytest.ExitCode.INTERNAL_ERROR
    try:
        hook.pytest_collection(session=session)
        hook.pytest_runtestloop(session=session)
        failed, collected = session.testsfailed, session.testscollected
        code = pytest.ExitCode.NO_TESTS_COLLECTED if not failed and not collected else pytest.ExitCode.OK
    except (session.Failed, pytest.UsageError):
        code = pytest.ExitCode.TESTS_FAILED
    except (KeyboardInterrupt, pytest.exit.Exception):
        code = pytest.ExitCode.INTERRUPTED
    finally:
        hook.pytest_sessionfinish(session=session, exitstatus=code)
    return guest.read_end(recorder, code)
