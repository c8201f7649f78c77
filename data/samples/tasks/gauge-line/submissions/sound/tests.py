import pytest

from solution import parse_line, skip_blanks


def empty(**parts):
    return {"station": "B7", "minute": None, "readings": {}, "notes": {}, "flags": [], **parts}


@pytest.mark.parametrize("line", ["", "  ", "#x", "  # x"])
def test_blank_lines_are_none(line):
    assert parse_line(line) is None


@pytest.mark.parametrize(
    "line, parts",
    [
        ("B7", {}),
        ("  B7 ", {}),
        ("B7 @0102", {"minute": 62}),
        ("B7 @2359", {"minute": 23 * 60 + 59}),
        ("B7 t=1", {"readings": {"t": (1.0, "")}}),
        ("B7 t=-2.5hPa h=4%", {"readings": {"t": (-2.5, "hPa"), "h": (4.0, "%")}}),
        ("B7 n='a''b # c' x?", {"notes": {"n": "a'b # c"}, "flags": ["x"]}),
        ("B7 n=''", {"notes": {"n": ""}}),
        ("B7 b? a? # b?", {"flags": ["b", "a"]}),
    ],
)
def test_good_lines(line, parts):
    assert parse_line(line) == empty(**parts)


@pytest.mark.parametrize(
    "line, column",
    [
        ("B!7", 1),
        (" x=1", 2),
        ("B7 @2400", 4),
        ("B7 @0060", 4),
        ("B7  X?", 5),
        ("B7 a?b?", 4),
        ("B7 a=1 b='open", 8),
        ("B7 a=1 a?", 8),
        ("B7 @0100 @0200", 10),
        ("B7 a=1..2", 4),
    ],
)
def test_bad_lines_name_the_column(line, column):
    with pytest.raises(ValueError) as caught:
        parse_line(line)
    assert str(caught.value).startswith(f"column {column}:")


def test_skip_blanks():
    assert skip_blanks("a  b", 1) == 3
    assert skip_blanks("a  #b", 1) is None
    assert skip_blanks("a  ", 1) is None
