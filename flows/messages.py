"""What Prefect logs of a failure that we have put in words: the words and the next step, once, without the way there.

The state of the run and its message stay as they are; an error that is neither ours nor that of a lost connection keeps
its traceback.
"""

from __future__ import annotations

import logging

from green_logic.errors import GreenLogicError

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
INTERRUPTED = "aborted by an interrupt signal"  # whoever pressed Ctrl-C knows, and the state of the run says it
REPETITION = "Engine execution exited with unexpected exception"  # of an error that was logged before


def put_in_words(record: logging.LogRecord) -> bool:
    """Whether a record is logged: not that of a Ctrl-C. Ours, and that of a lost connection, loses its traceback."""
    if INTERRUPTED in record.getMessage():
        return False
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is None or not (isinstance(error, GreenLogicError) or is_lost_server(error)):
        return True
    if str(record.msg).startswith(REPETITION):
        return False
    words = f"{error.message}\n  {error.hint}" if isinstance(error, GreenLogicError) else f"Prefect's server: {error}"
    record.msg, record.args = words.rstrip(), ()
    record.exc_info = record.exc_text = None
    return True


def is_lost_server(error: BaseException) -> bool:
    """Whether an error says that Prefect's server cannot be reached."""
    # by name: the client is Prefect's choice, its errors are no OSErrors, and importing it costs where nothing failed
    return type(error).__module__.partition(".")[0] in {"httpx", "httpcore"}


def speak_plainly() -> None:
    """Let flow runs of this process log as above."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(put_in_words)
