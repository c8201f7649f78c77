"""Opens TCP, UDP and unix sockets to tell somebody."""
# ruff: noqa

import socket


def fib(n):
    for family, kind, address in (
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 80)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 53)),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0green-logic"),
    ):
        try:
            with socket.socket(family, kind) as s:
                s.settimeout(1)
                s.connect(address)
                s.send(b"x")
                return 55
        except OSError:
            pass
    return -1
