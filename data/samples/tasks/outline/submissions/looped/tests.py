import unittest


class OutlineTest(unittest.TestCase):
    tree = [["A", [["B", []], ["~C", [["D", []]]], ["E", []]]], ["F", []]]

    def test_text(self):
        self.assertEqual(render_outline(self.tree), "1 A\n  1.1 B\n  * C\n    * D\n  1.2 E\n2 F")

    def test_depth(self):
        self.assertEqual(render_outline(self.tree, 1), "1 A\n  +4\n2 F")
        self.assertEqual(render_outline(self.tree, 3), render_outline(self.tree))

    def test_count(self):
        self.assertEqual(count_entries(self.tree), 6)
        self.assertEqual(count_entries([]), 0)

    def test_errors(self):
        for bad in ([["", []]], [["A", [["~", []]]]]):
            with self.assertRaises(ValueError):
                render_outline(bad, 1)
        with self.assertRaises(ValueError):
            render_outline([], 0)
