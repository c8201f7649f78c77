"""Reads the station and the flags only."""


def parse_line(text):
    words = text.split()
    if not words:
        return None
    return {
        "station": words[0],
        "minute": 0,
        "readings": {},
        "notes": {},
        "flags": [word for word in words[1:] if word.endswith("?")],
    }
