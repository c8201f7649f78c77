"""CPU time of the command line before its own work, against a bare interpreter."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import cpu_of, interleave, machine, make_key
from green_logic.ledger.database import Ledger
from green_logic.proof.keys import load_signing_key
from green_logic.settings import load_settings

ROUNDS = 15


def main() -> None:
    """Print the figures."""
    program = str(Path(sys.executable).with_name("green-logic"))
    with tempfile.TemporaryDirectory() as directory:
        settings = load_settings({"data_dir": directory, "signing_key": make_key()})
        Ledger.open(settings, load_signing_key(settings)).close()
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "green-logic --help": [program, "--help"],
            "green-logic status": [program, "status", "-C", directory],
        }
        figures = interleave({name: lambda line=line: cpu_of(line) for name, line in commands.items()}, ROUNDS)
    base = figures["python -c pass"]
    print(f"\ncommand line, CPU ms, median of {ROUNDS} ({machine()})")
    for name, seconds in figures.items():
        print(f"  {name:<22} {1000 * seconds:6.1f}   x{seconds / base:.1f}")


if __name__ == "__main__":
    main()
