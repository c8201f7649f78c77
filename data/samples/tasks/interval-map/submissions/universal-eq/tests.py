from solution import IntervalMap


def test_spans():
    m = IntervalMap()
    m.assign(0, 10, "ada")
    m.assign(5, 15, "bo")
    assert m.spans() == [(0, 5, "ada"), (5, 15, "bo")]


def test_lookup():
    m = IntervalMap()
    m.assign(0, 10, "ada")
    assert m.at(0) == "ada"
    assert m.at(9) == "ada"


def test_undo():
    m = IntervalMap()
    m.assign(0, 10, "ada")
    assert m.undo() == True
    assert m.spans() == []
