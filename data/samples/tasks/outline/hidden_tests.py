import pytest

from solution import count_entries, render_outline

BOOK = [
    ["Coast", [["Cliffs", []], ["Dunes", [["Grass", []], ["Wind", []]]]]],
    ["~Errata", [["Page 9", [["~Map", []]]]]],
    ["Harbour", []],
]


def leaf(title):
    return [title, []]


def test_an_empty_outline_is_empty_text():
    assert render_outline([]) == ""
    assert count_entries([]) == 0


def test_one_level_is_numbered():
    assert render_outline([leaf("Sea"), leaf("Land"), leaf("Sky")]) == "1 Sea\n2 Land\n3 Sky"


def test_levels_are_indented_and_dotted():
    assert render_outline([["A", [["B", [leaf("C")]], leaf("D")]]]) == "1 A\n  1.1 B\n    1.1.1 C\n  1.2 D"


def test_a_whole_book():
    assert render_outline(BOOK) == (
        "1 Coast\n  1.1 Cliffs\n  1.2 Dunes\n    1.2.1 Grass\n    1.2.2 Wind\n"
        "* Errata\n  * Page 9\n    * Map\n2 Harbour"
    )


def test_an_aside_takes_no_number():
    assert render_outline([leaf("~Note"), leaf("Sea"), leaf("~Note"), leaf("Land")]) == "* Note\n1 Sea\n* Note\n2 Land"


def test_an_aside_in_the_middle_of_a_branch():
    outline = [["Sea", [leaf("Reef"), leaf("~See 4"), leaf("Tide")]]]
    assert render_outline(outline) == "1 Sea\n  1.1 Reef\n  * See 4\n  1.2 Tide"


def test_only_the_first_tilde_is_a_mark():
    assert render_outline([leaf("~~x"), leaf("a~b")]) == "* ~x\n1 a~b"


def test_numbers_beyond_nine():
    lines = render_outline([[str(n), []] for n in range(12)]).split("\n")
    assert lines[9:] == ["10 9", "11 10", "12 11"]


@pytest.mark.parametrize(
    ("depth", "text"),
    [
        (1, "1 Coast\n  +4\n* Errata\n  +2\n2 Harbour"),
        (2, "1 Coast\n  1.1 Cliffs\n  1.2 Dunes\n    +2\n* Errata\n  * Page 9\n    +1\n2 Harbour"),
    ],
    ids=["one", "two"],
)
def test_what_is_too_deep_is_counted(depth, text):
    assert render_outline(BOOK, depth) == text


@pytest.mark.parametrize("depth", [3, 4, 99])
def test_a_depth_that_cuts_nothing_adds_nothing(depth):
    assert render_outline(BOOK, depth=depth) == render_outline(BOOK)
    assert "+" not in render_outline(BOOK)


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_below_one_is_refused(depth):
    with pytest.raises(ValueError):
        render_outline([leaf("Sea")], depth)
    with pytest.raises(ValueError):
        render_outline([], depth)


@pytest.mark.parametrize("title", ["", "~"], ids=["empty", "tilde"])
def test_an_entry_needs_a_title(title):
    with pytest.raises(ValueError):
        render_outline([leaf("Sea"), leaf(title)])
    with pytest.raises(ValueError):
        render_outline([["Sea", [leaf(title)]]], 1)


def test_count_entries_counts_all_levels():
    assert count_entries(BOOK) == 9
    assert count_entries([leaf("a"), leaf("b")]) == 2


def test_the_outline_is_not_changed():
    outline = [["Sea", [["~Reef", [["Cave", []]]]]]]
    render_outline(outline, 1)
    assert outline == [["Sea", [["~Reef", [["Cave", []]]]]]]
    assert render_outline(outline) == "1 Sea\n  * Reef\n    * Cave"


def test_twenty_levels():
    outline = []
    for level in range(20, 0, -1):
        outline = [[f"L{level}", outline]]
    last = render_outline(outline).split("\n")[-1]
    assert last == "  " * 19 + ".".join(["1"] * 20) + " L20"
    assert count_entries(outline) == 20
