"""`green-logic config`: every setting, its value, and where the value came from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from green_logic.commands import GOOD, USAGE, say, write_json
from green_logic.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "every setting, its value and where it came from; secrets are not shown"
EXAMPLES = """examples:
  green-logic config                                       flag > GREEN_LOGIC_… > green-logic.toml > default
  green-logic config --json | jq '.settings.workers'       {"value": 0, "source": "default"}"""
HIDDEN = "(a private key, not shown)"
VALUE_WIDTH = 12  # of the column, so that one long path does not push every source off a narrow terminal
MASK = "…"  # in the place of what may be a secret in an address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing of its own."""


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Read and tell."""
    shown, faults = describe(settings), find_faults(settings)
    if options.json:
        write_json("config", {"ok": not faults, "settings": shown, **_document(faults)})
    else:
        _tell(shown, faults)
    return USAGE if faults else GOOD


def _document(faults: dict[str, ConfigurationError]) -> dict[str, Any]:
    """All of them, and the first as the error that every document of a failure has."""
    told = {name: {"code": fault.code, "message": fault.message, "hint": fault.hint} for name, fault in faults.items()}
    return {"error": next(iter(told.values())), "faults": told} if told else {}


def _tell(shown: dict[str, dict[str, Any]], faults: dict[str, ConfigurationError]) -> None:
    names = max(map(len, shown))
    values = min(VALUE_WIDTH, max(len(_text(entry["value"])) for entry in shown.values()))
    for name, entry in shown.items():
        say(f"{name:<{names}}  {_text(entry['value']):<{values}}  {entry['source']}".rstrip())
    for fault in faults.values():
        say(f"error: {fault.message}" + f"\n  {fault.hint}" * bool(fault.hint), file=sys.stderr)


def find_faults(settings: Settings) -> dict[str, ConfigurationError]:
    """Setting → what is wrong with it."""
    faults: dict[str, ConfigurationError] = {}
    for name in settings._fields:
        try:
            check_setting(name, settings)
        except ConfigurationError as fault:
            faults[name] = fault
    return faults


def check_setting(name: str, settings: Settings) -> None:
    """Raises ConfigurationError for what the command that comes to need the setting would refuse. Asks nobody."""
    value = getattr(settings, name)
    if name in {"export_to", "archive_to", "backup_to"} and value:
        from green_logic.publish.store import check_place

        check_place(name, value)
    elif name == "keep" and value:
        from green_logic.publish.retention import parse_keep

        parse_keep(value)
    elif name == "judge" and value:
        from green_logic.agent import judge_settings

        judge_settings(settings)


def describe(settings: Settings) -> dict[str, dict[str, Any]]:
    """Setting → its value as JSON has it, and its source. A key that is given in the setting itself is hidden."""
    shown: dict[str, dict[str, Any]] = {}
    for name in settings._fields:
        if name == "sources":
            continue
        value = getattr(settings, name)
        if name == "signing_key" and not is_path(value):
            value = HIDDEN
        if isinstance(value, str) and "://" in value:
            value = without_secrets(value)
        plain = str(value) if isinstance(value, Path) else value
        shown[name] = {"value": plain, "source": settings.sources.get(name, "default")}
    return shown


def is_path(signing_key: str) -> bool:
    """Whether the setting names a file. In doubt it is a secret: a PEM has dashes and line ends, maybe escaped ones."""
    return (
        "-----" not in signing_key and "\n" not in signing_key and "\\n" not in signing_key and len(signing_key) < 256
    )


def without_secrets(address: str) -> str:
    """An address without user, password, and parameters that may be keys."""
    import re

    telling = r"(?i)([?&][^=&]*(?:key|secret|token|password|credential|signature)[^=&]*=)[^&]*"
    return re.sub(telling, rf"\1{MASK}", re.sub(r"(?<=://)[^/?]*@", f"{MASK}@", address))


def _text(value: object) -> str:
    return "–" if value in (None, "") else str(value)
