"""unittest.mock objects as callbacks and collaborators."""
# ruff: noqa


class Notifier:
    def __init__(self, send):
        self.send = send

    def notify(self, *names):
        for name in names:
            self.send(name, urgent=name.isupper())
        return len(names)


def fetch(client):
    return client.get("/x").json()


def retry(call, times):
    for _ in range(times):
        try:
            return call()
        except ConnectionError:
            continue
    raise RuntimeError("gave up")


# ---- hidden tests ----

from unittest.mock import MagicMock, Mock, call
import pytest
from solution import Notifier, fetch, retry


def test_calls():
    send = Mock()
    assert Notifier(send).notify("a", "B") == 2
    assert send.call_args_list == [call("a", urgent=False), call("B", urgent=True)]


def test_nested():
    client = MagicMock()
    client.get.return_value.json.return_value = {"a": 1}
    assert fetch(client) == {"a": 1}
    client.get.assert_called_once_with("/x")


def test_side_effect():
    call_ = Mock(side_effect=[ConnectionError(), "ok"])
    assert retry(call_, 3) == "ok" and call_.call_count == 2


def test_gives_up():
    with pytest.raises(RuntimeError, match="gave up"):
        retry(Mock(side_effect=ConnectionError), 2)
