"""All checks of a data directory, by area. Each area that has no fault says what is fine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from green_logic.doctor.checkpoint_checks import check_checkpoints
from green_logic.doctor.dbom_checks import check_dboms
from green_logic.doctor.key_checks import check_keys, check_public_key
from green_logic.doctor.ledger_checks import check_database, check_log, check_rows
from green_logic.doctor.leftovers import check_leftovers, check_locks, check_publications
from green_logic.doctor.patient import Check, Fault, Patient, admit
from green_logic.doctor.place_checks import (
    check_backups,
    check_clock,
    check_disk,
    check_judging,
    check_permissions,
    check_versions,
    check_waiting,
)
from green_logic.doctor.surroundings import Surroundings
from green_logic.publish.leaves import Progress
from green_logic.settings import Settings

AREAS: dict[str, tuple[Check, Callable[[Patient], str]]] = {
    "database": (check_database, lambda patient: f"{patient.settings.database} is whole"),
    "rows": (check_rows, lambda patient: f"{patient.books.report.battles if patient.books.report else 0} as signed"),
    "log": (check_log, lambda patient: f"{patient.books.leaves} leaves, none missing"),
    "checkpoints": (check_checkpoints, lambda patient: f"{len(patient.books.checkpoints)} signed, nothing rolled back"),
    "DBOM files": (check_dboms, lambda _: "each row has its own, and there is no other"),
    "key": (check_keys, lambda patient: patient.key.keyid if patient.key else "none yet"),
    "public key": (check_public_key, lambda _: "judge.pub is the ledger's"),
    "leftovers": (check_leftovers, lambda _: "none"),
    "locks": (check_locks, lambda _: "none"),
    "publications": (check_publications, lambda _: "archives and backups have their manifests and sizes"),
    "permissions": (check_permissions, lambda _: "one owner, writable"),
    "waiting": (check_waiting, lambda _: "nothing waits for you"),
    "backups": (check_backups, lambda _: "not due"),
    "disk": (check_disk, lambda patient: f"{patient.around.free_bytes / 1e9:.0f} GB free, a local file system"),
    "versions": (
        check_versions,
        lambda patient: f"sqlite {'.'.join(map(str, patient.around.sqlite))}, Prefect's packages fit",
    ),
    "judging": (
        check_judging,
        lambda patient: f"sandbox {patient.around.sandbox}, bound by a control group, model in place",
    ),
    "clock": (check_clock, lambda _: "not behind the last row"),
}
BOOKS = frozenset({"rows", "log", "checkpoints", "DBOM files", "public key"})  # areas that need a readable ledger


@dataclass(frozen=True)
class Finding:
    """One area: what is fine about it, or what is not. `looked`: False when there was nothing to look at."""

    area: str
    fine: str
    faults: tuple[Fault, ...]
    looked: bool = True


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was found."""

    patient: Patient
    areas: tuple[Finding, ...]

    @property
    def faults(self) -> list[Fault]:
        """Faults, warnings and notes, in the order of the areas."""
        return [fault for area in self.areas for fault in area.faults]

    @property
    def ok(self) -> bool:
        """Whether there are warnings and notes at most."""
        return all(fault.severity != "fault" for fault in self.faults)


def examine(
    settings: Settings, around: Surroundings, *, backups: Path | None = None, progress: Progress | None = None
) -> Diagnosis:
    """Look at everything and write nothing. `backups`: where they lie, if not in the data directory.

    Raises StorageError when the machine fails while it looks.
    """
    patient = admit(settings, around, backups, progress)
    readable = patient.books.report is not None
    return Diagnosis(
        patient,
        tuple(
            Finding(area, fine(patient), tuple(_look(check, patient)), looked=readable or area not in BOOKS)
            for area, (check, fine) in AREAS.items()
        ),
    )


def _look(check: Check, patient: Patient) -> Iterator[Fault]:
    """What a check finds; that it may not look is a finding too, and ends only this check."""
    try:
        yield from check(patient)
    except OSError as error:
        yield patient.fault("not-readable", error.filename or patient.settings.data_dir, error.strerror or str(error))
