"""A web router and a retrier that read what the tests' exception classes say of themselves."""
# ruff: noqa


class Router:
    def __init__(self, base_error):
        self.base_error = base_error
        self.routes = {}

    def add(self, path, handler, missing=None):
        self.routes[path] = (handler, missing)

    def get(self, path):
        handler, missing = self.routes[path]
        try:
            if missing is not None:
                raise missing(path)
            return 200, handler()
        except self.base_error as error:
            return error.status, f"{type(error).__name__}: {error}"


def statuses(*classes):
    return {cls.__name__: getattr(cls, "status", None) for cls in classes}


def is_retryable(error):
    return getattr(error, "retryable", False)


def own(base):
    class Own(base):
        extra = 1

    return Own.status, Own("x").status, Own.extra, issubclass(Own, base)


# ---- hidden tests ----

import pytest
from solution import Router, is_retryable, own, statuses


class HTTPError(Exception):
    status = 500
    retryable = False


class NotFound(HTTPError):
    status = 404

    @property
    def label(self):
        return "missing"


class Busy(HTTPError):
    retryable = True

    def __init__(self, seconds):
        super().__init__(f"wait {seconds}")
        self.seconds = seconds


def test_classes():
    assert statuses(HTTPError, NotFound, Busy, KeyError) == {
        "HTTPError": 500,
        "NotFound": 404,
        "Busy": 500,
        "KeyError": None,
    }


def test_made_by_the_solution():
    router = Router(HTTPError)
    router.add("/a", lambda: "ok")
    router.add("/b", None, missing=NotFound)
    assert router.get("/a") == (200, "ok")
    assert router.get("/b") == (404, "NotFound: /b")


def test_raised_by_the_tests():
    def fail():
        raise Busy(3)

    router = Router(HTTPError)
    router.add("/", fail)
    assert router.get("/") == (500, "Busy: wait 3")


def test_instances():
    assert is_retryable(Busy(1)) and not is_retryable(NotFound()) and not is_retryable(KeyError("a"))


def test_subclasses():
    assert own(NotFound) == (404, 404, 1, True)
