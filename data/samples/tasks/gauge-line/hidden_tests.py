import pytest

from solution import parse_line


@pytest.mark.parametrize(
    "text", ["", "   ", "\t", "# quiet day", "   # quiet day"], ids=["empty", "blanks", "tab", "comment", "indented"]
)
def test_nothing_to_read_is_none_and_a_station_is_not(text):
    assert parse_line(text) is None
    assert parse_line("B7 " + text)["station"] == "B7"


def test_a_station_alone_has_empty_parts():
    assert parse_line("north-7") == {
        "station": "north-7",
        "minute": None,
        "readings": {},
        "notes": {},
        "flags": [],
    }


def test_a_full_line():
    assert parse_line("N-12 temp=-3.5C @0930 wave=+0.8m note='rough sea' ice? hum=71% # by hand") == {
        "station": "N-12",
        "minute": 570,
        "readings": {"temp": (-3.5, "C"), "wave": (0.8, "m"), "hum": (71.0, "%")},
        "notes": {"note": "rough sea"},
        "flags": ["ice"],
    }


@pytest.mark.parametrize(
    ("time", "minute"), [("@0000", 0), ("@0001", 1), ("@1000", 600), ("@2359", 1439)]
)
def test_the_minute_counts_from_midnight(time, minute):
    assert parse_line(f"B7 {time}")["minute"] == minute


@pytest.mark.parametrize(
    ("number", "reading"),
    [
        ("4", (4.0, "")),
        ("0.25", (0.25, "")),
        ("-0", (0.0, "")),
        ("1013.2hPa", (1013.2, "hPa")),
        ("3e", (3.0, "e")),
    ],
)
def test_readings_are_floats_with_a_unit(number, reading):
    assert parse_line(f"B7 x_1={number}")["readings"] == {"x_1": reading}


def test_a_whole_number_becomes_a_float():
    value, unit = parse_line("B7 depth=40m")["readings"]["depth"]
    assert type(value) is float
    assert unit == "m"


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        ("''", ""),
        ("'it''s calm'", "it's calm"),
        ("''''", "'"),
        ("'# not a comment'", "# not a comment"),
        ("'a=1 b? @9999'", "a=1 b? @9999"),
        ("'  two  blanks '", "  two  blanks "),
    ],
    ids=["empty", "doubled", "only-quote", "hash", "words", "blanks"],
)
def test_notes_keep_their_text(quoted, text):
    assert parse_line(f"B7 n={quoted} ok?") == {
        "station": "B7",
        "minute": None,
        "readings": {},
        "notes": {"n": text},
        "flags": ["ok"],
    }


def test_flags_keep_their_order():
    assert parse_line("B7 ice? drift? battery_low?")["flags"] == ["ice", "drift", "battery_low"]


def test_only_a_hash_at_the_start_of_a_word_is_a_comment():
    assert parse_line("B7 ice? #drift? 'x")["flags"] == ["ice"]
    with pytest.raises(ValueError, match="column 4"):
        parse_line("B7 ice?#drift")


def test_tabs_separate_words_too():
    assert parse_line("B7\tice?\t\t@0100")["minute"] == 60


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("B_7 ice?", 1),
        ("temp=3C", 1),
        ("B7 @2400", 4),
        ("B7 @1260", 4),
        ("B7 @930", 4),
        ("B7   Temp=3", 6),
        ("B7 temp=", 4),
        ("B7 temp=.5", 4),
        ("B7 temp=3.", 4),
        ("B7 temp=3m2", 4),
        ("B7 ice? 9lives?", 9),
        ("B7 ice", 4),
        ("B7 ice? n='open # x", 9),
        ("B7 n='it''", 4),
        ("B7 n='a'b?", 4),
    ],
    ids=[
        "station-underscore", "station-missing", "hour-24", "minute-60", "three-digits", "capital", "no-number",
        "no-digit-before-point", "no-digit-after-point", "digit-in-unit", "digit-first", "bare-word", "open-quote", "open-doubled-quote", "glued",
    ],
)
def test_an_error_names_the_column_of_the_word(text, column):
    with pytest.raises(ValueError, match=rf"column {column}\b"):
        parse_line(text)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("B7 a=1 a=2", 8),
        ("B7 a? b=1 a?", 11),
        ("B7 a='x' a?", 10),
        ("B7 @0100 ice? @0100", 15),
    ],
    ids=["reading", "flag", "mixed", "time"],
)
def test_a_name_or_time_may_not_come_twice(text, column):
    with pytest.raises(ValueError, match=rf"column {column}\b"):
        parse_line(text)
