"""Measuring on a noisy machine: interleaved rounds, medians, CPU time of whole process trees."""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def interleave(candidates: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of what each candidate returns, all run in every round in a shuffled order."""
    figures: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            figures[name].append(candidates[name]())
    return {name: statistics.median(values) for name, values in figures.items()}


def cpu_of(command: Sequence[str], **environment: str) -> float:
    """CPU seconds, user and system, of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wall_of(action: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def make_key() -> str:
    """A new signing key as PEM, so that a benchmark does not use the user's own."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Ed25519PrivateKey.generate().private_bytes(*form).decode()


def machine() -> str:
    """What it ran on."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
