import threading
import time

import pytest

from coalescing import CallCoalescer


def test_single_call():
    coalescer = CallCoalescer()
    assert coalescer.run("a", lambda: 3) == 3
    assert coalescer.stats() == {"started": 1, "shared": 0, "refused": 0}


def test_error_is_not_remembered():
    coalescer = CallCoalescer()
    with pytest.raises(ZeroDivisionError):
        coalescer.run("a", lambda: 1 // 0)
    assert coalescer.run("a", lambda: 3) == 3


def test_reentry():
    coalescer = CallCoalescer()
    with pytest.raises(RuntimeError):
        coalescer.run("a", lambda: coalescer.run("a", int))


def test_sharing():
    coalescer, gate, seen = CallCoalescer(), threading.Event(), []

    def work():
        gate.wait(2)
        return "tile"

    threads = [threading.Thread(target=lambda: seen.append(coalescer.run("a", work)), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 2
    while coalescer.waiting("a") < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join(2)
    assert seen == ["tile"] * 3
    assert coalescer.stats() == {"started": 1, "shared": 2, "refused": 0}
