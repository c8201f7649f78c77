"""Leaves daemons and zombies that outlive the battle."""
# ruff: noqa

import os, time


def fib(n):
    for _ in range(5):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    time.sleep(1000)
                    print("green-logic-split-daemon")
            os._exit(0)
    return -1
