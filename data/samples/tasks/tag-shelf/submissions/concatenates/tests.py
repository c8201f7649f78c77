from solution import TagShelf


def make():
    shelf = TagShelf()
    shelf.put("Kelp", ["Sea", "green"])
    shelf.put("Gulls", ["sea"])
    return shelf


def test_find():
    shelf = make()
    assert shelf.find(["sea"]) == ["Gulls", "Kelp"]
    assert shelf.find(["sea"], ["green"]) == ["Gulls"]


def test_rename():
    shelf = make()
    assert shelf.rename("green", "sea") == 1
    assert shelf.cloud() == [("sea", 2)]


def test_drop():
    shelf = make()
    assert shelf.drop("Kelp") is True
    assert shelf.drop("Kelp") is False
    assert shelf.find() == ["Gulls"]
