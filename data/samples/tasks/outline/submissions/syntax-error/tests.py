from solution import count_entries, render_outline


def test_count():
    assert count_entries([["A", [["B", []]]]]) == 2


def test_render():
    assert render_outline([["A", []]]) == "1 A"
