"""Rules for a gate: a small boolean language over a flat dict of facts."""

import re

LEXEME = re.compile(
    r"""\s*(?:
        (?P<string>"[^"]*")
      | (?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w.])
      | (?P<name>[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)(?![\w.])
      | (?P<sign><=|>=|!=|[=<>(),])
    )""",
    re.VERBOSE,
)
RESERVED = frozenset(["and", "or", "not", "has", "in", "true", "false"])
SIGNS = frozenset(["=", "!=", "<", "<=", ">", ">="])


class RuleError(ValueError):
    """The rule is not a sentence of the language."""


def matches(rule, facts):
    """Whether the facts satisfy the rule. Raises RuleError for a malformed rule, whatever the facts are."""
    parser = Parser(tokenize(rule), facts)
    answer = parser.disjunction()
    parser.expect("end")
    return answer


def tokenize(rule):
    """(kind, value) pairs, ("end", None) last. Reserved words and signs are kinds of their own."""
    tokens, position, length = [], 0, len(rule.rstrip())
    while position < length:
        lexeme = LEXEME.match(rule, position)
        if lexeme is None:
            raise RuleError(f"cannot read the rule from position {position}")
        kind, text = lexeme.lastgroup, lexeme[lexeme.lastgroup]
        tokens.append(token(kind, text))
        position = lexeme.end()
    return [*tokens, ("end", None)]


def token(kind, text):
    """One pair; literals carry their value."""
    if kind == "string":
        return "literal", text[1:-1]
    if kind == "number":
        return "literal", float(text)
    if text in ("true", "false"):
        return "literal", text == "true"
    if kind == "sign" or text in RESERVED:
        return text, text
    return "field", text


class Parser:
    """Recursive descent that evaluates as it goes; both sides of every operator are always read."""

    def __init__(self, tokens, facts):
        self._tokens = tokens
        self._facts = facts
        self._next = 0

    def expect(self, *kinds):
        """Consume one token of these kinds and return its value."""
        kind, value = self._tokens[self._next]
        if kind not in kinds:
            raise RuleError(f"expected {' or '.join(kinds)}, got {kind}")
        self._next += 1
        return value

    def accept(self, kind):
        """Consume one token if it is of this kind."""
        found = self._tokens[self._next][0] == kind
        self._next += found
        return found

    def disjunction(self):
        answer = self.conjunction()
        while self.accept("or"):
            other = self.conjunction()
            answer = answer or other
        return answer

    def conjunction(self):
        answer = self.negation()
        while self.accept("and"):
            other = self.negation()
            answer = answer and other
        return answer

    def negation(self):
        if self.accept("not"):
            return not self.negation()
        if self.accept("("):
            answer = self.disjunction()
            self.expect(")")
            return answer
        if self.accept("has"):
            return self.expect("field") in self._facts
        return self.condition()

    def condition(self):
        field = self.expect("field")
        known = field in self._facts
        value = self._facts.get(field)
        if self.accept("in"):
            literals = self.literals()
            return known and any(compare("=", value, literal) for literal in literals)
        sign = self.expect(*sorted(SIGNS))
        literal = self.expect("literal")
        return known and compare(sign, value, literal)

    def literals(self):
        self.expect("(")
        found = [self.expect("literal")]
        while self.accept(","):
            found.append(self.expect("literal"))
        self.expect(")")
        return found


def kind_of(value):
    """What a value can be compared with: booleans are not numbers here, although Python thinks so."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else "string"


def compare(sign, value, literal):
    """One comparison; unlike kinds are unequal and unordered."""
    alike = kind_of(value) == kind_of(literal)
    if sign in ("=", "!="):
        return (alike and value == literal) == (sign == "=")
    if not alike or kind_of(value) == "boolean":
        return False
    less, equal = value < literal, value == literal
    return {"<": less, "<=": less or equal, ">": not (less or equal), ">=": not less}[sign]
