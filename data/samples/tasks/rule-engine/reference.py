"""Reference: recursive descent; parsing yields functions of the facts, so errors come before any answer."""

import operator
import re

TOKEN = re.compile(r'\s*(?:("[^"]*")|(-?\d+(?:\.\d+)?)(?![\w.])|([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)(?![\w.])|([<>!]=|[=<>(),]))')
WORDS = {"and", "or", "not", "has", "in", "true", "false"}
ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class RuleError(ValueError):
    pass


def matches(rule, facts):
    tokens = _tokens(rule)
    test = _either(tokens)
    if tokens:
        raise RuleError(f"unexpected {tokens[-1]}")
    return test(facts)


def _tokens(rule):
    tokens, position, end = [], 0, len(rule.rstrip())
    while position < end:
        match = TOKEN.match(rule, position)
        if not match:
            raise RuleError(f"cannot read {rule[position:]!r}")
        tokens.append(match[0].strip())
        position = match.end()
    return tokens[::-1]


def _take(tokens, *wanted):
    if tokens and tokens[-1] in wanted:
        return tokens.pop()
    return None


def _need(tokens, wanted):
    if not _take(tokens, wanted):
        raise RuleError(f"expected {wanted}")


def _either(tokens):
    parts = [_both(tokens)]
    while _take(tokens, "or"):
        parts.append(_both(tokens))
    return lambda facts: any(part(facts) for part in parts)


def _both(tokens):
    parts = [_one(tokens)]
    while _take(tokens, "and"):
        parts.append(_one(tokens))
    return lambda facts: all(part(facts) for part in parts)


def _one(tokens):
    if _take(tokens, "not"):
        inner = _one(tokens)
        return lambda facts: not inner(facts)
    if _take(tokens, "("):
        inner = _either(tokens)
        _need(tokens, ")")
        return inner
    if _take(tokens, "has"):
        field = _field(tokens)
        return lambda facts: field in facts
    return _condition(tokens)


def _condition(tokens):
    field = _field(tokens)
    if _take(tokens, "in"):
        _need(tokens, "(")
        literals = [_literal(tokens)]
        while _take(tokens, ","):
            literals.append(_literal(tokens))
        _need(tokens, ")")
        return lambda facts: field in facts and any(_same(facts[field], literal) for literal in literals)
    sign = _take(tokens, "=", "!=", *ORDER)
    if not sign:
        raise RuleError(f"expected an operator after {field}")
    literal = _literal(tokens)
    return lambda facts: field in facts and _compare(sign, facts[field], literal)


def _field(tokens):
    if tokens and tokens[-1][0].islower() and tokens[-1] not in WORDS:
        return tokens.pop()
    raise RuleError("expected a field")


def _literal(tokens):
    if not tokens:
        raise RuleError("expected a literal")
    token = tokens.pop()
    if token in ("true", "false"):
        return token == "true"
    if token[0] == '"':
        return token[1:-1]
    if token[0].isdigit() or token[0] == "-":
        return float(token)
    raise RuleError(f"expected a literal, got {token}")


def _kind(value):
    return "number" if type(value) in (int, float) else type(value).__name__


def _same(value, literal):
    return _kind(value) == _kind(literal) and value == literal


def _compare(sign, value, literal):
    if sign in ("=", "!="):
        return _same(value, literal) == (sign == "=")
    ordered = _kind(value) == _kind(literal) and _kind(value) in ("number", "str")
    return ordered and ORDER[sign](value, literal)
