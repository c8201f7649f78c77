import sqlite3


class TagShelf:
    def __init__(self, path=":memory:"):
        self.db = sqlite3.connect(path)
        self.db.execute("CREATE TABLE IF NOT EXISTS shelf (title TEXT, tag TEXT)")

    def put(self, title, tags):
        self.db.execute("DELETE FROM shelf WHERE title = ?", (title,))
        for tag in tags:
            tag = tag.strip().lower().replace(" ", "-")
            if tag:
                self.db.execute("INSERT INTO shelf VALUES (?, ?)", (title, tag))

    def find(self, all_of=(), none_of=()):
        tags = {}
        for title, tag in self.db.execute("SELECT title, tag FROM shelf"):
            tags.setdefault(title, []).append(tag)
        result = []
        for title, own in tags.items():
            if all(t in own for t in all_of) and not any(t in own for t in none_of):
                result.append(title)
        return sorted(result)

    def rename(self, old, new):
        cursor = self.db.execute("UPDATE shelf SET tag = ? WHERE tag = ?", (new, old))
        return cursor.rowcount

    def drop(self, title):
        return self.db.execute("DELETE FROM shelf WHERE title = ?", (title,)).rowcount > 0

    def cloud(self):
        return self.db.execute("SELECT tag, COUNT(*) FROM shelf GROUP BY tag ORDER BY 2 DESC, 1").fetchall()

    def close(self):
        self.db.close()
