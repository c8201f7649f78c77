"""Reference: one table of pairs, one of titles; sets do the searching."""

import sqlite3


class TagShelf:
    def __init__(self, path=":memory:"):
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("CREATE TABLE IF NOT EXISTS titles (title TEXT PRIMARY KEY)")
        self._db.execute("CREATE TABLE IF NOT EXISTS pairs (title TEXT, tag TEXT, PRIMARY KEY (title, tag))")

    def put(self, title, tags):
        self.drop(title)
        self._db.execute("INSERT INTO titles VALUES (?)", (title,))
        self._db.executemany("INSERT INTO pairs VALUES (?, ?)", [(title, tag) for tag in _normalised(tags)])

    def find(self, all_of=(), none_of=()):
        found = self._titles("SELECT title FROM titles", ())
        for tag in _normalised(all_of):
            found &= self._carrying(tag)
        for tag in _normalised(none_of):
            found -= self._carrying(tag)
        return sorted(found)

    def rename(self, old, new):
        (old,), (new,) = _normalised([old]), _normalised([new])
        touched = self._carrying(old)
        if old != new:
            self._db.execute("UPDATE OR IGNORE pairs SET tag = ? WHERE tag = ?", (new, old))
            self._db.execute("DELETE FROM pairs WHERE tag = ?", (old,))
        return len(touched)

    def drop(self, title):
        self._db.execute("DELETE FROM pairs WHERE title = ?", (title,))
        return self._db.execute("DELETE FROM titles WHERE title = ?", (title,)).rowcount == 1

    def cloud(self):
        query = "SELECT tag, COUNT(*) FROM pairs GROUP BY tag ORDER BY COUNT(*) DESC, tag"
        return self._db.execute(query).fetchall()

    def close(self):
        self._db.close()

    def _carrying(self, tag):
        return self._titles("SELECT title FROM pairs WHERE tag = ?", (tag,))

    def _titles(self, query, values):
        return {title for (title,) in self._db.execute(query, values)}


def _normalised(tags):
    return {"-".join(tag.lower().split()) for tag in tags} - {""}
