"""The judge's key and its public half beside the data."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from green_logic.doctor.patient import Fault, Patient
from green_logic.settings import PUBLIC_NAME


def check_keys(patient: Patient) -> Iterator[Fault]:
    """The key is there, is the ledger's, and is for its owner's eyes only."""
    path, keyids = patient.key_file, patient.books.keyids
    where = path or "the setting signing_key"
    if path is not None and path.exists():
        yield from _check_file(patient, path)
    if patient.key_problem:
        yield patient.fault("key-unreadable", where, patient.key_problem)
    elif patient.key is None and (keyids or patient.settings.signing_key):
        yield patient.fault("key-lost", where, "there is no such file")
    elif patient.key is not None and keyids and patient.key.keyid != keyids[-1]:
        yield patient.fault("key-foreign", where, f"is {patient.key.keyid}, the ledger is signed by {keyids[-1]}")


def _check_file(patient: Patient, path: Path) -> Iterator[Fault]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield patient.fault("key-exposed", path, f"has mode {mode:o}, expected 600")
    if path.resolve().is_relative_to(patient.settings.data_dir.resolve()):
        yield patient.fault("key-published", path, "lies in the data directory")


def check_public_key(patient: Patient) -> Iterator[Fault]:
    """`judge.pub` holds the ledger's keys."""
    path = patient.settings.data_dir / PUBLIC_NAME
    if not patient.books.present or patient.books.error is not None:
        return
    if not path.is_file():
        there = os.path.lexists(path)
        yield patient.fault("public-key-lost", path, "is not a file" if there else "there is no such file")
    elif patient.books.report is None:
        yield patient.fault("public-key-differs", path, "holds no key that can be read, so nothing could be checked")
    else:
        for one in patient.books.findings("public-key"):
            yield patient.fault("public-key-differs", path, one.message)
