"""Users in SQLite, with parameters in every query, and a small builder of queries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

SCHEMA = "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER)"
TABLE = "users"


@dataclass(frozen=True)
class User:
    """One row."""

    id: int
    name: str
    age: int | None = None


class Users:
    """The table of users."""

    table = "users"

    def __init__(self, path: str = ":memory:") -> None:
        self._connection = sqlite3.connect(path)
        self._connection.execute(SCHEMA)

    def add(self, name: str, age: int | None = None) -> int:
        """The id of the new user."""
        with self._connection:
            cursor = self._connection.execute("INSERT INTO users (name, age) VALUES (?, ?)", (name, age))
        return int(cursor.lastrowid or 0)

    def find(self, name: str) -> User | None:
        """The user of that name."""
        query = "SELECT id, name, age FROM users WHERE name = ?"
        row = self._connection.execute(query, (name,)).fetchone()
        return User(*row) if row else None

    def find_many(self, ids: Iterable[int]) -> list[User]:
        """The users with these ids."""
        wanted = list(ids)
        marks = ", ".join("?" * len(wanted))
        rows = self._connection.execute(f"SELECT id, name, age FROM {TABLE} WHERE id IN ({marks})", wanted)  # noqa: S608 - identifiers and marks only
        return [User(*row) for row in rows]

    def search(self, filters: Mapping[str, Any], limit: int = 10) -> list[User]:
        """Users for which every filter holds."""
        clauses, values = [], []
        for column in sorted(filters.keys() & {"name", "age"}):
            clauses.append(f"{column} = ?")
            values.append(filters[column])
        query = f"SELECT id, name, age FROM {self.table}"  # noqa: S608 - identifiers and marks only
        if clauses:
            query += " WHERE " + " AND ".join(clauses)
        query += f" LIMIT {int(limit)}"
        with closing(self._connection.execute(query, values)) as cursor:
            return [User(*row) for row in cursor]

    def update(self, user_id: int, changes: Mapping[str, Any]) -> None:
        """Change columns of one user."""
        assignments = ", ".join(f"{column} = ?" for column in changes)
        with self._connection:
            self._connection.execute(f"UPDATE users SET {assignments} WHERE id = ?", [*changes.values(), user_id])  # noqa: S608 - identifiers and marks only


class QueryBuilder:
    """SELECT statements whose values travel beside the text."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._conditions: list[str] = []
        self._values: list[Any] = []

    def where(self, column: str, value: Any) -> QueryBuilder:
        """Add a condition."""
        self._conditions.append(f"{column} = ?")
        self._values.append(value)
        return self

    def build(self) -> tuple[str, list[Any]]:
        """Text and values."""
        text = f"SELECT * FROM {self._table}"  # noqa: S608 - identifiers and marks only
        if self._conditions:
            text += f" WHERE {' AND '.join(self._conditions)}"
        return text, list(self._values)
