"""The newest checkpoint beside the data, and what this user's judge remembers of it: together they show a rollback."""

from __future__ import annotations

import os
from collections.abc import Iterator

from green_logic.doctor.patient import Fault, Patient
from green_logic.doctor.still import read_regular
from green_logic.errors import VerificationError
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint
from green_logic.proof.highwater import HighWater
from green_logic.settings import CHECKPOINT_NAME, state_dir


def check_checkpoints(patient: Patient) -> Iterator[Fault]:
    """The file is the newest note, and nothing that was signed is missing from the log."""
    books = patient.books
    if books.report is None:
        return
    of_file = list(_check_file(patient))
    yield from of_file
    note = books.high_water
    where = HighWater(state_dir()).path(books.origin)
    if books.high_water_error:
        yield patient.fault("high-water-damaged", where, books.high_water_error)
    elif note is None:
        if patient.key is not None and books.checkpoints:
            yield patient.fault("high-water-lost", where, "there is no such file, though the ledger was signed before")
    elif note.size > books.leaves and not any(fault.kind == "wal-lost" for fault in of_file):
        message = f"{note.size} battles were signed, the ledger has {books.leaves}"
        yield patient.fault("rolled-back", where, message)


def _check_file(patient: Patient) -> Iterator[Fault]:
    books, path = patient.books, patient.settings.data_dir / CHECKPOINT_NAME
    if not books.findings("checkpoint-file"):
        return
    data = read_regular(path)
    if data is None:
        there = os.path.lexists(path)
        message = "is not a file that can be read" if there else "there is no such file"
        yield patient.fault("checkpoint-foreign" if there else "checkpoint-lost", path, message)
        return
    try:
        found = open_checkpoint(data, books.keys, origin=books.origin)
    except VerificationError as error:
        yield patient.fault("checkpoint-foreign", path, error.message)
    else:
        yield _judge_size(patient, found)


def _judge_size(patient: Patient, found: Checkpoint) -> Fault:
    books, path = patient.books, patient.settings.data_dir / CHECKPOINT_NAME
    if found.size > books.leaves:
        return patient.fault("wal-lost", path, f"covers {found.size} battles, the ledger has {books.leaves}")
    newest = max((item.size for item in books.checkpoints), default=0)
    if any(found.note == item.note for item in books.checkpoints):
        return patient.fault("checkpoint-stale", path, f"covers {found.size} battles, the newest {newest}")
    return patient.fault("checkpoint-damaged", path, f"the checkpoint of {found.size} is not in the database")
