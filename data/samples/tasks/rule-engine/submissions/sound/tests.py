import pytest

from solution import RuleError, compare, kind_of, matches, tokenize


@pytest.mark.parametrize(
    "sign, results",
    [
        ("=", [False, True, False]),
        ("!=", [True, False, True]),
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        (">", [False, False, True]),
        (">=", [False, True, True]),
    ],
)
def test_compare_below_at_and_above(sign, results):
    assert [compare(sign, value, 5.0) for value in (4, 5, 6)] == results
    assert [compare(sign, value, "m") for value in "lmn"] == results


def test_kinds():
    assert [kind_of(v) for v in (True, 1, 1.5, "x")] == ["boolean", "number", "number", "string"]
    assert compare("!=", True, 1.0) is True
    assert compare("<=", True, True) is False
    assert compare(">", "9", 1.0) is False


def test_tokenize():
    assert tokenize('a.b<=-1.5 ') == [("field", "a.b"), ("<=", "<="), ("literal", -1.5), ("end", None)]
    assert tokenize('has x, "a b" true') == [
        ("has", "has"), ("field", "x"), (",", ","), ("literal", "a b"), ("literal", True), ("end", None)
    ]


@pytest.mark.parametrize(
    "rule, answer",
    [
        ("a = 1 or a = 2 and a = 3", True),
        ("(a = 1 or a = 2) and a = 3", False),
        ("not a = 2 and a = 1", True),
        ("not (a = 1 and b = 2)", False),
        ("a in (3, 1)", True),
        ("a in (3)", False),
        ("has a", True),
        ("has c", False),
        ("c != 1", False),
        ("c in (1)", False),
        ("not c = 1", True),
    ],
)
def test_answers(rule, answer):
    assert matches(rule, {"a": 1, "b": 2}) is answer


@pytest.mark.parametrize(
    "rule", ["", "a", "a =", "a = 1 b", "(a = 1", "a in ()", "a in (1,", "has", "has in", "a = 1 or", "a & 1", "a = b"]
)
def test_malformed(rule):
    with pytest.raises(RuleError):
        matches(rule, {"a": 1})


def test_errors_are_found_behind_a_decided_result():
    with pytest.raises(RuleError):
        matches("a = 1 or a <", {"a": 1})
