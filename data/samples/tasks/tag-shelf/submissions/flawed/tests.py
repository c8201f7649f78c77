from solution import TagShelf


def test_find():
    shelf = TagShelf()
    shelf.put("a", ["x", "y"])
    shelf.put("b", ["x"])
    assert shelf.find(["x"]) == ["a", "b"]
    assert shelf.find(["x"], ["y"]) == ["b"]


def test_cloud():
    shelf = TagShelf()
    shelf.put("a", ["x"])
    assert shelf.cloud() == [("x", 1)]


def test_drop():
    shelf = TagShelf()
    shelf.put("a", ["x"])
    assert shelf.drop("a")
