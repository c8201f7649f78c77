import unittest

from tag_shelf import TagShelf, normalise


class TagShelfTests(unittest.TestCase):
    def setUp(self):
        self.shelf = TagShelf()
        self.addCleanup(self.shelf.close)
        self.shelf.put("Kelp", ["Sea", "Plants"])
        self.shelf.put("Moss", ["plants"])
        self.shelf.put("Gulls", ["sea", "birds"])

    def test_normalise(self):
        self.assertEqual(normalise("  Deep \t Sea "), "deep-sea")
        self.assertEqual(normalise(" \n "), "")

    def test_find(self):
        self.assertEqual(self.shelf.find(), ["Gulls", "Kelp", "Moss"])
        self.assertEqual(self.shelf.find(["SEA"]), ["Gulls", "Kelp"])
        self.assertEqual(self.shelf.find(["sea", "plants"]), ["Kelp"])
        self.assertEqual(self.shelf.find(["plants"], ["sea"]), ["Moss"])
        self.assertEqual(self.shelf.find(none_of=["birds", "nothing"]), ["Kelp", "Moss"])

    def test_put_replaces_and_ignores_empty_tags(self):
        self.shelf.put("Kelp", ["", "food", "FOOD"])
        self.assertEqual(self.shelf.find(["food"]), ["Kelp"])
        self.assertEqual(self.shelf.find(["sea"]), ["Gulls"])
        self.assertEqual(self.shelf.cloud(), [("birds", 1), ("food", 1), ("plants", 1), ("sea", 1)])

    def test_rename_merges(self):
        self.assertEqual(self.shelf.rename("plants", "sea"), 2)
        self.assertEqual(self.shelf.cloud(), [("sea", 3), ("birds", 1)])
        self.assertEqual(self.shelf.rename("plants", "sea"), 0)

    def test_rename_to_itself(self):
        self.assertEqual(self.shelf.rename("sea", " SEA "), 2)
        self.assertEqual(self.shelf.find(["sea"]), ["Gulls", "Kelp"])

    def test_drop(self):
        self.assertIs(self.shelf.drop("Kelp"), True)
        self.assertIs(self.shelf.drop("Kelp"), False)
        self.assertEqual(self.shelf.find(), ["Gulls", "Moss"])
        self.assertEqual(self.shelf.cloud(), [("birds", 1), ("plants", 1), ("sea", 1)])

    def test_hostile_text_is_text(self):
        title = "'); DELETE FROM item; --"
        self.shelf.put(title, ["it's"])
        self.assertEqual(self.shelf.find(["it's"]), [title])
        self.assertEqual(len(self.shelf.find()), 4)


if __name__ == "__main__":
    unittest.main()
