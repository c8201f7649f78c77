"""Text → token ids, as BERT uncased reads it: basic split, then greedy WordPiece.

Follows the `tokenizers` library's BertNormalizer, BertPreTokenizer and WordPiece (the ones all-MiniLM-L6-v2 was trained
with), with one difference that is deliberate: "[SEP]" or "[MASK]" inside a text are brackets and letters, never control
tokens, because the texts come from contestants.

Compared with `tokenizers` 0.23: no difference in 1,801 sources and submissions, nor in any character but some 500 that
Unicode assigned later than that library's tables; those are read as this Python's `unicodedata` knows them.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping

MAX_TOKENS = 256  # with [CLS] and [SEP]; `max_seq_length` of all-MiniLM-L6-v2
MAX_WORD_CHARS = 100  # longer words are [UNK]; `max_input_chars_per_word` of BERT
WORD_CACHE = 65_536  # words; identifiers come back in every submission of a task

_PIECE = re.compile(r"[^ \t\n\r]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_ASCII_CONTROLS = dict.fromkeys((*range(32), 127))
_CONTROLS = frozenset({"Cc", "Cf", "Co", "Cs"})  # unassigned characters (Cn) stay, as in the reference
# the blocks of Chinese characters in BERT's own tokenizer; Japanese kana and Korean hangul are left out there too
_CJK_BLOCKS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A vocabulary and a memory of the words it has cut before. Safe to share between threads.

    Raises ValueError when the vocabulary lacks [UNK], [CLS] or [SEP].
    """

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        missing = [token for token in ("[UNK]", "[CLS]", "[SEP]") if token not in vocabulary]
        if missing:
            raise ValueError(f"vocabulary: expected {', '.join(missing)}")
        self._unknown, self._start, self._end = (vocabulary[token] for token in ("[UNK]", "[CLS]", "[SEP]"))
        self._pieces = functools.lru_cache(WORD_CACHE)(functools.partial(word_pieces, vocabulary))

    def ids(self, text: str, max_tokens: int = MAX_TOKENS) -> list[int]:
        """[CLS], at most `max_tokens - 2` pieces of the text, [SEP]. Any str is accepted, "" and lone surrogates too.

        The rest of a long text is not looked at: the cost is bounded by the tokens wanted, not by the text.
        """
        ids = [self._start]
        for word in split_words(text):
            ids.extend(self._pieces(word) or (self._unknown,))
            if len(ids) >= max_tokens:
                break
        return [*ids[: max_tokens - 1], self._end]


def parse_vocabulary(content: bytes) -> dict[str, int]:
    """The tokens of a `vocab.txt`: one a line, the line number is the id. Raises ValueError for other than UTF-8."""
    lines = content.decode("utf-8").removesuffix("\n").split("\n")
    return {line.rstrip("\r"): number for number, line in enumerate(lines)}


def split_words(text: str) -> Iterator[str]:
    """Lower-case words and single punctuation marks of a text, accents and control characters removed."""
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece.isascii():
            yield from _ASCII_WORD.findall(piece.lower().translate(_ASCII_CONTROLS))
        else:
            yield from _split_unicode(piece)


def word_pieces(vocabulary: Mapping[str, int], word: str) -> tuple[int, ...]:
    """Ids of the longest pieces, from left to right; empty when the vocabulary cannot spell the word."""
    if len(word) > MAX_WORD_CHARS:
        return ()
    ids: list[int] = []
    start = 0
    while start < len(word):
        found = _longest_piece(vocabulary, word, start)
        if found is None:
            return ()
        token, start = found
        ids.append(token)
    return tuple(ids)


def _longest_piece(vocabulary: Mapping[str, int], word: str, start: int) -> tuple[int, int] | None:
    prefix = "##" if start else ""
    for end in range(len(word), start, -1):
        token = vocabulary.get(prefix + word[start:end])
        if token is not None:
            return token, end
    return None


def _split_unicode(piece: str) -> list[str]:
    spaced = "".join(map(_cleaned, piece))
    plain = (char for char in unicodedata.normalize("NFD", spaced) if unicodedata.category(char) != "Mn")
    # one character at a time: str.lower of a whole word turns a final Σ into ς, the reference does not
    lowered = "".join(char.lower() for char in plain)
    return "".join(f" {char} " if _is_punctuation(char) else char for char in lowered).split()


@functools.lru_cache(4096)
def _cleaned(char: str) -> str:
    if unicodedata.category(char) in _CONTROLS or char == "\ufffd":
        return ""
    if char.isspace():
        return " "
    code = ord(char)
    return f" {char} " if any(low <= code <= high for low, high in _CJK_BLOCKS) else char


@functools.lru_cache(4096)
def _is_punctuation(char: str) -> bool:
    # BERT counts all of ASCII's symbols as punctuation, "$" and "^" too, which Unicode does not
    return (char.isascii() and not char.isalnum() and not char.isspace()) or unicodedata.category(char).startswith("P")
