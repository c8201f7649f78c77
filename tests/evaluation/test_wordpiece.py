"""The tokenizer follows BERT's rules, and takes any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from green_logic.evaluation.weights import MODEL, VOCABULARY, default_model_dir, map_pinned
from green_logic.evaluation.wordpiece import MAX_TOKENS, WordPiece, parse_vocabulary, split_words, word_pieces

WEIGHTS = default_model_dir()  # of whoever runs the tests: read at import, before a test gets a user of its own
TOKENS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "un",
    "##aff",
    "##able",
    "##a",
    "hello",
    "!",
    "a",
    "b",
    "word",
    "中",
    "[",
    "]",
]
TINY = {token: number for number, token in enumerate(TOKENS)}
UNK, CLS, SEP = 1, 2, 3


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in TOKENS), encoding="utf-8")
    return WordPiece(parse_vocabulary(path.read_bytes()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n\r ", []),
        ("Hello, World!", ["hello", ",", "world", "!"]),
        ("snake_case=1.5e3", ["snake", "_", "case", "=", "1", ".", "5e3"]),
        ("$x^2`", ["$", "x", "^", "2", "`"]),
        ("Héllò Ünïcode", ["hello", "unicode"]),
        ("He\u0301llo", ["hello"]),
        ("İstanbul", ["istanbul"]),
        ("ΟΔΟΣ", ["οδοσ"]),
        ("ab中文cd", ["ab", "中", "文", "cd"]),
        ("かな", ["かな"]),
        ("a\x00b\x07c\ufffdd", ["abcd"]),
        ("zero\u200bwidth", ["zerowidth"]),
        ("a\x0bb", ["ab"]),
        ("a\u00a0b\u3000c\u2028d", ["a", "b", "c", "d"]),
        ("“quoted”—dash", ["“", "quoted", "”", "—", "dash"]),
        ("\ud800lone", ["lone"]),
    ],
)
def test_text_is_split_by_the_rules_of_bert(text, words):
    assert list(split_words(text)) == words


@pytest.mark.parametrize(
    ("word", "pieces"),
    [("unaffable", [4, 5, 6]), ("unaffa", [4, 5, 7]), ("hello", [8]), ("unknown", []), ("aff", []), ("unaffx", [])],
)
def test_the_longest_piece_wins_and_a_word_is_spelt_whole_or_not_at_all(word, pieces):
    assert list(word_pieces(TINY, word)) == pieces


def test_a_word_of_more_than_100_characters_is_unknown(tiny):
    assert tiny.ids("a" * 100) == [CLS, 10, *[7] * 99, SEP]
    assert tiny.ids("a" * 101) == [CLS, UNK, SEP]


def test_ids_are_framed_and_cut_at_the_limit(tiny):
    assert tiny.ids("Hello unaffable!") == [CLS, 8, 4, 5, 6, 9, SEP]
    assert tiny.ids("") == [CLS, SEP]
    assert tiny.ids("unaffable unaffable", max_tokens=6) == [CLS, 4, 5, 6, 4, SEP]
    assert len(tiny.ids("hello " * 1000)) == MAX_TOKENS
    assert len(tiny.ids("hello " * 254)) == MAX_TOKENS
    assert len(tiny.ids("hello " * 253)) == MAX_TOKENS - 1


def test_a_contestant_cannot_write_control_tokens(tiny):
    assert tiny.ids("a [SEP] b") == [CLS, 10, 14, UNK, 15, 11, SEP]


@pytest.mark.parametrize("missing", ["[UNK]", "[CLS]", "[SEP]"])
def test_a_vocabulary_without_its_control_tokens_is_refused(missing):
    with pytest.raises(ValueError, match=f"expected \\{missing}"):
        WordPiece({token: number for token, number in TINY.items() if token != missing})


@pytest.mark.parametrize("content", [b"a\nb", b"a\nb\n", b"a\r\nb\r\n"])
def test_a_line_is_a_token_and_its_number_the_id(content):
    assert parse_vocabulary(content) == {"a": 0, "b": 1}


def test_a_vocabulary_that_is_not_utf8_is_refused():
    with pytest.raises(ValueError, match="utf-8"):
        parse_vocabulary(b"a\n\xff\n")


@settings(deadline=None)  # other work on the machine is no failure
@given(st.text(st.characters()))
def test_any_text_becomes_framed_known_ids(text):
    ids = WordPiece(TINY).ids(text, max_tokens=16)
    assert ids[0] == CLS
    assert ids[-1] == SEP
    assert len(ids) <= 16
    assert set(ids[1:-1]) <= set(range(len(TOKENS))) - {CLS, SEP}


@settings(deadline=None)  # other work on the machine is no failure
@given(st.text(st.characters()), st.text(st.characters()))
def test_texts_side_by_side_are_split_as_if_alone(left, right):
    assert list(split_words(f"{left}\n{right}")) == [*split_words(left), *split_words(right)]


def test_the_real_vocabulary_gives_the_published_ids():
    if not (WEIGHTS / MODEL.name).exists():
        pytest.skip(f"no weights in {WEIGHTS}")
    tokenizer = WordPiece(parse_vocabulary(map_pinned(WEIGHTS, VOCABULARY)[:]))
    # the two examples of BERT's documentation
    assert tokenizer.ids("Hello, world!") == [101, 7592, 1010, 2088, 999, 102]
    assert tokenizer.ids("unaffable") == [101, 14477, 20961, 3468, 102]
