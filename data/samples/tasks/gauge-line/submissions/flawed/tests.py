import unittest


class ParseLineTest(unittest.TestCase):
    def test_reading(self):
        self.assertEqual(parse_line("B7 temp=3C")["readings"], {"temp": (3.0, "C")})

    def test_flag(self):
        self.assertEqual(parse_line("B7 ice?")["flags"], ["ice"])

    def test_comment(self):
        self.assertIsNone(parse_line("# nothing"))
