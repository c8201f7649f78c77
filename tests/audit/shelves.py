"""A ledger with exports, archives and backups, made in steps, and what a hand with write access does to them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from books import Books
from mutations import change_bytes

from green_logic.ledger.database import Ledger
from green_logic.ledger.log import prove
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.dbom import seal_result
from green_logic.publish.archive import archive_dboms
from green_logic.publish.backup import backup
from green_logic.publish.export import export_battles
from green_logic.publish.inventory import inventory_bytes
from green_logic.settings import Settings
from green_logic.strict_json import parse_json

STEPS, STEP = 3, 15  # publications, and battles between two of them
FOLDERS = ("exports", "archives", "backups")
# what explains the data, counts for nothing, or is a lock: not evidence. Key and checkpoint beside a publication may be
# absent, and have a test of their own
COMPANIONS = r"(?:archives|exports/battles)/(?:judge\.pub|checkpoint)"
NOT_EVIDENCE = re.compile(rf".*README\.(?:md|txt)|.*\.lock|.*/_spool/.*|.*verify_dbom\.py|{COMPANIONS}")
REMARKS = {"schema", "created_at", "sqlite_version", "zlib_version", "zlib_level"}  # of an inventory: prove nothing


@dataclass(frozen=True)
class Shelves:
    """`earlier` are the files before the last publication, `foreign` those of another ledger, made the same way."""

    books: Books
    earlier: dict[str, bytes]
    foreign: dict[str, bytes]

    def names(self, folder=""):
        """Published files that prove something, in order."""
        wanted = (folder,) if folder else FOLDERS
        return [n for n in sorted(self.books.files) if n.split("/")[0] in wanted and not NOT_EVIDENCE.fullmatch(n)]

    def path(self, name):
        return self.books.settings.data_dir / name


def publish_all(root, key, make_result):
    """A ledger of STEPS × STEP battles, everything published after each step; and its files before the last one."""
    settings = Settings(data_dir=root / "data", workers=1)
    for step in range(STEPS):
        earlier = _read(settings)
        with Ledger.open(settings, key) as ledger:
            numbers = range(step * STEP, (step + 1) * STEP)
            results = [make_result(f"b-{n:03d}", seed=n % 7, score=n / 100) for n in numbers]
            ledger.submit([seal_result(result, key=key, origin=ledger.origin) for result in results])
            pin, origin = ledger.checkpoint(key), ledger.origin
        export_battles(settings)
        archive_dboms(settings)
        backup(settings)
    with open_for_reading(settings) as connection:
        receipt = prove(connection, "b-001")
    books = Books(settings, key, key, pin, receipt, origin, _read(settings))
    books.restore()
    return books, earlier


def _read(settings):
    names = [path for path in settings.data_dir.rglob("*") if path.is_file()] if settings.data_dir.is_dir() else []
    return {str(path.relative_to(settings.data_dir)): path.read_bytes() for path in names}


def edit(shelves, source):
    """Bytes changed, cut, added or exchanged."""
    name = source.choice(shelves.names())
    path = shelves.path(name)
    path.chmod(0o644)
    path.write_bytes(change_bytes(path.read_bytes(), source))
    return f"bytes of {name} changed"


def cut(shelves, source):
    name = source.choice(shelves.names())
    data = shelves.books.files[name]
    shelves.path(name).chmod(0o644)
    shelves.path(name).write_bytes(data[: source.choice([0, 1, len(data) // 2, len(data) - 1])])
    return f"{name} cut short"


def remove(shelves, source):
    name = source.choice(shelves.names())
    shelves.path(name).unlink()
    return f"{name} removed"


def exchange(shelves, source):
    """Two files of the same kind exchanged: both are whole, and each is what the other should be."""
    folder = source.choice(FOLDERS)
    name = source.choice(shelves.names(folder))
    alike = [n for n in shelves.names(folder) if _kind(n) == _kind(name) and n != name]
    if not alike:
        return None
    other = source.choice(alike)
    shelves.path(name).unlink()
    shelves.path(name).write_bytes(shelves.books.files[other])
    shelves.path(other).unlink()
    shelves.path(other).write_bytes(shelves.books.files[name])
    return f"{name} and {other} exchanged"


def put_foreign(shelves, source):
    """Files of another ledger, one or all of a folder, under the names that they should have."""
    folder = source.choice(FOLDERS)
    theirs = [n for n in sorted(shelves.foreign) if n.split("/")[0] == folder and not NOT_EVIDENCE.fullmatch(n)]
    pairs = list(
        zip(shelves.names(folder), theirs, strict=True)
    )  # made the same way, so the order tells which is which
    chosen = pairs if source.random() < 0.5 else [source.choice(pairs)]
    for mine, other in chosen:
        shelves.path(mine).unlink()
        shelves.path(mine).write_bytes(shelves.foreign[other])
    return f"{len(chosen)} files of {folder} are of another ledger"


def put_older(shelves, source):
    """A manifest of an earlier publication in the place of the newest."""
    folder = source.choice(["archives", "backups"])
    manifests = [n for n in shelves.names(folder) if n.endswith(".json")]
    newest, older = manifests[-1], source.choice(manifests[:-1])
    shelves.path(newest).unlink()
    shelves.path(newest).write_bytes(shelves.books.files[older])
    return f"{older} stands as {newest}"


def forge_inventory(shelves, source):
    """A field of an archive's or a backup's manifest changed, and the digest over it made anew."""
    name = source.choice([n for n in shelves.names() if n.endswith(".json") and not n.startswith("exports")])
    content = parse_json(shelves.books.files[name])
    del content["digest"]
    field = source.choice(sorted(content.keys() - REMARKS))
    content[field] = _other(content[field], source)
    if content[field] is None:
        return None
    shelves.path(name).unlink()
    shelves.path(name).write_bytes(inventory_bytes(content))
    return f"{field} of {name} changed, with its digest"


def forge_manifest(shelves, source):
    """A field of an export's manifest changed; it carries no digest of its own."""
    name = source.choice([n for n in shelves.names("exports") if n.endswith(".json")])
    data = shelves.books.files[name]
    content = parse_json(data)
    field = source.choice(["after", "first", "last", "rows", "ledger", "files"])
    changed = _other(content[field], source)
    content[field] = changed if changed is not None else []
    shelves.path(name).write_bytes(repr(content).replace("'", '"').encode())
    return f"{field} of {name} changed"


def plant(shelves, source):
    """A file that readers would take for one of ours."""
    name = source.choice([n for n in shelves.names() if not n.endswith((".json", "checkpoint", ".pub", ".pruned"))])
    number = f"{source.randrange(900, 999):012d}"
    planted = re.sub(r"\d{12}-\d{12}", f"{number}-{number}", name)
    planted = planted if planted != name else f"{name}-wal"
    shelves.path(planted).parent.mkdir(parents=True, exist_ok=True)
    shelves.path(planted).write_bytes(shelves.books.files[name])
    return f"{planted} planted"


def _kind(name):
    return re.sub(r"\d+", "0", name)


def _other(value, source):
    if isinstance(value, int):
        return value + source.choice([-1, 1, 7])
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    if isinstance(value, dict):
        key = source.choice(sorted(value))
        return {**value, key: _other(value[key], source)}
    if isinstance(value, list) and value:
        return [_other(value[0], source), *value[1:]]
    return None


MUTATIONS = {  # and how often each is drawn
    edit: 8,
    cut: 3,
    remove: 3,
    exchange: 3,
    put_foreign: 2,
    put_older: 1,
    forge_inventory: 3,
    forge_manifest: 2,
    plant: 2,
}
