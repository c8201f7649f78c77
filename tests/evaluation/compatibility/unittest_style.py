"""Hidden tests written as unittest classes: setUp, subTest, assertRaises, assertLogs, assertWarns, mocks."""
# ruff: noqa

import logging
import warnings

log = logging.getLogger("shop")


class OutOfStock(Exception):
    def __init__(self, name, wanted):
        super().__init__(f"{name}: wanted {wanted}")
        self.name, self.wanted = name, wanted


class Shop:
    tax = 0.2

    def __init__(self, mailer=None):
        self._stock, self._mailer = {}, mailer

    def add(self, name, count=1):
        if count < 0:
            warnings.warn("negative count", UserWarning)
        self._stock[name] = self._stock.get(name, 0) + count
        log.info("added %s", name)

    def buy(self, name, count=1):
        if self._stock.get(name, 0) < count:
            log.error("out of %s", name)
            raise OutOfStock(name, count)
        self._stock[name] -= count
        if self._mailer:
            self._mailer.send(name, count=count)
        return round(count * (1 + self.tax), 2)

    @property
    def stock(self):
        return dict(self._stock)

    @staticmethod
    def parse(text):
        name, _, count = text.partition(":")
        return name, int(count or 1)


def old():
    warnings.warn("use new()", DeprecationWarning, stacklevel=2)
    return 1


# ---- hidden tests ----

import unittest
from unittest import mock

from solution import OutOfStock, Shop, old


class ShopTest(unittest.TestCase):
    def setUp(self):
        self.mailer = mock.Mock()
        self.shop = Shop(self.mailer)
        self.shop.add("tea", 3)
        self.addCleanup(self.mailer.reset_mock)

    def test_buys(self):
        self.assertEqual(self.shop.buy("tea", 2), 2.4)
        self.assertDictEqual(self.shop.stock, {"tea": 1})
        self.mailer.send.assert_called_once_with("tea", count=2)

    def test_out_of_stock(self):
        with self.assertRaises(OutOfStock) as caught:
            self.shop.buy("tea", 4)
        self.assertEqual((caught.exception.name, caught.exception.wanted), ("tea", 4))
        self.assertRaisesRegex(OutOfStock, "milk: wanted 1", self.shop.buy, "milk")
        self.mailer.send.assert_not_called()

    def test_parse(self):
        for text, expected in [("a:2", ("a", 2)), ("b", ("b", 1))]:
            with self.subTest(text=text):
                self.assertTupleEqual(Shop.parse(text), expected)
        with self.assertRaises(ValueError):
            Shop.parse("a:x")

    def test_almost(self):
        self.assertAlmostEqual(self.shop.buy("tea"), 1.2)
        self.assertIn("tea", self.shop.stock)
        self.assertIsInstance(self.shop, Shop)
        self.assertCountEqual(self.shop.stock, ["tea"])

    def test_patched(self):
        with mock.patch.object(Shop, "tax", 1.0):
            self.assertEqual(self.shop.buy("tea"), 2.0)
        self.assertEqual(Shop.tax, 0.2)

    def test_patched_by_name(self):
        with mock.patch("solution.Shop.parse", return_value=("x", 9)):
            self.assertEqual(Shop.parse("a"), ("x", 9))

    def test_warned(self):
        with self.assertWarns(DeprecationWarning) as caught:
            self.assertEqual(old(), 1)
        self.assertEqual(str(caught.warning), "use new()")
        with self.assertWarnsRegex(UserWarning, "^negative"):
            self.shop.add("tea", -1)

    def test_logged(self):
        with self.assertLogs("shop", "INFO") as logs:
            self.shop.add("milk")
            with self.assertRaises(OutOfStock):
                self.shop.buy("milk", 2)
        self.assertEqual(logs.output, ["INFO:shop:added milk", "ERROR:shop:out of milk"])

    def test_failing_mailer(self):
        self.mailer.send.side_effect = ConnectionError("down")
        with self.assertRaises(ConnectionError):
            self.shop.buy("tea")
        self.assertEqual(self.mailer.send.call_count, 1)


class Fixtures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shop = Shop()
        cls.shop.add("a")

    def test_shared(self):
        self.assertEqual(self.shop.stock, {"a": 1})

    def tearDown(self):
        self.assertTrue(self.shop.stock)
