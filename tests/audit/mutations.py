"""Everything that a hand with write access can do to a ledger, at random. Each mutation says in words what it did.

A mutation returns None when it came to nothing (the bytes are as before), so that it is drawn again.
"""

# ruff: noqa: S608  the names of tables are ours
from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3

from green_logic.proof.checkpoint import sign_checkpoint
from green_logic.proof.dbom import seal_result
from green_logic.proof.merkle import CompactRange, leaf_hash

COLUMNS = {
    "battles": ("id", "battle_id", "timestamp", "score", "breakdown", "raw_result", "dbom_hash"),
    "ledger": ("leaf_index", "battle_row", "envelope", "leaf_hash", "battle_sha256", "evidence_sha256", "dbom_sha256"),
    "checkpoints": ("number", "size", "root", "note"),
    "log_nodes": ("height", "position", "hash"),
}


def change_bytes(data, source):
    """Some bytes changed, cut, added or exchanged."""
    at = source.randrange(len(data))
    kind = source.randrange(5)
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + source.randint(1, 40) :]
    if kind == 2:
        return data[:at] + source.randbytes(source.randint(1, 8)) + data[at:]
    if kind == 3:
        return data[:at]
    other = source.randrange(len(data))
    changed = bytearray(data)
    changed[at], changed[other] = changed[other], changed[at]
    return bytes(changed)


def change_value(value, source):
    """Another value of the same type, or now and then of another type."""
    if source.random() < 0.1:
        return source.choice([None, 7, 0.5, "other", b"other", ""])
    if isinstance(value, bool | int):
        return value + source.choice([-1, 1, 1000])
    if isinstance(value, float):
        return source.choice([value / 2 + 0.25, 1.0, 0.0])
    data = value.encode() if isinstance(value, str) else value or b"x"
    changed = change_bytes(data or b"x", source)
    return changed.decode("utf-8", "replace") if isinstance(value, str) else changed


@contextlib.contextmanager
def unguarded(books):
    """The database without its triggers, which an attacker drops and puts back."""
    connection = sqlite3.connect(books.settings.database, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")  # what is tampered with here need not survive
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    try:
        yield connection
    finally:
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()


def _dbom(books, source):
    return source.choice([name for name in books.files if name.startswith("dboms/")])


def edit_file(books, source):
    names = [_dbom(books, source), _dbom(books, source), "judge.pub", "checkpoint"]
    name = source.choice(names)
    path = books.settings.data_dir / name
    path.write_bytes(change_bytes(path.read_bytes(), source))
    return f"bytes of {name} changed"


def edit_dbom_field(books, source):
    name = _dbom(books, source)
    path = books.settings.data_dir / name
    dbom = json.loads(path.read_bytes())
    field = source.choice(list(dbom))
    if field == "v_intent":
        dbom[field][source.randrange(384)] += 1e-9
    else:
        dbom[field] = change_value(dbom[field], source)
    path.write_bytes(json.dumps(dbom, default=repr).encode())
    return f"{field} of {name} changed"


def reprint_dbom(books, source):
    name = _dbom(books, source)
    path = books.settings.data_dir / name
    path.write_bytes(json.dumps(json.loads(path.read_bytes()), indent=source.choice([1, 2])).encode())
    return f"{name} printed anew"


def remove_file(books, source):
    name = source.choice([_dbom(books, source), _dbom(books, source), "judge.pub", "checkpoint"])
    (books.settings.data_dir / name).unlink()
    return f"{name} removed"


def swap_files(books, source):
    first, second = (books.settings.data_dir / _dbom(books, source) for _ in range(2))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    return f"{first.name} and {second.name} exchanged"


def plant_file(books, source):
    name = source.choice(["dbom_planted.json", "dbom_B-001.json", "notes.txt", "dbom_.json", "dbom_b-001.json.bak"])
    (books.settings.dboms / name).write_bytes(books.files[_dbom(books, source)])
    return f"{name} planted"


def link_file(books, source):
    path, target = (books.settings.data_dir / _dbom(books, source) for _ in range(2))
    path.unlink()
    path.symlink_to(source.choice([target, "/dev/zero", "nowhere"]))
    return f"{path.name} is a link"


def downgrade(books, source):
    path = books.settings.data_dir / _dbom(books, source)
    dbom = json.loads(path.read_bytes())
    dbom |= {"dbom_version": "1.0", "sigma_judge": f"SIG_GREEN_{dbom['battle_id']}_{dbom['h_delta'][:8]}"}
    path.write_bytes(json.dumps(dbom, indent=2).encode())
    return f"{path.name} downgraded"


def edit_column(books, source):
    table = source.choice(["battles", "battles", "ledger", "ledger", "checkpoints", "log_nodes"])
    column = source.choice(COLUMNS[table])
    with unguarded(books) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        key = "position" if table == "log_nodes" else "rowid"
        rows = connection.execute(f"SELECT {key}, {column} FROM {table}").fetchall()
        rowid, value = source.choice(rows)
        changed = change_value(value, source)
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed, rowid))
        except (sqlite3.IntegrityError, OverflowError, UnicodeEncodeError):
            return None
        if changed != value:
            changed = dict(connection.execute(f"SELECT {key}, {column} FROM {table}")).get(rowid, changed)
    if changed == value and type(changed) is type(value):
        return None  # two equal digits exchanged, or a number given as text
    return f"{table}.{column} of row {rowid} is {changed!r:.60}, was {value!r:.60}"


def remove_battle(books, source):
    row = source.randint(1, 500)
    how = source.randrange(4)
    with unguarded(books) as connection:
        (name,) = connection.execute("SELECT battle_id FROM battles WHERE id = ?", (row,)).fetchone()
        connection.execute("DELETE FROM battles WHERE id = ?", (row,))
        if how:
            connection.execute("DELETE FROM ledger WHERE battle_row = ?", (row,))
        if how > 1:
            (books.settings.dboms / f"dbom_{name}.json").unlink()
        if how > 2:  # and every trace of the gap
            for number in range(row + 1, 501):
                connection.execute("UPDATE battles SET id = id - 1 WHERE id = ?", (number,))
                connection.execute(
                    "UPDATE ledger SET leaf_index = leaf_index - 1, battle_row = battle_row - 1 WHERE battle_row = ?",
                    (number,),
                )
            connection.execute("UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'battles'")
    return f"battle {name} removed ({how})"


def reorder(books, source):
    first, second = source.sample(range(1, 501), 2)
    tables = source.choice([("battles",), ("ledger",), ("battles", "ledger")])
    with unguarded(books) as connection:
        for table in tables:
            key = "id" if table == "battles" else "leaf_index"
            shift = 0 if table == "battles" else 1
            one, other = first - shift, second - shift
            for old, new in ((one, -1), (other, one), (-1, other)):
                connection.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (new, old))
        if tables == ("battles", "ledger"):
            for old, new in ((first, -1), (second, first), (-1, second)):
                connection.execute("UPDATE ledger SET battle_row = ? WHERE battle_row = ?", (new, old))
    return f"{' and '.join(tables)} {first} and {second} exchanged"


def insert_row(books, source):
    with unguarded(books) as connection:
        row = connection.execute("SELECT * FROM battles WHERE id = ?", (source.randint(1, 500),)).fetchone()
        name = source.choice(["b-forged", "c-1"])
        connection.execute("INSERT INTO battles VALUES (NULL, ?, ?, ?, ?, ?, ?)", (name, *row[2:]))
        if source.random() < 0.5:
            leaf = connection.execute("SELECT * FROM ledger WHERE leaf_index = ?", (row[0] - 1,)).fetchone()
            connection.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", (500, 501, *leaf[2:]))
    return f"row {name} inserted as a copy of {row[1]}"


def edit_meta(books, source):
    with unguarded(books) as connection:
        name = source.choice(["origin", "keyid"])
        kind = source.randrange(3)
        if kind == 0:
            connection.execute("DELETE FROM ledger_meta WHERE name = ?", (name,))
        elif kind == 1:
            connection.execute("UPDATE ledger_meta SET value = value || 'x' WHERE name = ?", (name,))
        else:
            connection.execute("INSERT INTO ledger_meta VALUES ('keyid.1', '100 SHA256:other')")
    return f"ledger_meta {name} changed ({kind})"


def edit_schema(books, source):
    connection = sqlite3.connect(books.settings.database)
    statement = source.choice(
        [
            "DROP TRIGGER battles_no_update",
            "DROP TRIGGER checkpoints_no_delete",
            "DROP INDEX battles_battle_id_folded",
            "DROP TABLE log_nodes",
            "DROP TABLE checkpoints",
            "ALTER TABLE battles RENAME COLUMN score TO points",
            "CREATE TRIGGER t AFTER INSERT ON battles BEGIN DELETE FROM checkpoints; END",
            "UPDATE sqlite_sequence SET seq = seq + 1",
        ]
    )
    connection.execute(statement)
    connection.commit()
    connection.close()
    return statement


def remove_checkpoints(books, source):
    kept = source.randrange(0, 5)
    with unguarded(books) as connection:
        connection.execute("DELETE FROM checkpoints WHERE number > ?", (kept,))
    return f"all but {kept} checkpoints removed"


def truncate(books, source):
    """The last battles gone with every trace, back to any earlier moment, sealed or not."""
    size = source.choice([100, 200, 300, 399, source.randrange(0, 400)])
    with unguarded(books) as connection:
        names = connection.execute("SELECT battle_id FROM battles WHERE id > ?", (size,)).fetchall()
        connection.execute("DELETE FROM battles WHERE id > ?", (size,))
        connection.execute("DELETE FROM ledger WHERE leaf_index >= ?", (size,))
        connection.execute("DELETE FROM checkpoints WHERE size > ?", (size,))
        connection.execute("DELETE FROM log_nodes WHERE (position + 1) * 256 > ?", (size // 100 * 100,))
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'battles'", (size,))
        note = connection.execute("SELECT note FROM checkpoints ORDER BY number DESC LIMIT 1").fetchone()
    for (name,) in names:
        (books.settings.dboms / f"dbom_{name}.json").unlink()
    path = books.settings.data_dir / "checkpoint"
    path.write_text(note[0]) if note else path.unlink()
    return f"truncated to {size}"


def rewrite(books, source):
    """Everything made anew: by another key, or by the judge's own, stolen, with one score changed."""
    own = source.random() < 0.5
    key = books.key if own else books.other_key
    target = source.randrange(400)
    tree = CompactRange()
    with unguarded(books) as connection:
        rows = connection.execute("SELECT id, raw_result, timestamp FROM battles ORDER BY id").fetchall()
        for row, raw_result, timestamp in rows:
            result = json.loads(raw_result)
            if row - 1 == target:
                result["evaluation"]["cis_score"] = 0.987
            elif own:
                envelope = connection.execute("SELECT envelope FROM ledger WHERE battle_row = ?", (row,)).fetchone()[0]
                tree.append(leaf_hash(envelope.encode()))
                continue
            sealed = seal_result(result, key=key, origin=books.origin, timestamp=timestamp)
            tree.append(replace_battle(books, connection, sealed, row))
        connection.execute("DELETE FROM checkpoints")
        connection.execute("DELETE FROM log_nodes")
        checkpoint = sign_checkpoint(books.origin, tree.size, tree.root(), key)
        connection.execute("INSERT INTO checkpoints VALUES (1, ?, ?, ?)", (tree.size, tree.root(), checkpoint.note))
        connection.execute("UPDATE ledger_meta SET value = ? WHERE name = 'keyid'", (key.keyid,))
    (books.settings.data_dir / "checkpoint").write_text(checkpoint.note)
    (books.settings.data_dir / "judge.pub").write_bytes(key.public_pem)
    return f"rewritten by {'the judge' if own else 'another'}, score of row {target + 1} changed"


def replace_battle(books, connection, sealed, row):
    leaf = leaf_hash(sealed.envelope.encode())
    data = sealed.dbom_bytes()
    connection.execute(
        "UPDATE battles SET score = ?, breakdown = ?, raw_result = ?, dbom_hash = ? WHERE id = ?",
        (sealed.score, sealed.breakdown, sealed.raw_result.decode(), sealed.h_delta, row),
    )
    connection.execute(
        "UPDATE ledger SET envelope = ?, leaf_hash = ?, evidence_sha256 = ?, dbom_sha256 = ? WHERE battle_row = ?",
        (sealed.envelope, leaf, sealed.evidence_sha256, hashlib.sha256(data).digest(), row),
    )
    (books.settings.dboms / sealed.file_name).write_bytes(data)
    return leaf


def flip_database(books, source):
    """Any bytes of the database file. Counts only when a table reads differently: unused space proves nothing."""
    path = books.settings.database
    before = contents(path)
    data = bytearray(path.read_bytes())
    for _ in range(source.randint(1, 4)):
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)
    path.write_bytes(data)
    return "bytes of battles.db changed" if contents(path) != before else None


def contents(path):
    """Every row of every table, walked without an index; what cannot be read is None."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    connection.text_factory = bytes
    try:
        found = {}
        for table in ("battles", "ledger", "checkpoints", "log_nodes", "sqlite_sequence"):
            order = "ORDER BY rowid" if table != "log_nodes" else ""
            index = "NOT INDEXED" if table != "log_nodes" else ""
            found[table] = connection.execute(f"SELECT * FROM {table} {index} {order}").fetchall()
        found["meta"] = connection.execute("SELECT * FROM ledger_meta WHERE name != 'created'").fetchall()
    except sqlite3.DatabaseError:
        return None
    finally:
        connection.close()
    return found


MUTATIONS = {  # and how often each is drawn
    edit_file: 6,
    edit_dbom_field: 4,
    reprint_dbom: 1,
    remove_file: 2,
    swap_files: 1,
    plant_file: 1,
    link_file: 1,
    downgrade: 1,
    edit_column: 10,
    remove_battle: 2,
    reorder: 2,
    insert_row: 1,
    edit_meta: 1,
    edit_schema: 1,
    remove_checkpoints: 1,
    truncate: 2,
    rewrite: 1,
    flip_database: 4,
}
