import pytest

from solution import redact, redact_all


@pytest.mark.parametrize("line", ["", "started in 12 ms", "at 2026-03-01 10:15:00 code=200"], ids=["empty", "text", "time"])
def test_text_without_secrets_is_unchanged(line):
    assert redact(line) == line
    assert redact(line + " token=1") == line + " token=[hidden]"


@pytest.mark.parametrize(
    ("line", "redacted"),
    [
        ("password=hunter2", "password=[hidden]"),
        ("user=ada token=a.b-c, next", "user=ada token=[hidden], next"),
        ("Secret=x;TOKEN=y z", "Secret=[hidden];TOKEN=[hidden] z"),
        ("url?token=abc=def&x", "url?token=[hidden]"),
        ("my_token=abc", "my_token=[hidden]"),
        ("password= next", "password= next"),
        ("token=,x", "token=,x"),
        ("passwords=abc", "passwords=abc"),
        ("tokentoken", "tokentoken"),
    ],
    ids=range(9),
)
def test_values_of_secrets_are_hidden(line, redacted):
    assert redact(line) == redacted
    assert redact(line + " a@b.co") == redacted + " a***@b.co"


@pytest.mark.parametrize("line", ["xtoken=abc", "3secret=abc", "Xpassword=abc"])
def test_a_word_after_a_letter_or_digit_is_another_word(line):
    assert redact(line) == line
    assert redact(f"{line} .{line[1:]}") != f"{line} .{line[1:]}"


@pytest.mark.parametrize(
    ("line", "redacted"),
    [
        ("from ada@example.org", "from a***@example.org"),
        ("a@b.c", "a***@b.c"),
        ("<x.y+z-1_2@mail.two.test>", "<x***@mail.two.test>"),
        ("a1@x.y,b2@z.w", "a***@x.y,b***@z.w"),
        ("ada@localhost", "ada@localhost"),
        ("@example.org", "@example.org"),
        ("Bo@ex-ample.org.", "B***@ex-ample.org."),
    ],
    ids=range(7),
)
def test_mail_addresses_keep_one_character_and_the_domain(line, redacted):
    assert redact(line) == redacted
    assert redact(line + " token=1") == redacted + " token=[hidden]"


@pytest.mark.parametrize(
    ("line", "redacted"),
    [
        ("4539578763621486", "************1486"),
        ("card 4539 5787 6362 1486 ok", "card **** **** **** 1486 ok"),
        ("(4539-5787-6362-1486)", "(****-****-****-1486)"),
        ("x4539578763621486x", "x************1486x"),
        ("378282246310005", "***********0005"),
        ("4222222222222", "*********2222"),
        ("6304000000000000000", "***************0000"),
    ],
    ids=["plain", "blanks", "hyphens", "letters", "fifteen", "thirteen", "nineteen"],
)
def test_cards_show_only_their_last_digits(line, redacted):
    assert redact(line) == redacted


@pytest.mark.parametrize(
    "line",
    [
        "4539578763621487",
        "4539  5787 6362 1486",
        "4539 -5787 6362 1486",
        "453957876362",
        "00000000000000000000",
        "1 4539578763621486 0000",
    ],
    ids=["luhn", "two-blanks", "two-signs", "twelve", "twenty", "longer-with-blanks"],
)
def test_what_is_no_card_stays(line):
    assert redact(line) == line
    assert redact(line + ", 4539578763621486") == line + ", ************1486"


@pytest.mark.parametrize(
    ("keep", "redacted"),
    [(0, "****-****-****-****"), (1, "****-****-****-***6"), (6, "****-****-**62-1486"), (16, None), (40, None)],
)
def test_keep_says_how_many_digits_remain(keep, redacted):
    card = "4539-5787-6362-1486"
    assert redact(card, keep) == (redacted or card)
    assert redact(card, keep=keep) == (redacted or card)


def test_keep_may_not_be_negative():
    with pytest.raises(ValueError):
        redact("nothing here", -1)


def test_nothing_else_looks_into_a_secret():
    assert redact("token=ada@example.org") == "token=[hidden]"
    lines, counts = redact_all(["secret=4539578763621486"])
    assert lines == ["secret=[hidden]"]
    assert counts == {"secret": 1, "mail": 0, "card": 0}


@pytest.mark.parametrize(
    "line",
    ["password=a token=b,c", "ada@example.org 4539578763621486", "4539 5787 6362 1486;secret=x"],
    ids=range(3),
)
def test_twice_is_once(line):
    once = redact(line)
    assert once != line
    assert "[hidden]" in once or "****" in once
    assert redact(once) == once


def test_many_lines_are_counted_by_kind():
    lines, counts = redact_all(
        ["a@b.co c@d.co token=1", "4539578763621486", "4539578763621487", "plain", "SECRET=2 password=3"]
    )
    assert lines == [
        "a***@b.co c***@d.co token=[hidden]",
        "************1486",
        "4539578763621487",
        "plain",
        "SECRET=[hidden] password=[hidden]",
    ]
    assert counts == {"secret": 3, "mail": 2, "card": 1}


def test_no_lines_count_zero():
    assert redact_all([]) == ([], {"secret": 0, "mail": 0, "card": 0})


def test_the_lines_given_are_not_changed():
    given = ["token=1"]
    assert redact_all(given)[0] == ["token=[hidden]"]
    assert given == ["token=1"]
