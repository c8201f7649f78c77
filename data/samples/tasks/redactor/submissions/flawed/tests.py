from solution import redact, redact_all


def test_password():
    assert redact("password=hunter2") == "password=[hidden]"


def test_mail():
    assert redact("ada@example.org") == "a***@example.org"


def test_card():
    assert redact("4539578763621486").endswith("1486")


def test_all():
    assert redact_all(["token=a"])[1]["secret"] == 1
