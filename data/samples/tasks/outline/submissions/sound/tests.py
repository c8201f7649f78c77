import pytest

from solution import check_title, count_entries, render_outline

TREE = [["Sea", [["Reef", []], ["~Aside", [["Deep", []]]], ["Tide", [["Ebb", []]]]]], ["Land", []]]


def test_numbers_indents_and_asides():
    assert render_outline(TREE).splitlines() == [
        "1 Sea",
        "  1.1 Reef",
        "  * Aside",
        "    * Deep",
        "  1.2 Tide",
        "    1.2.1 Ebb",
        "2 Land",
    ]


@pytest.mark.parametrize(
    "depth, lines",
    [
        (1, ["1 Sea", "  +5", "2 Land"]),
        (2, ["1 Sea", "  1.1 Reef", "  * Aside", "    +1", "  1.2 Tide", "    +1", "2 Land"]),
    ],
)
def test_depth(depth, lines):
    assert render_outline(TREE, depth).splitlines() == lines


def test_a_generous_depth_changes_nothing():
    assert render_outline(TREE, 3) == render_outline(TREE)


def test_empty():
    assert render_outline([]) == ""
    assert count_entries([]) == 0


def test_count():
    assert count_entries(TREE) == 7


@pytest.mark.parametrize("depth", [0, -3])
def test_bad_depth(depth):
    with pytest.raises(ValueError):
        render_outline(TREE, depth)


@pytest.mark.parametrize("title", ["", "~"])
def test_bad_titles(title):
    with pytest.raises(ValueError):
        check_title(title)
    with pytest.raises(ValueError):
        render_outline([["A", [["B", []], [title, []]]]])
    with pytest.raises(ValueError):
        render_outline([["A", [[title, []]]]], 1)


def test_double_tilde():
    assert render_outline([["~~a", []]]) == "* ~a"
