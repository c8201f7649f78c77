"""What Prefect logs of a failure that we have put in words: the words and the next step, once, without the way there.

The state of the run and its message stay as they are; an error that is not ours keeps its traceback.
"""

from __future__ import annotations

import logging

from green_logic.errors import GreenLogicError

FLOW_LOGGER = "prefect.flow_runs"
REPETITION = "Engine execution exited with unexpected exception"  # of an error that was logged before


def put_in_words(record: logging.LogRecord) -> bool:
    """Whether a record is logged; one that carries an error of ours loses its traceback."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if not isinstance(error, GreenLogicError):
        return True
    if str(record.msg).startswith(REPETITION):
        return False
    record.msg, record.args = f"{error.message}\n  {error.hint}".rstrip(), ()
    record.exc_info = record.exc_text = None
    return True


def speak_plainly() -> None:
    """Let flow runs of this process log as above."""
    logging.getLogger(FLOW_LOGGER).addFilter(put_in_words)
