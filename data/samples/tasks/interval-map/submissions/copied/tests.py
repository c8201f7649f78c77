import unittest


class TestIntervalMap(unittest.TestCase):
    def setUp(self):
        self.map = IntervalMap()
        self.map.assign(0, 10, "x")

    def test_half_open(self):
        self.assertEqual(self.map.at(0), "x")
        self.assertIsNone(self.map.at(10))

    def test_split(self):
        self.map.assign(4, 6, "y")
        self.assertEqual(self.map.spans(), [(0, 4, "x"), (4, 6, "y"), (6, 10, "x")])

    def test_merge(self):
        self.map.assign(10, 12, "x")
        self.assertEqual(self.map.spans(), [(0, 12, "x")])
        self.assertEqual(len(self.map), 1)

    def test_undo(self):
        self.map.erase(0, 5)
        self.assertEqual(self.map.spans(), [(5, 10, "x")])
        self.assertTrue(self.map.undo())
        self.assertEqual(self.map.spans(), [(0, 10, "x")])

    def test_errors(self):
        with self.assertRaises(ValueError):
            self.map.assign(3, 3, "z")
        with self.assertRaises(ValueError):
            self.map.assign(3, 4, None)
