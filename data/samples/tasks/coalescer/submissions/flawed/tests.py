from solution import Coalescer


def test_result():
    assert Coalescer().run("a", lambda: 1) == 1


def test_again():
    c = Coalescer()
    c.run("a", lambda: 1)
    assert c.run("a", lambda: 2) == 2


def test_stats():
    c = Coalescer()
    c.run("a", lambda: 1)
    assert c.stats()["started"] == 1
