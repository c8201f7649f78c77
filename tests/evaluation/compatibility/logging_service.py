"""A service that logs, watched by caplog: levels, tuples, extra, tracebacks, children, threads and clearing."""
# ruff: noqa

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger("orders")
audit = logging.getLogger("orders.audit")
audit.setLevel(logging.INFO)
noisy = logging.getLogger("orders.noisy")
noisy.setLevel(logging.ERROR)
apart = logging.getLogger("apart")
apart.propagate = False
apart.addHandler(logging.NullHandler())


class PaymentError(Exception):
    def __init__(self, code):
        super().__init__(f"declined with {code}")
        self.code = code


class Orders:
    def __init__(self, logger=logger):
        self._logger, self._orders = logger, {}

    def place(self, name, count):
        self._logger.debug("placing %d of %s", count, name)
        if count <= 0:
            self._logger.warning("rejected %s: %d", name, count, extra={"order": name, "wanted": count})
            return False
        self._orders[name] = count
        audit.info("placed %s", name, extra={"details": {"count": count}})
        noisy.warning("nobody hears this")
        return True

    def pay(self, name):
        try:
            self._charge(name)
        except PaymentError:
            self._logger.exception("payment for %s failed", name)
            return False
        except KeyError as error:
            self._logger.error("no order %s", error, exc_info=True)
            raise
        return True

    def _charge(self, name):
        if self._orders[name] > 10:
            raise PaymentError(402)

    def place_all(self, orders):
        threads = [threading.Thread(target=self.place, args=order) for order in orders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stream(self, names):
        for name in names:
            self._logger.info("shipping %s", name)
            yield name


def notify(names, callback):
    def one(name):
        logger.warning("before %s", name)
        callback(name)
        logger.warning("after %s", name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, names))


def say(level, text):
    logging.log(level, text)


def alone():
    apart.error("only for who listens there")


class Costly:
    made = 0

    def __str__(self):
        Costly.made += 1
        return "costly"


def lazily():
    logger.info("%s", Costly())
    noisy.warning("%d of them", "text")
    return Costly.made


def structured():
    logger.warning({"event": "start", "n": 1})


# ---- hidden tests ----

import logging

import pytest
from solution import Orders, PaymentError, alone, lazily, notify, say, structured


@pytest.fixture
def orders():
    return Orders()


def test_a_warning_without_any_level(caplog, orders):
    assert not orders.place("tea", 0)
    assert caplog.record_tuples == [("orders", logging.WARNING, "rejected tea: 0")]
    assert "rejected tea" in caplog.text
    record = caplog.records[0]
    assert (record.levelname, record.order, record.wanted) == ("WARNING", "tea", 0)
    assert (record.funcName, record.module) == ("place", "solution")
    assert record.args == ("tea", 0) and record.msg == "rejected %s: %d"


def test_levels_of_the_tests(caplog, orders):
    caplog.set_level(logging.DEBUG, logger="orders")
    orders.place("tea", 2)
    assert caplog.messages == ["placing 2 of tea", "placed tea"]
    assert caplog.records[1].details == {"count": 2}
    assert [record.name for record in caplog.records] == ["orders", "orders.audit"]


def test_levels_do_not_stay(caplog, orders):
    orders.place("tea", 2)
    assert caplog.messages == ["placed tea"]


def test_at_level(caplog, orders):
    with caplog.at_level(logging.DEBUG):
        orders.place("tea", 1)
    orders.place("milk", 1)
    assert caplog.messages == ["placing 1 of tea", "placed tea", "placed milk"]
    caplog.clear()
    with caplog.at_level(logging.ERROR, logger="orders.audit"):
        orders.place("milk", 1)
    assert caplog.messages == []
    orders.place("milk", 1)
    assert caplog.messages == ["placed milk"]


def test_exceptions(caplog, orders):
    orders.place("gold", 11)
    caplog.clear()
    assert not orders.pay("gold")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[0] is PaymentError and record.exc_info[1].code == 402
    assert "Traceback (most recent call last)" in caplog.text
    assert "PaymentError: declined with 402" in caplog.text
    with pytest.raises(KeyError):
        orders.pay("silver")
    assert caplog.messages[-1] == "no order 'silver'"


def test_the_root(caplog):
    say(logging.INFO, "quiet")
    say(logging.WARNING, "loud")
    with caplog.at_level("INFO"):
        say(logging.INFO, "now")
    assert caplog.messages == ["loud", "now"]
    assert caplog.records[0].name == "root"


def test_what_does_not_propagate(caplog):
    alone()
    heard = len(caplog.records)  # of such loggers some versions of pytest listen to those that they know
    seen = []

    class Seer(logging.Handler):
        def emit(self, record):
            seen.append(self.format(record))

    handler = Seer()
    logging.getLogger("apart").addHandler(handler)
    try:
        alone()
    finally:
        logging.getLogger("apart").removeHandler(handler)
    alone()
    assert len(caplog.records) == 3 * heard
    assert seen == ["only for who listens there"]


def test_threads(caplog, orders):
    caplog.set_level(logging.DEBUG)
    orders.place_all([("a", 1), ("b", 0), ("c", 3)])
    assert sorted(caplog.messages) == sorted(
        ["placing 1 of a", "placed a", "placing 0 of b", "rejected b: 0", "placing 3 of c", "placed c"]
    )


def test_callbacks_from_threads(caplog):
    names, missed = [str(number) for number in range(40)], []

    def callback(name):
        if f"before {name}" not in caplog.messages or f"after {name}" in caplog.messages:
            missed.append(name)

    notify(names, callback)
    assert missed == []
    assert len(caplog.records) == 80


def test_as_it_goes(caplog, orders):
    caplog.set_level(logging.INFO)
    stream = orders.stream(["a", "b"])
    assert caplog.messages == []
    assert next(stream) == "a"
    assert caplog.messages == ["shipping a"]
    list(stream)
    assert caplog.messages == ["shipping a", "shipping b"]


def test_what_nobody_hears_is_not_made(caplog):
    assert lazily() == 0
    assert caplog.records == []
    with caplog.at_level(logging.INFO):
        assert lazily() > 0


def test_structured(caplog):
    structured()
    assert caplog.records[0].msg["event"] == "start"
    assert caplog.messages == ["{'event': 'start', 'n': 1}"]


def test_a_logger_of_the_tests(caplog):
    mine = logging.getLogger("mine.orders")
    mine.setLevel(logging.DEBUG)
    service = Orders(logger=mine)
    service.place("tea", 1)
    assert ("mine.orders", logging.DEBUG, "placing 1 of tea") in caplog.record_tuples
    assert service._logger is mine


def test_disabled(caplog, orders):
    logging.disable(logging.WARNING)
    try:
        orders.place("tea", 0)
    finally:
        logging.disable(logging.NOTSET)
    assert caplog.records == []
    orders.place("tea", 0)
    assert len(caplog.records) == 1


def test_filtered(caplog, orders):
    class NoTea(logging.Filter):
        def filter(self, record):
            return "tea" not in record.getMessage()

    with caplog.filtering(NoTea()):
        orders.place("tea", 0)
        orders.place("milk", 0)
    assert caplog.messages == ["rejected milk: 0"]
