"""Never returns and ignores every signal."""
# ruff: noqa

import signal


def fib(n):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
