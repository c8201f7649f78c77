"""Reference: cut the line into words first, then match each word against the four shapes."""

import re

WORD = re.compile(r"(?:[^\s'#]|'(?:[^']|'')*'|(?<=\S)#)+")
SHAPES = [
    ("minute", re.compile(r"@([01]\d|2[0-3])([0-5]\d)")),
    ("readings", re.compile(r"([a-z][a-z0-9_]*)=([+-]?\d+(?:\.\d+)?)([A-Za-z]+|%)?")),
    ("notes", re.compile(r"([a-z][a-z0-9_]*)='((?:[^']|'')*)'")),
    ("flags", re.compile(r"([a-z][a-z0-9_]*)\?")),
]


def parse_line(text):
    words = _words(text)
    if not words:
        return None
    column, station = words[0]
    if not re.fullmatch(r"[A-Za-z0-9-]+", station):
        raise ValueError(f"column {column}: not a station: {station}")
    line = {"station": station, "minute": None, "readings": {}, "notes": {}, "flags": []}
    names = set()
    for column, word in words[1:]:
        name = _store(line, word, column)
        if name in names:
            raise ValueError(f"column {column}: {name} a second time")
        names.add(name)
    return line


def _words(text):
    words, position = [], 0
    while True:
        while text[position:position + 1].isspace():
            position += 1
        if position == len(text) or text[position] == "#":
            return words
        match = WORD.match(text, position)
        end = match.end() if match else position
        if not match or text[end:end + 1] == "'":
            raise ValueError(f"column {position + 1}: a quote that is not closed")
        words.append((position + 1, match[0]))
        position = end


def _store(line, word, column):
    for kind, shape in SHAPES:
        match = shape.fullmatch(word)
        if match and kind == "minute":
            line["minute"] = 60 * int(match[1]) + int(match[2])
            return "@"
        if match and kind == "flags":
            line["flags"].append(match[1])
            return match[1]
        if match:
            value = match[2].replace("''", "'") if kind == "notes" else (float(match[2]), match[3] or "")
            line[kind][match[1]] = value
            return match[1]
    raise ValueError(f"column {column}: not understood: {word}")
