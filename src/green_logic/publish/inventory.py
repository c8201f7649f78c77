"""The inventory of an archive or a backup: JSON that carries its own digest, so that any changed byte of it shows.

It is written last: what has no inventory is not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from green_logic.errors import InvalidBattleError, VerificationError
from green_logic.files import write_file
from green_logic.strict_json import parse_json

SIZE_LIMIT = 16 << 20  # bytes
DIGEST = "digest"


def write_inventory(path: Path, content: Mapping[str, Any]) -> None:
    """Write an inventory whole and durable."""
    write_file(path, inventory_bytes(content))


def inventory_bytes(content: Mapping[str, Any]) -> bytes:
    """The one form of an inventory: sorted keys, a digest over everything else."""
    return _text({**content, DIGEST: hashlib.sha256(_text(content)).hexdigest()})


def read_inventory(path: Path, schema: str, types: Mapping[str, type]) -> dict[str, Any]:
    """A checked inventory, see `parse_inventory`. Raises VerificationError, also where there is none."""
    try:
        data = read_bounded(path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise VerificationError(f"{path.name} is missing in {path.parent}", kind="inventory") from error
    return parse_inventory(data, path.name, schema, types)


def parse_inventory(data: bytes, file_name: str, schema: str, types: Mapping[str, type]) -> dict[str, Any]:
    """A checked inventory of the given schema whose fields have the given types.

    The digest finds accidents; against a forger only signatures help, and those are in the DBOMs. Raises
    VerificationError.
    """
    if len(data) > SIZE_LIMIT:
        raise VerificationError(f"{file_name}: expected at most {SIZE_LIMIT} bytes", kind="inventory")
    try:
        content = parse_json(data)
    except InvalidBattleError as error:
        raise VerificationError(f"{file_name}: {error.message}", kind="inventory") from error
    rest = {name: value for name, value in content.items() if name != DIGEST} if isinstance(content, dict) else {}
    if inventory_bytes(rest) != data:
        raise VerificationError(f"{file_name}: it is not what was written", kind="inventory")
    if rest.get("schema") != schema:
        raise VerificationError(
            f"{file_name}: expected schema {schema}, got {rest.get('schema')!r}",
            kind="inventory",
            hint="update green-logic if it was written by a newer version",
        )
    wrong = [name for name, kind in types.items() if type(rest.get(name)) is not kind]
    if wrong:
        raise VerificationError(f"{file_name}: {', '.join(wrong)} missing or of a wrong type", kind="inventory")
    return rest


def read_bounded(path: Path) -> bytes:
    """Content of a small file, cut just above SIZE_LIMIT; a planted pipe is empty, not waited for. Raises OSError."""
    with open(path, "rb", opener=_open_without_waiting) as file:
        return file.read(SIZE_LIMIT + 1)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex. Not for a database that this process has open: closing it drops SQLite's locks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _text(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()
