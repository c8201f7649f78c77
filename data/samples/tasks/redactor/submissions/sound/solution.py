"""Redact secrets, mail addresses and card numbers in log lines."""

import re
from functools import partial

RULES = re.compile(
    r"""
      (?P<secret>(?<![A-Za-z0-9])(?i:password|token|secret)=)[^\s,;]+
    | (?P<first>[A-Za-z0-9._+-])[A-Za-z0-9._+-]*(?P<domain>@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)
    """,
    re.VERBOSE,
)
CARD = re.compile(r"(?<!\d)(?<!\d[ -])\d(?:[ -]?\d){12,18}(?![ -]?\d)")
KINDS = ("secret", "mail", "card")


def redact(line, keep=4):
    """The line without secrets; a card shows its last `keep` digits."""
    return clean(line, keep, dict.fromkeys(KINDS, 0))


def redact_all(lines):
    """The redacted lines, and how many replacements there were of each kind."""
    counts = dict.fromkeys(KINDS, 0)
    return [clean(line, 4, counts) for line in lines], counts


def clean(line, keep, counts):
    """One line; adds to the counts."""
    if keep < 0:
        raise ValueError("keep must not be negative")
    return CARD.sub(partial(mask_card, keep, counts), RULES.sub(partial(mask_text, counts), line))


def mask_text(counts, match):
    """The replacement for a secret or an address."""
    if match["secret"]:
        counts["secret"] += not match[0].endswith("=[hidden]")
        return match["secret"] + "[hidden]"
    counts["mail"] += 1
    return match["first"] + "***" + match["domain"]


def mask_card(keep, counts, match):
    """The replacement for a run of digits that may be a card."""
    text = match[0]
    digits = re.sub(r"\D", "", text)
    if not passes_luhn(digits):
        return text
    counts["card"] += 1
    positions = [index for index, character in enumerate(text) if character.isdigit()]
    hidden = set(positions[: max(0, len(positions) - keep)])
    return "".join("*" if index in hidden else character for index, character in enumerate(text))


def passes_luhn(digits):
    """The check digit rule of card numbers."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(map(int, digits[::-2]))) % 10 == 0
