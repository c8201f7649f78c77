"""Which copies were compared with their originals, and what size and time both had then.

A record only saves reading: where it is missing or makes no sense, everything is compared again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from green_logic.files import make_directory, write_file
from green_logic.settings import Settings


def read_record(settings: Settings, address: str) -> dict[str, list[str]]:
    """File name → marks of the original and of its copy at an address; empty without a record that can be used."""
    try:
        found = orjson.loads(_path(settings, address).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: marks for name, marks in found.items() if isinstance(marks, list)}


def write_record(settings: Settings, address: str, marks: dict[str, list[str]]) -> None:
    """Replace the record of an address."""
    make_directory(settings.spool)
    write_file(_path(settings, address), orjson.dumps(marks, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))


def _path(settings: Settings, address: str) -> Path:
    return settings.spool / f"copies-{hashlib.sha256(address.encode()).hexdigest()[:16]}.json"
