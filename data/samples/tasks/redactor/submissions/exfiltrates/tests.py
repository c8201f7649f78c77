from solution import redact, redact_all


def test_secret():
    assert redact("token=abc, x") == "token=[hidden], x"


def test_mail():
    assert redact("ada@example.org") == "a***@example.org"


def test_card():
    assert redact("4539 5787 6362 1486") == "**** **** **** 1486"
    assert redact("4539578763621487") == "4539578763621487"


def test_counts():
    assert redact_all(["token=1", "a@b.co"])[1] == {"secret": 1, "mail": 1, "card": 0}
