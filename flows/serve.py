"""One machine, one command: a Prefect server, both deployments, and the watched inbox, kept alive until Ctrl-C.

    python -m flows.serve            what `green-logic serve` becomes

This process (`flows.house`) imports no Prefect. It keeps up to three children alive, each in a session of its own, so
that a Ctrl-C reaches this process alone and the children end in order:

    inbox    judges the files of data/inbox/ through the flow, or without Prefect while that is away (`flows.watching`)
    runner   runs the two deployments, by schedule and on request (`flows.runner`)
    server   Prefect on loopback; only when PREFECT_API_URL names no other (`flows.server`)

A child that dies is started again: whatever it did is recorded, and the rest is taken up. If this process is killed
outright, the kernel ends the children. No flow is defined here, so Prefect never loads this file a second time.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

from flows.children import end_with_parent
from flows.house import serve
from flows.runner import keep_deployments
from flows.server import START_S
from flows.watching import keep_inbox
from green_logic.commands import BAD, INTERRUPTED, USAGE, add_common, say, write_json
from green_logic.commands.serve import add_arguments, check_options, settings_of
from green_logic.errors import ConfigurationError, GreenLogicError

ROLES = {"house": serve, "inbox": keep_inbox, "runner": keep_deployments}


def make_parser() -> argparse.ArgumentParser:
    """The command line of `green-logic serve`, and what the house tells its children."""
    parser = argparse.ArgumentParser(prog="green-logic serve", allow_abbrev=False)
    parser.add_argument("--role", choices=ROLES, default="house", help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, default=time.time(), help=argparse.SUPPRESS)  # of the house
    parser.add_argument("--patience", type=float, default=START_S, help=argparse.SUPPRESS)  # with a silent API at first
    add_common(parser)
    add_arguments(parser)
    return parser


def main(words: list[str] | None = None) -> int:
    """Serve; the exit code of the command line."""
    options = make_parser().parse_args(words)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which `flows` has left to the kernel so far
    if options.role != "house":
        end_with_parent()
    try:
        settings = settings_of(options)
        check_options(options, settings)
        return ROLES[options.role](options, settings)
    except KeyboardInterrupt:
        return INTERRUPTED
    except GreenLogicError as error:
        if options.json and options.role == "house":
            content = {"code": error.code, "message": error.message, "hint": error.hint}
            write_json("serve", {"ok": False, "error": content})
        say(f"error: {error.message}\n  {error.hint}".rstrip(), file=sys.stderr)
        return USAGE if isinstance(error, ConfigurationError) else BAD


if __name__ == "__main__":
    sys.exit(main())
