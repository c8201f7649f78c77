"""The folder of DBOM files: what lies there, and what became of a file that is not its row's."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from green_logic.doctor.patient import Fault, Patient
from green_logic.errors import VerificationError
from green_logic.files import TEMPORARY_PREFIX
from green_logic.proof.dbom import SIZE_LIMIT, check_dbom, dbom_name, parse_dbom

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a planted link or pipe must not lead astray


def check_dboms(patient: Patient) -> Iterator[Fault]:
    """Every row has its DBOM file, and there is no other."""
    books, folder = patient.books, patient.settings.dboms
    for one in books.findings("dbom-missing"):
        if os.path.lexists(folder / one.where):
            yield patient.fault("dbom-unreadable", folder / one.where, "is not a file that can be read")
        elif one.where not in books.pruned:
            yield patient.fault("dbom-missing", folder / one.where, one.message)
    for one in books.findings("downgrade"):
        yield patient.fault("dbom-downgraded", folder / one.where, one.message)
    for one in books.findings("dbom-differs"):
        yield _classify(patient, one.where, one.message)
    for one in books.findings("orphan-file"):
        yield _classify_orphan(patient, one.where)
    for one in books.findings("foreign-file"):
        if not one.where.startswith(TEMPORARY_PREFIX):  # those are leftovers
            yield patient.fault("foreign-file", folder / one.where, one.message)


def _classify(patient: Patient, name: str, message: str) -> Fault:
    path = patient.settings.dboms / name
    data = read_regular(path)
    if data is None:
        return patient.fault("dbom-unreadable", path, "is not a file that can be read")
    try:
        battle_id = parse_dbom(data)["battle_id"]
    except VerificationError as error:
        return patient.fault("dbom-torn", path, f"{error.message} ({len(data)} bytes)")
    if dbom_name(battle_id) != name:
        return patient.fault("dbom-swapped", path, f"holds the DBOM of {battle_id}")
    return patient.fault("dbom-edited", path, message)


def _classify_orphan(patient: Patient, name: str) -> Fault:
    path = patient.settings.dboms / name
    data = read_regular(path)
    if data is None:
        return patient.fault("dbom-planted", path, "belongs to no row and is not a file that can be read")
    try:
        check_dbom(data, patient.books.keys, name=name, origin=patient.books.origin)
    except VerificationError as error:
        return patient.fault("dbom-planted", path, f"belongs to no row: {error.message}")
    return patient.fault("dbom-unrecorded", path, "belongs to no row, but its seal is good")


def read_regular(path: Path) -> bytes | None:
    """Content of an ordinary file, cut after the largest DBOM; None for anything else, without following or waiting."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(SIZE_LIMIT + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
