"""Rules by splitting the text at its words."""

import re


class RuleError(ValueError):
    pass


def matches(rule, facts):
    rule = rule.strip()
    if not rule:
        raise RuleError("empty rule")
    parts = re.split(r"\bor\b", rule)
    if len(parts) > 1:
        return any(matches(part, facts) for part in parts)
    parts = re.split(r"\band\b", rule)
    if len(parts) > 1:
        return all(matches(part, facts) for part in parts)
    if rule.startswith("not "):
        return not matches(rule[4:], facts)
    if rule.startswith("has "):
        return rule[4:].strip() in facts
    if rule.startswith("(") and rule.endswith(")"):
        return matches(rule[1:-1], facts)
    return condition(rule, facts)


def literal(text):
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    try:
        return float(text)
    except ValueError:
        raise RuleError(f"bad literal {text}")


def condition(rule, facts):
    found = re.fullmatch(r"([a-z._]+)\s*(in\b|<=|>=|!=|=|<|>)\s*(.+)", rule)
    if not found:
        raise RuleError(f"bad condition {rule}")
    field, sign, right = found.groups()
    value = facts.get(field)
    if sign == "in":
        return value in [literal(part) for part in right.strip("()").split(",")]
    other = literal(right)
    if sign == "=":
        return value == other
    if sign == "!=":
        return value != other
    try:
        return {"<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other}[sign]
    except TypeError:
        return False
