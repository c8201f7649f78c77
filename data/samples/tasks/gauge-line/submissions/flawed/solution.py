"""Split the line at blanks and look at each word."""

import shlex


def parse_line(text):
    text = text.split("#")[0].strip()
    if not text:
        return None
    words = shlex.split(text, posix=False)
    line = {"station": words[0], "minute": None, "readings": {}, "notes": {}, "flags": []}
    for index, word in enumerate(words[1:], start=2):
        if word.startswith("@"):
            line["minute"] = int(word[1:3]) * 60 + int(word[3:5])
        elif word.endswith("?"):
            line["flags"].append(word[:-1])
        elif "='" in word:
            name, value = word.split("=", 1)
            line["notes"][name] = value.strip("'")
        elif "=" in word:
            name, value = word.split("=", 1)
            number = value.rstrip("%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
            line["readings"][name] = (float(number), value[len(number):])
        else:
            raise ValueError(f"column {index}: cannot read {word}")
    return line
