"""Which backups stay: `7d,4w,12m` keeps the newest one of each of the last 7 days, 4 weeks and 12 months that have one.

Periods without a backup do not count, so a machine that was off for a month loses nothing. All in UTC. A backup that
the newest one does not continue stays whatever the rules say: after a ledger was restored from an old backup, or beside
a copy that went its own way, it may be all that is left of some battles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from green_logic.errors import ConfigurationError
from green_logic.ledger.log import Log

STAMP_FORM = "%Y-%m-%dT%H%M%SZ"  # a colon is not allowed in file names everywhere
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}Z)(?:-(\d{1,4}))?")  # the number tells those of one second apart
_RULE = re.compile(r"([1-9]\d{0,3})([dwm])")
_PERIODS = {"d": "%Y-%m-%d", "w": "%G-W%V", "m": "%Y-%m"}  # weeks as ISO 8601 counts them


def parse_keep(text: str) -> dict[str, int]:
    """How many days (`d`), weeks (`w`) and months (`m`) keep a backup. Raises ConfigurationError."""
    rules: dict[str, int] = {}
    for part in text.split(","):
        found = _RULE.fullmatch(part.strip())
        if found is None or found[2] in rules:
            raise ConfigurationError(
                f"keep expected days, weeks and months such as 7d,4w,12m, each once, got {text!r}",
                hint="leave one out to keep none for its sake; the newest backup always stays",
            )
        rules[found[2]] = int(found[1])
    return rules


def parse_stamp(name: str) -> tuple[datetime, int] | None:
    """When a backup was begun, by its name, and its number within that second; None for a name that is no stamp."""
    found = _STAMP.fullmatch(name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], STAMP_FORM).replace(tzinfo=UTC), int(found[2] or 1)
    except ValueError:  # a 31st of February
        return None


def free_name(name: str, taken: Iterable[str]) -> str:
    """A stamp, with a number if that second has a backup: above all others, for they are thinned out by age."""
    stamps = [stamp for one in taken if (stamp := parse_stamp(one))]
    number = 1 + max((number for moment, number in stamps if (moment, 1) == parse_stamp(name)), default=0)
    return name if number == 1 else f"{name}-{number}"


def thin_out(
    manifests: Mapping[str, Mapping[str, Any]], rules: Mapping[str, int], log: Log, newest: str
) -> tuple[list[str], list[str]]:
    """The names that no rule keeps, oldest first, and those that stay because `newest` is no continuation of them.

    `manifests` are those of the complete backups of one ledger by name; `log` is the ledger's as it is now.
    """
    size = manifests[newest]["ledger_size"]
    continued = [
        name
        for name, manifest in manifests.items()
        if manifest["ledger_size"] <= size and manifest.get("root") == root_of(log, manifest["ledger_size"])
    ]
    # the new one stays even if the clock was set back and others look newer
    surplus = [name for name in select_surplus(continued, rules) if name != newest]
    return surplus, sorted(manifests.keys() - set(continued))


def root_of(log: Log, size: int) -> str:
    """The root of the first `size` leaves as manifests have it: in hex, empty without a leaf."""
    return log.root(size).hex() if size else ""


def select_surplus(names: Iterable[str], rules: Mapping[str, int]) -> list[str]:
    """The names of backups that no rule keeps, oldest first. The newest and names that are no stamps always stay."""
    stamped = {name: stamp for name in names if (stamp := parse_stamp(name)) is not None}
    newest_first = sorted(stamped, key=stamped.__getitem__, reverse=True)
    kept = set(newest_first[:1])
    for unit, count in rules.items():
        periods: dict[str, str] = {}
        for name in newest_first:
            periods.setdefault(stamped[name][0].strftime(_PERIODS[unit]), name)
        kept.update(list(periods.values())[:count])
    return [name for name in reversed(newest_first) if name not in kept]
