"""assertLogs and assertNoLogs, by name and by logger, and handlers that the tests attach or hand over."""
# ruff: noqa

import json
import logging

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


class Account:
    def __init__(self, owner, balance=0):
        self.owner, self.balance = owner, balance
        log.debug("opened for %s", owner)

    def deposit(self, amount):
        if amount <= 0:
            log.error("invalid deposit: %s", amount)
            raise ValueError("amount must be positive")
        self.balance += amount
        log.info("deposited %s", amount)

    def withdraw(self, amount):
        if amount > self.balance:
            log.warning("overdraft by %s", self.owner)
            return False
        self.balance -= amount
        return True


def other():
    logging.getLogger("other").debug("of another")
    log.debug("not heard")


class JsonFormatter(logging.Formatter):
    def format(self, record):
        told = {"level": record.levelname, "message": record.getMessage()}
        if record.exc_info:
            told["error"] = record.exc_info[0].__name__
        return json.dumps(told)


def make_logger(name, handler, level=logging.INFO):
    logger = logging.getLogger(name)
    logger.setLevel(level)
    logger.addHandler(handler)
    logger.propagate = False
    return logger


def make_json_logger(name, handler):
    handler.setFormatter(JsonFormatter())
    handler.setLevel(logging.WARNING)
    return make_logger(name, handler)


# ---- hidden tests ----

import io
import json
import logging
import unittest

import solution
from solution import Account, JsonFormatter, make_json_logger, make_logger, other


class Logs(unittest.TestCase):
    def setUp(self):
        self.account = Account("Ada", 10)

    def test_by_name(self):
        with self.assertLogs("solution", level="INFO") as logs:
            self.account.deposit(5)
            self.account.withdraw(100)
        self.assertEqual(logs.output, ["INFO:solution:deposited 5", "WARNING:solution:overdraft by Ada"])
        self.assertEqual(logs.records[1].args, ("Ada",))

    def test_of_the_root(self):
        with self.assertLogs(level="WARNING") as logs:
            self.account.deposit(5)
            self.account.withdraw(100)
        self.assertEqual([record.getMessage() for record in logs.records], ["overdraft by Ada"])

    def test_by_the_logger(self):
        with self.assertLogs(solution.log, level=logging.DEBUG) as logs:
            Account("Bob").deposit(1)
        self.assertEqual(logs.output, ["DEBUG:solution:opened for Bob", "INFO:solution:deposited 1"])
        self.assertIsInstance(solution.log, logging.Logger)
        self.assertTrue(solution.log.isEnabledFor(logging.INFO))
        self.assertFalse(solution.log.isEnabledFor(logging.DEBUG))
        with self.assertLogs("other", "DEBUG"):
            self.assertFalse(solution.log.isEnabledFor(logging.DEBUG))
            other()

    def test_before_an_error(self):
        with self.assertLogs("solution", "ERROR") as logs, self.assertRaises(ValueError):
            self.account.deposit(-1)
        self.assertIn("invalid deposit: -1", logs.output[0])

    def test_none(self):
        with self.assertNoLogs("solution", level="WARNING"):
            self.account.deposit(5)
        with self.assertRaises(AssertionError):
            with self.assertNoLogs("solution"):
                self.account.deposit(5)

    def test_missing(self):
        with self.assertRaisesRegex(AssertionError, "no logs of level INFO or higher triggered on solution"):
            with self.assertLogs("solution"):
                self.account.withdraw(1)


class Handlers(unittest.TestCase):
    def setUp(self):
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def attach(self, logger):
        logger.addHandler(self.handler)
        self.addCleanup(logger.removeHandler, self.handler)

    def test_at_the_logger(self):
        self.attach(logging.getLogger("solution"))
        Account("Ada").deposit(3)
        self.assertEqual(self.stream.getvalue(), "INFO deposited 3\n")

    def test_at_the_root(self):
        self.attach(logging.getLogger())
        self.handler.setLevel(logging.WARNING)
        Account("Ada").deposit(3)
        Account("Ada").withdraw(3)
        self.assertEqual(self.stream.getvalue(), "WARNING overdraft by Ada\n")

    def test_at_the_solutions_own(self):
        self.attach(solution.log)
        Account("Ada").deposit(3)
        self.assertEqual(self.stream.getvalue(), "INFO deposited 3\n")

    def test_handed_over(self):
        logger = make_logger("handed", self.handler)
        logger.debug("no")
        logger.info("%s and %d", "text", 3)
        self.assertEqual(self.stream.getvalue(), "INFO text and 3\n")

    def test_handed_over_and_given_a_format(self):
        logger = make_json_logger("json", logging.StreamHandler(self.stream))
        logger.info("no")
        logger.error("%s", "yes")
        self.assertEqual(json.loads(self.stream.getvalue()), {"level": "ERROR", "message": "yes"})

    def test_of_the_tests(self):
        class Listing(logging.Handler):
            def __init__(self):
                super().__init__()
                self.records = []

            def emit(self, record):
                self.records.append(record)

        handler = Listing()
        self.handler = handler
        self.attach(logging.getLogger("solution"))
        Account("Ada").deposit(7)
        self.assertEqual([record.getMessage() for record in handler.records], ["deposited 7"])

    def test_a_formatter_of_the_solution(self):
        record = logging.LogRecord("x", logging.INFO, "x.py", 1, "hello %s", ("you",), None)
        self.assertEqual(json.loads(JsonFormatter().format(record)), {"level": "INFO", "message": "hello you"})
        self.handler.setFormatter(JsonFormatter())
        self.attach(logging.getLogger("solution"))
        with self.assertRaises(ValueError):
            Account("Ada").deposit(0)
        self.assertEqual(json.loads(self.stream.getvalue())["message"], "invalid deposit: 0")
