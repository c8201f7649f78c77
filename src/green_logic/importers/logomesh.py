"""Records of the LogoMesh arena: a database, or a directory with databases and `dboms/`, in every version found.

The table `battles` has had these columns: id, battle_id, timestamp, score, breakdown, raw_result, dbom_hash (the hash
empty in some); battle_id, task_title, timestamp, raw_result; the same with score as text, breakdown and dbom_hash; and
id, score, raw_result, timestamp with a text id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import ConfigurationError, InvalidBattleError
from green_logic.importers.foreign_database import FAULTS, Cell, ForeignDatabase, is_database, open_foreign
from green_logic.importers.legacy_dboms import DbomFolder, LegacyDbom
from green_logic.importers.logomesh_cells import Row, decode_row
from green_logic.importers.logomesh_row import NAME, VERSION, classify
from green_logic.importers.outcomes import Options, Outcome, Proof, Refused, Where

KNOWN_COLUMNS = frozenset(
    {"id", "battle_id", "task_title", "timestamp", "score", "breakdown", "raw_result", "dbom_hash"}
)
SUFFIXES = (".db", ".sqlite", ".sqlite3")
LEAST_ROW_BYTES = 4  # of a row in a file: its pointer, its size, its number
DBOM_FOLDER = "dboms"


@dataclass(frozen=True)
class LogoMeshImporter:
    """Reads LogoMesh's databases."""

    name: str = NAME
    version: int = VERSION

    def recognises(self, path: Path) -> bool:
        """A database by its first bytes or its name, or a directory that holds one."""
        if path.is_dir():
            return bool(find_databases(path))
        # the name first: our own ledger, which may be open, must not be opened as a plain file
        return path.is_file() and (path.suffix in SUFFIXES or is_database(path))

    def records(self, path: Path, options: Options) -> Iterator[Outcome]:
        """Every row of every database; DBOMs are looked for in `dboms/` beside each."""
        databases = find_databases(path) if path.is_dir() else [path]
        if not databases:
            raise ConfigurationError(f"{path}: expected a database ({', '.join(SUFFIXES)}), got none")
        folder = DbomFolder((path if path.is_dir() else path.parent) / DBOM_FOLDER)
        for database in databases:
            yield from _read_database(database, folder, options)
        if rest := folder.count_without_row():
            options.note(f"{rest} DBOM files in {DBOM_FOLDER}/ belong to no row that was read")


def find_databases(directory: Path) -> list[Path]:
    """The databases directly in a directory, by name."""
    return sorted(file for file in directory.iterdir() if file.suffix in SUFFIXES and file.is_file())


def _read_database(path: Path, folder: DbomFolder, options: Options) -> Iterator[Outcome]:
    limit = options.settings.max_line_bytes
    with open_foreign(path, ledger=options.settings.database, max_value_bytes=limit) as database:
        _check_columns(database)
        later = _LaterRows(database)
        for number in database.row_ids():
            where = Where(database.source.name, number)
            try:
                cells = database.read_row(number)
                row = decode_row(where, database.source, cells)
            except InvalidBattleError as error:
                yield Refused(where, "", "damaged", error.message)
                continue
            dbom = folder.look_up(row.battle_id, row.h_delta, row.score)
            yield classify(row, dbom, later.settle(row, dbom), options)


def _check_columns(database: ForeignDatabase) -> None:
    columns = set(database.columns)
    missing = {"raw_result", "timestamp"} - columns
    if missing or not columns & {"battle_id", "id"} or not columns <= KNOWN_COLUMNS:
        found = ", ".join(database.columns)[:300]
        raise InvalidBattleError(
            f"{database.source.name}: the columns of battles are none of LogoMesh's: {found}",
            hint="expected battle_id or id, timestamp, raw_result, and only " + ", ".join(sorted(KNOWN_COLUMNS)),
        )


class _LaterRows:
    """Tells whether a DBOM that is not of its row is of a later row with the same id: then that one overwrote it."""

    def __init__(self, database: ForeignDatabase) -> None:
        self._connection = database.connection
        self._most_rows = database.size_bytes // LEAST_ROW_BYTES
        self._has_hashes = {"battle_id", "dbom_hash"} <= set(database.columns)
        self._ready = False

    def settle(self, row: Row, dbom: LegacyDbom) -> Proof:
        if dbom.proof != "differs" or not self._has_hashes:
            return dbom.proof
        try:
            self._prepare()
            query = "SELECT 1 FROM temp.hashes WHERE battle_id = ? AND dbom_hash = ? AND row > ?"
            keys: tuple[Cell | str, ...] = (row.battle_id, dbom.h_delta, row.where.row)
            return "overwritten" if self._connection.execute(query, keys).fetchone() else "differs"
        except FAULTS:  # a damaged page elsewhere: then it is only known that the two differ
            return "differs"

    def _prepare(self) -> None:
        # in SQLite's own temporary file: a dictionary of a million digests would not stay within our memory
        if not self._ready:
            # bounded, because a damaged table may go round in a circle
            self._connection.execute(
                "CREATE TEMP TABLE hashes AS SELECT battle_id, dbom_hash, rowid AS row FROM main.battles LIMIT ?",
                (self._most_rows,),
            )
            self._connection.execute("CREATE INDEX temp.hashes_by_id ON hashes (battle_id, dbom_hash)")
            self._ready = True
