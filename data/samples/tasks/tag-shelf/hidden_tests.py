import pytest

from solution import TagShelf


def stocked():
    shelf = TagShelf()
    shelf.put("Tidal Charts", ["sea", "maps"])
    shelf.put("Atlas of Caves", ["maps", "stone"])
    shelf.put("Reef Notes", ["sea", "life"])
    shelf.put("Untagged", [])
    return shelf


def test_an_empty_shelf_finds_nothing():
    shelf = TagShelf()
    assert shelf.find() == []
    assert shelf.find(all_of=["sea"]) == []
    assert shelf.cloud() == []


def test_no_condition_lists_every_title_in_order():
    assert stocked().find() == ["Atlas of Caves", "Reef Notes", "Tidal Charts", "Untagged"]


@pytest.mark.parametrize(
    ("all_of", "none_of", "titles"),
    [
        (["sea"], [], ["Reef Notes", "Tidal Charts"]),
        (["sea", "maps"], [], ["Tidal Charts"]),
        (["sea"], ["maps"], ["Reef Notes"]),
        ([], ["sea"], ["Atlas of Caves", "Untagged"]),
        ([], ["sea", "stone"], ["Untagged"]),
        (["sea"], ["sea"], []),
        (["unknown"], [], []),
    ],
)
def test_find_combines_required_and_unwanted_tags(all_of, none_of, titles):
    assert stocked().find(all_of=all_of, none_of=none_of) == titles


@pytest.mark.parametrize("tag", ["deep-sea", " Deep Sea ", "DEEP \t  SEA", "deep\nsea"], ids=["clean", "spaces", "capitals", "newline"])
def test_tags_are_normalised_on_both_ways_in(tag):
    shelf = TagShelf()
    shelf.put("Abyss", [tag])
    assert shelf.cloud() == [("deep-sea", 1)]
    assert shelf.find(all_of=[tag]) == ["Abyss"]
    assert shelf.find(none_of=[tag]) == []


def test_empty_and_double_tags_are_ignored():
    shelf = TagShelf()
    shelf.put("Abyss", ["", "  ", "sea", "SEA", " sea"])
    assert shelf.cloud() == [("sea", 1)]


def test_putting_again_replaces_the_tags():
    shelf = stocked()
    shelf.put("Reef Notes", ["coral"])
    assert shelf.find(all_of=["sea"]) == ["Tidal Charts"]
    assert shelf.find(all_of=["coral"]) == ["Reef Notes"]
    assert len(shelf.find()) == 4


def test_rename_counts_the_titles_it_touched():
    shelf = stocked()
    assert shelf.rename("sea", "ocean") == 2
    assert shelf.find(all_of=["sea"]) == []
    assert shelf.find(all_of=["ocean"]) == ["Reef Notes", "Tidal Charts"]
    assert shelf.rename("sea", "ocean") == 0


def test_rename_merges_where_a_title_had_both():
    shelf = stocked()
    assert shelf.rename("maps", "sea") == 2
    assert shelf.cloud() == [("sea", 3), ("life", 1), ("stone", 1)]
    assert shelf.find(all_of=["sea"]) == ["Atlas of Caves", "Reef Notes", "Tidal Charts"]


def test_renaming_a_tag_to_itself_keeps_it():
    shelf = stocked()
    assert shelf.rename("Sea", "sea") == 2
    assert shelf.find(all_of=["sea"]) == ["Reef Notes", "Tidal Charts"]


def test_drop_says_whether_the_title_was_there():
    shelf = stocked()
    assert shelf.drop("Reef Notes") is True
    assert shelf.drop("Reef Notes") is False
    assert shelf.find(all_of=["sea"]) == ["Tidal Charts"]


def test_the_cloud_is_ordered_and_has_no_zeros():
    shelf = stocked()
    assert shelf.cloud() == [("maps", 2), ("sea", 2), ("life", 1), ("stone", 1)]
    shelf.drop("Reef Notes")
    assert shelf.cloud() == [("maps", 2), ("sea", 1), ("stone", 1)]


@pytest.mark.parametrize(
    "text",
    ["o'brien", "x'); DROP TABLE titles; --", '" OR 1=1 --', "100%_?", "?"],
    ids=["apostrophe", "drop", "or", "wildcards", "placeholder"],
)
def test_quotes_are_only_text(text):
    shelf = stocked()
    shelf.put(text, [text])
    assert text in shelf.find()
    tag = "-".join(text.lower().split())
    assert shelf.find(all_of=[text]) == [text]
    assert (tag, 1) in shelf.cloud()
    assert shelf.rename(text, "plain") == 1
    assert shelf.drop(text) is True
    assert len(shelf.find()) == 4


def test_a_second_shelf_on_the_same_file_sees_the_content():
    # a relative name: the tests may run on another file system than the solution
    first = TagShelf("shelf-check.db")
    first.put("Abyss", ["sea"])
    first.close()
    second = TagShelf("shelf-check.db")
    assert second.find(all_of=["sea"]) == ["Abyss"]
    second.close()
