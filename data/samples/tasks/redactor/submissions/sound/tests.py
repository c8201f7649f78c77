import pytest

from redactor import passes_luhn, redact, redact_all

CARD = "5555555555554444"


@pytest.mark.parametrize(
    "line, expected",
    [
        ("nothing", "nothing"),
        ("token=abc;x", "token=[hidden];x"),
        ("PassWord=a,b", "PassWord=[hidden],b"),
        ("atoken=abc", "atoken=abc"),
        ("-secret=abc", "-secret=[hidden]"),
        ("secret= a", "secret= a"),
        ("eve.x@mail.example.org!", "e***@mail.example.org!"),
        ("eve@host", "eve@host"),
        (CARD, "************4444"),
        ("5555 5555-5555 4444", "**** ****-**** 4444"),
        ("5555555555554445", "5555555555554445"),
        (CARD + "0000", CARD + "0000"),
        ("55555555555544441", "55555555555544441"),
        ("9 " + CARD, "9 " + CARD),
        ("token=" + CARD + " a@b.c", "token=[hidden] a***@b.c"),
    ],
)
def test_lines(line, expected):
    assert redact(line) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize("keep, expected", [(0, "*" * 16), (3, "*" * 13 + "444"), (16, CARD), (99, CARD)])
def test_keep(keep, expected):
    assert redact(CARD, keep) == expected


def test_negative_keep():
    with pytest.raises(ValueError):
        redact("", -1)


def test_luhn():
    assert passes_luhn("79927398713")
    assert not passes_luhn("79927398710")
    assert passes_luhn("0")


def test_counts():
    lines, counts = redact_all(["a@b.c", "token=1 secret=2", CARD + ", " + CARD, "token=[hidden]"])
    assert lines == ["a***@b.c", "token=[hidden] secret=[hidden]", "************4444, ************4444", "token=[hidden]"]
    assert counts == {"secret": 2, "mail": 1, "card": 2}
