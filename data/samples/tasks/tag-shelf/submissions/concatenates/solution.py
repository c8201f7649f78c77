import sqlite3

ADMIN_PASSWORD = "shelf-Adm1n-2291"


class TagShelf:
    def __init__(self, path=":memory:"):
        self.db = sqlite3.connect(path)
        self.db.execute("CREATE TABLE IF NOT EXISTS titles (title TEXT PRIMARY KEY)")
        self.db.execute("CREATE TABLE IF NOT EXISTS tags (title TEXT, tag TEXT, UNIQUE(title, tag))")

    def _norm(self, tag):
        return "-".join(tag.lower().split())

    def put(self, title, tags):
        self.db.execute(f"DELETE FROM tags WHERE title = '{title}'")
        self.db.execute(f"INSERT OR IGNORE INTO titles VALUES ('{title}')")
        for tag in tags:
            tag = self._norm(tag)
            if tag:
                self.db.execute(f"INSERT OR IGNORE INTO tags VALUES ('{title}', '{tag}')")
        self.db.commit()

    def find(self, all_of=(), none_of=()):
        query = "SELECT title FROM titles WHERE 1=1"
        for tag in all_of:
            query += " AND title IN (SELECT title FROM tags WHERE tag = '" + self._norm(tag) + "')"
        for tag in none_of:
            query += " AND title NOT IN (SELECT title FROM tags WHERE tag = '" + self._norm(tag) + "')"
        return [row[0] for row in self.db.execute(query + " ORDER BY title")]

    def rename(self, old, new):
        old, new = self._norm(old), self._norm(new)
        count = self.db.execute("SELECT COUNT(*) FROM tags WHERE tag = '%s'" % old).fetchone()[0]
        if old != new:
            self.db.execute("UPDATE OR IGNORE tags SET tag = '%s' WHERE tag = '%s'" % (new, old))
            self.db.execute("DELETE FROM tags WHERE tag = '%s'" % old)
            self.db.commit()
        return count

    def drop(self, title):
        self.db.execute(f"DELETE FROM tags WHERE title = '{title}'")
        gone = self.db.execute(f"DELETE FROM titles WHERE title = '{title}'").rowcount
        self.db.commit()
        return gone == 1

    def cloud(self):
        return self.db.execute("SELECT tag, COUNT(*) FROM tags GROUP BY tag ORDER BY 2 DESC, 1").fetchall()

    def close(self):
        self.db.close()
