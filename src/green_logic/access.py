"""What this user may not do with a path: the difference between what to ask an owner for."""

from __future__ import annotations

import os
from pathlib import Path


def missing_permission(path: str | Path) -> str:
    """ "read" where this user may not look at a path, or into a directory above it; else "write".

    To be asked once something was refused. What is not there is judged by the directory in which it would be.
    """
    found = next((one for one in (Path(path), *Path(path).parents) if _may(one, os.F_OK)), Path("/"))
    return "write" if _may(found, os.R_OK | os.X_OK if found.is_dir() else os.R_OK) else "read"


def _may(path: Path, mode: int) -> bool:
    # as an open would be decided: by the effective user
    return os.access(path, mode, effective_ids=True)
