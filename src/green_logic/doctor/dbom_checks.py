"""The folder of DBOM files: what lies there, and what became of a file that is not its row's."""

from __future__ import annotations

import os
from collections.abc import Iterator

from green_logic.doctor.patient import Fault, Patient
from green_logic.doctor.still import read_regular
from green_logic.errors import VerificationError
from green_logic.files import TEMPORARY_PREFIX
from green_logic.proof.dbom import check_dbom, dbom_name, parse_dbom


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
