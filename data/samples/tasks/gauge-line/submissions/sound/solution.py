"""Parse one line of buoy telemetry."""

import re

STATION = re.compile(r"[A-Za-z0-9-]+(?=\s|$)")
ITEM = re.compile(
    r"""(?:
        @(?P<hour>[01][0-9]|2[0-3])(?P<minute>[0-5][0-9])
      | (?P<name>[a-z][a-z0-9_]*)
        (?: (?P<flag>\?)
          | =(?P<number>[+-]?[0-9]+(?:\.[0-9]+)?)(?P<unit>[A-Za-z]+|%)?
          | ='(?P<text>(?:[^']|'')*)'
        )
    )(?=\s|$)""",
    re.VERBOSE,
)


def parse_line(text):
    """The parts of a line as a dict; None if there is nothing but blanks and comment.

    Raises ValueError with the column of the word that could not be used.
    """
    position = skip_blanks(text, 0)
    if position is None:
        return None
    station = STATION.match(text, position)
    if station is None:
        raise fault(position, "expected a station")
    result = {"station": station.group(), "minute": None, "readings": {}, "notes": {}, "flags": []}
    seen = set()
    position = skip_blanks(text, station.end())
    while position is not None:
        item = ITEM.match(text, position)
        if item is None:
            raise fault(position, "expected @HHMM, name=number, name='text' or name?")
        key = item["name"] or "@"
        if key in seen:
            raise fault(position, f"{key} was given before")
        seen.add(key)
        store(result, item)
        position = skip_blanks(text, item.end())
    return result


def skip_blanks(text, position):
    """Where the next word begins; None at the end of the line or at a comment."""
    while position < len(text) and text[position].isspace():
        position += 1
    return None if position == len(text) or text[position] == "#" else position


def store(result, item):
    """Put one matched item where it belongs."""
    name = item["name"]
    if name is None:
        result["minute"] = int(item["hour"]) * 60 + int(item["minute"])
    elif item["flag"]:
        result["flags"].append(name)
    elif item["text"] is not None:
        result["notes"][name] = item["text"].replace("''", "'")
    else:
        result["readings"][name] = (float(item["number"]), item["unit"] or "")


def fault(position, reason):
    """The error for the word at a position; people count columns from 1."""
    return ValueError(f"column {position + 1}: {reason}")
