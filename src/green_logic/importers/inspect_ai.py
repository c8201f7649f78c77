"""Inspect AI's `.eval` logs: every sample and scorer a battle, the score mapped by the operator's `--score-map`.

A log is a zip: `header.json` (what was run), `samples/{id}_epoch_{n}.json` (one member each), summaries and a journal.
A run that was killed has `_journal/start.json` instead of the header. The format is not a frozen specification, so
only these fields are relied on, and a record that lacks one is refused with its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from green_logic.battle import excerpt
from green_logic.errors import InvalidBattleError
from green_logic.importers.foreign_database import digest_file
from green_logic.importers.inspect_sample import NAME, VERSION, Log, Sample, outcomes_of
from green_logic.importers.lenient_json import parse_lenient
from green_logic.importers.outcomes import Options, Outcome, Refused, Source, Where
from green_logic.importers.zip_members import Member, ZipMembers, find_digest, open_zip
from green_logic.intake import shown_name

HEADER = "header.json"
START = "_journal/start.json"
SAMPLE = re.compile(r"samples/.+_epoch_\d+\.json", re.DOTALL)
SUFFIX = ".eval"
ZIP_MAGIC = b"PK\x03\x04"
HEADER_LIMIT = 64 << 20  # bytes; it lists every sample's id
SAMPLE_LIMIT = 64 << 20  # bytes of one sample's JSON, which takes five times that in memory


@dataclass(frozen=True)
class InspectImporter:
    """Reads Inspect AI's logs."""

    name: str = NAME
    version: int = VERSION

    def recognises(self, path: Path) -> bool:
        """A zip file with the suffix of a log."""
        if not path.is_file() or path.suffix != SUFFIX:
            return False
        with path.open("rb") as file:
            return file.read(4) == ZIP_MAGIC

    def records(self, path: Path, options: Options) -> Iterator[Outcome]:
        """Every score of every sample; a sample without one gives one outcome that says why."""
        name = shown_name(path.name)
        before = path.stat()
        with open_zip(path, name) as members:
            source = Source(name, digest_file(path), {})
            log = _read_log(members, source)
            if log.status != "success":
                options.note(f"{name}: the run's status is {excerpt(log.status)}, so samples may be missing")
            samples = (member for member in members if SAMPLE.fullmatch(member.name))
            for number, member in enumerate(samples, start=1):
                yield from _read_sample(members, member, Where(name, number), log, options)
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise InvalidBattleError(
                f"{name}: changed while it was read", hint="import it again once its run has ended"
            )


def _read_log(members: ZipMembers, source: Source) -> Log:
    for name, status in ((HEADER, ""), (START, "started")):
        member = members.find(name)
        if member is None:
            continue
        header = parse_lenient(members.read(member, limit_bytes=HEADER_LIMIT), what=name)
        spec = header.get("eval")
        if not isinstance(spec, dict) or not isinstance(spec.get("task"), str):
            raise InvalidBattleError(f"{source.name}: {name} has no eval.task, so it is no log of Inspect AI")
        return Log(source, _spec(spec), str(header.get("status", status)))
    raise InvalidBattleError(f"{source.name}: expected one {HEADER} or {START} in the zip, got none or several")


def _spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What was run, without the lists that grow with the number of samples, and without paths of the machine."""
    names = (
        "eval_id",
        "run_id",
        "created",
        "task",
        "task_id",
        "task_version",
        "solver",
        "model",
        "revision",
        "packages",
    )
    kept = {name: spec[name] for name in names if name in spec}
    dataset = spec.get("dataset")
    if isinstance(dataset, dict):
        kept["dataset"] = {name: dataset[name] for name in ("name", "samples") if name in dataset}
    return kept


def _read_sample(members: ZipMembers, member: Member, where: Where, log: Log, options: Options) -> Iterator[Outcome]:
    try:
        sample = _parse_sample(members, member, where)
    except InvalidBattleError as error:
        yield Refused(where, "", "damaged", error.message)
        return
    yield from outcomes_of(sample, log, options)


def _parse_sample(members: ZipMembers, member: Member, where: Where) -> Sample:
    if member.name in members.repeated:
        raise InvalidBattleError(f"{excerpt(member.name)}: the zip holds several members of this name")
    data = members.read(member, limit_bytes=SAMPLE_LIMIT)
    sample = Sample(where, member.name, find_digest(data), len(data), parse_lenient(data, what=member.name))
    _check_sample(sample)
    return sample


def _check_sample(sample: Sample) -> None:
    sample_id, epoch = sample.value.get("id"), sample.value.get("epoch")
    if type(sample_id) not in (int, str) or type(epoch) is not int:
        raise InvalidBattleError(
            f"{sample.member}: expected an id and an epoch, got {excerpt(sample_id)}, {excerpt(epoch)}"
        )
    # the name is never used as a path; a member that holds another sample than it is called after was tampered with
    if sample.member != f"samples/{sample_id}_epoch_{epoch}.json":
        raise InvalidBattleError(f"{sample.member}: holds sample {excerpt(sample_id)} of epoch {epoch}")
