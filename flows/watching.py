"""The inbox of `serve`: what arrives is judged through the flow, or without Prefect while that is away."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from flows.server import is_reachable, ledger_tag, wait_for_api
from green_logic.commands import BAD, GOOD, say
from green_logic.errors import GreenLogicError
from green_logic.inbox import Inbox, judge_file, work
from green_logic.pipeline import run_batch
from green_logic.settings import Settings
from green_logic.settling import settled_line

POLL_S = 0.7  # between two looks at the inbox


def keep_inbox(options: argparse.Namespace, settings: Settings) -> int:
    """Judge what arrives, for ever, or with --once what is there."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    api = os.environ["PREFECT_API_URL"]
    inbox = Inbox(settings)
    inbox.make()
    if not wait_for_api(api, options.patience):
        say(f"Prefect does not answer at {api}; judging without it until it does", file=sys.stderr)
    while True:
        for settled in work(inbox, partial(judge_anyhow, api), on_trouble=partial(_on_trouble, raising=options.once)):
            say(settled_line(settled), file=sys.stderr)
        for name, reason in inbox.strangers(time.monotonic()):
            say(f"{name} stays in the inbox: {reason}", file=sys.stderr)
        waiting = inbox.waiting()
        if options.once and all(map(inbox.is_stuck, waiting)):
            return BAD if waiting else GOOD
        time.sleep(POLL_S)


def judge_anyhow(api: str, path: Path, settings: Settings) -> dict[str, Any]:
    """Judge a file through the flow, or with the library's own loop when Prefect is away or fails."""
    if is_reachable(api):
        from prefect import tags  # noqa: PLC0415  it takes seconds

        from flows.battles import run_as_flow  # noqa: PLC0415  same

        try:
            with tags(f"serve-{ledger_tag(settings)}"):
                return {**judge_file(path, settings, run_as_flow), "by": "flow"}
        except GreenLogicError:
            raise
        except Exception as error:  # noqa: BLE001  whatever the scheduler throws, the work is ours
            say(f"Prefect failed ({type(error).__name__}: {error}); judging {path.name} without it", file=sys.stderr)
    return {**judge_file(path, settings, run_batch), "by": "library"}


def _on_trouble(name: str, error: GreenLogicError, pause_s: float, *, raising: bool) -> None:
    stuck = pause_s == math.inf
    if raising and not stuck:
        raise error
    again = "judged again when it or the folders change, or at the next start" if stuck else f"again in {pause_s:g} s"
    say(f"{name} stays in the inbox: {error.message}; {again}\n  {error.hint}".rstrip(), file=sys.stderr)
