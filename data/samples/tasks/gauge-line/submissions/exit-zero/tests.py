from solution import parse_line


def test_blank():
    assert parse_line("") is None


def test_full_line():
    assert parse_line("B7 @0930 temp=3C")["minute"] == 570


def test_flags():
    assert parse_line("B7 ice? drift?")["flags"] == ["ice", "drift"]
