"""An inverted index of titles and tags in SQLite."""

import sqlite3

SCHEMA = """
CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS label (tag TEXT NOT NULL, item INTEGER NOT NULL, PRIMARY KEY (tag, item)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS label_item ON label (item);
"""


def normalise(tag):
    """Trimmed, lower case, inner white space as one hyphen; may be empty."""
    return "-".join(tag.lower().split())


class TagShelf:
    """Titles and their tags. Every change is one transaction."""

    def __init__(self, path=":memory:"):
        self._db = sqlite3.connect(path)
        self._db.executescript(SCHEMA)

    def put(self, title, tags):
        """Store a title; an old entry of the same name loses its tags."""
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO item (title) VALUES (?)", (title,))
            (item,) = self._db.execute("SELECT id FROM item WHERE title = ?", (title,)).fetchone()
            self._db.execute("DELETE FROM label WHERE item = ?", (item,))
            rows = [(tag, item) for tag in {normalise(tag) for tag in tags} if tag]
            self._db.executemany("INSERT INTO label (tag, item) VALUES (?, ?)", rows)

    def find(self, all_of=(), none_of=()):
        """Titles with every tag of `all_of` and no tag of `none_of`, ascending."""
        wanted = {normalise(tag) for tag in all_of} - {""}
        unwanted = {normalise(tag) for tag in none_of} - {""}
        carried = {}
        for title, tag in self._db.execute(
            "SELECT item.title, label.tag FROM item LEFT JOIN label ON label.item = item.id"
        ):
            carried.setdefault(title, set()).add(tag)
        return sorted(title for title, tags in carried.items() if wanted <= tags and not unwanted & tags)

    def rename(self, old, new):
        """Turn one tag into another; the number of titles that carried the old one."""
        old, new = normalise(old), normalise(new)
        (count,) = self._db.execute("SELECT COUNT(*) FROM label WHERE tag = ?", (old,)).fetchone()
        if count and old != new:
            with self._db:
                self._db.execute("INSERT OR IGNORE INTO label SELECT ?, item FROM label WHERE tag = ?", (new, old))
                self._db.execute("DELETE FROM label WHERE tag = ?", (old,))
        return count

    def drop(self, title):
        """Remove a title; False if it was not there."""
        with self._db:
            self._db.execute("DELETE FROM label WHERE item IN (SELECT id FROM item WHERE title = ?)", (title,))
            return self._db.execute("DELETE FROM item WHERE title = ?", (title,)).rowcount == 1

    def cloud(self):
        """(tag, count) pairs, most used first."""
        return self._db.execute("SELECT tag, COUNT(*) AS n FROM label GROUP BY tag ORDER BY n DESC, tag").fetchall()

    def close(self):
        """Close the database."""
        self._db.close()
