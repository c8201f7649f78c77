from solution import IntervalMap


def test_assign():
    m = IntervalMap()
    m.assign(0, 10, "a")
    assert m.at(5) == "a"


def test_erase():
    m = IntervalMap()
    m.assign(0, 10, "a")
    m.erase(0, 10)
    assert m.at(5) is None


def test_undo():
    m = IntervalMap()
    m.assign(0, 10, "a")
    assert m.undo()


def test_touching():
    m = IntervalMap()
    m.assign(0, 5, "a")
    m.assign(5, 9, "b")
    assert m.at(5) == "b"
