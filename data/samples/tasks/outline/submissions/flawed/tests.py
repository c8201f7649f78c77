from outline import count_entries, render_outline


def test_flat():
    assert render_outline([["A", []], ["B", []]]) == "1 A\n2 B"


def test_nested():
    assert render_outline([["A", [["B", []]]]]) == "1 A\n  1.1 B"


def test_aside():
    assert render_outline([["A", []], ["~B", []]]) == "1 A\n* B"


def test_count():
    assert count_entries([["A", [["B", []]]]]) == 2


def test_asides_below_asides():
    assert render_outline([["~A", [["B", []]]]]) == "* A\n  * B"
