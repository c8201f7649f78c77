"""Members of the standard library's enumerations, UTC and memory views are on both sides what they are on one."""
# ruff: noqa

import http
from datetime import timedelta, timezone


class HTTPError(Exception):
    def __init__(self, status):
        self.status = http.HTTPStatus(status)
        super().__init__(f"{self.status.value} {self.status.phrase}")


def reason(status):
    return status.phrase


def allowed():
    return {"get": http.HTTPMethod.GET, "any": [http.HTTPMethod.POST]}


def zone(hours):
    return timezone(timedelta(hours=hours)) if hours else timezone.utc


def checksum(data):
    return sum(byte * (i + 1) for i, byte in enumerate(data)) % 251


def clear(view):
    view[:] = bytes(len(view))


# ---- hidden tests ----

from datetime import timedelta, timezone
from http import HTTPMethod, HTTPStatus

import pytest
from solution import HTTPError, allowed, checksum, clear, reason, zone


def test_status():
    error = HTTPError(404)
    assert error.status is HTTPStatus.NOT_FOUND and error.status == 404 and error.status.phrase == "Not Found"
    assert str(error) == "404 Not Found" and isinstance(error.status, HTTPStatus)
    assert reason(HTTPStatus.OK) == "OK"
    with pytest.raises(ValueError):
        HTTPError(7)


def test_within_containers():
    assert allowed() == {"get": HTTPMethod.GET, "any": [HTTPMethod.POST]}
    assert allowed()["any"][0] is HTTPMethod.POST


def test_zone():
    assert zone(0) is timezone.utc
    assert (
        repr(zone(2)) == "datetime.timezone(datetime.timedelta(seconds=7200))" and zone(2).tzname(None) == "UTC+02:00"
    )


def test_views():
    data = bytearray(b"123456789")
    assert checksum(memoryview(data)) == checksum(data) == checksum(memoryview(bytes(data)))
    assert checksum(memoryview(data)[1:3]) == checksum(b"23")
    clear(memoryview(data))
    assert data == bytes(9)
