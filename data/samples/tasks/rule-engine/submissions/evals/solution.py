"""Translate the rule to Python and let Python do the work."""

import re


class RuleError(ValueError):
    pass


def matches(rule, facts):
    text = rule.replace("true", "True").replace("false", "False")
    text = re.sub(r"(?<![<>!=])=(?!=)", "==", text)
    text = re.sub(r"\bhas ([a-z._0-9]+)", r"('\1' in facts)", text)
    names = {key: value for key, value in facts.items()}
    names["facts"] = facts
    try:
        return bool(eval(text, names))
    except NameError:
        return False
    except Exception as error:
        raise RuleError(str(error))
