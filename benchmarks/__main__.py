"""All benchmarks, one after the other: two at once would measure each other."""

from __future__ import annotations

import subprocess
import sys

MODULES = (
    "command_line",
    "record",
    "evaluate",
    "split",
    "mutation",
    "orchestration",
    "export",
    "archive",
    "audit",
    "importing",
)

if __name__ == "__main__":
    chosen = sys.argv[1:] or MODULES
    failed = [
        name for name in chosen if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
