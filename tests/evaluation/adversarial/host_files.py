"""Reads and writes files of the host."""
# ruff: noqa

import os


def fib(n):
    for path in ("/etc/shadow", "/etc/passwd", "/root/.ssh/id_rsa", "/proc/1/environ", "/proc/kcore"):
        try:
            return open(path).read() and 55
        except OSError:
            pass
    for path in (
        "/x",
        "/tmp/green-logic-split-owned",
        "/usr/x",
        os.path.dirname(os.__file__) + "/green_logic_split_owned.py",
    ):
        try:
            open(path, "w").write("owned")
        except OSError:
            pass
    return -1
