"""When things run, and again when they fail. No logic: every flow calls `green_logic`, which never imports Prefect.

Prefect reads its settings at import, so what every start of ours needs is set here, before any flow file imports it. A
variable that the operator has set stays.
"""

import os
import signal
import sys

DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # the temporary server needs 17-40 s on two busy cores; Prefect's own limit is 20 s
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "green_logic",
}

for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)

# While `python -m` looks for its module, argv has "-m" in its place. What Ctrl-C does is settled here, for the module
# itself imports Prefect, which takes seconds.
_program = sys.orig_argv[-len(sys.argv)] if sys.argv[:1] == ["-m"] else ""
if _program in {"flows.battles", "flows.publish"}:
    from flows.interrupts import take_over
    from green_logic.cli import interrupted

    take_over(lambda: interrupted(["run", *sys.argv[1:]]) if _program == "flows.battles" else 130)
if _program == "flows.serve":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until it has begun; a traceback of its imports helps nobody
