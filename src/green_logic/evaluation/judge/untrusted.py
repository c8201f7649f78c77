"""Text by strangers, made fit to stand in a prompt: nothing invisible, nothing that ends its block, a known length.

Datamarking (every line begins with a mark that its author cannot know) follows "Spotlighting", arXiv 2403.14720. It
lowers the odds of an injection and proves nothing: what bounds the damage is the clamp in `review.apply_review`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, takewhile

LINE_WIDTH = 400  # characters; a longer line is folded, so that no text is far from a mark
MARK_CHARACTERS = 6  # of the nonce before each line; the whole of it at both ends
NUMBER_CHARACTERS = 6  # of the number and the bar before a line
TAIL_SHARE = 4  # a text that is cut keeps one part of this many from its end, where Python's main code stands
# Letters, marks and symbols that print as nothing; formats, controls, private and unassigned ones go by category.
BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))  # carry hidden bytes behind one visible sign
LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")  # where str.splitlines splits
# Signs by which chat templates mark roles and turns: servers that tokenise them in user text let it open a system turn.
TEMPLATE_SIGNS = re.compile(
    r"<(?=[|\uff5c])|(?<=[|\uff5c])(?=>)"
    r"|<(?=/?(?:s|sys|think|bos|eos|unk|pad|sop|tool_(?:call|response)|(?:start|end)_of_(?:turn|image))>)"
    r"|\[(?=/?(?:inst|sys|gmask|system_prompt|available_tools|tool_calls|tool_results)\])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Excerpt:
    """A text that can stand in a prompt, as numbered lines.

    `hidden` characters were taken out, `omitted` ones cut from its middle.
    """

    name: str
    lines: tuple[str, ...]
    hidden: int
    omitted: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reviewer is told about the text, outside of its block."""
        notes = []
        if self.omitted:
            notes.append(f"{self.name} was too long: {self.omitted} characters were left out of its middle.")
        if self.hidden:
            notes.append(f"{self.hidden} invisible or control characters were removed from {self.name}.")
        return tuple(notes)

    def frame(self, nonce: str) -> str:
        """The delimited block of marked lines."""
        mark = nonce[:MARK_CHARACTERS]
        marked = [f"{mark} {line}" for line in self.lines]
        return "\n".join([f"<<<BEGIN {self.name} {nonce}>>>", *marked, f"<<<END {self.name} {nonce}>>>"])


def take_excerpt(name: str, text: str, limit: int) -> Excerpt:
    """The part of a text that is shown: `limit` characters with marks and numbers, so that empty lines cost, too."""
    shown, hidden = remove_hidden(text)
    lines = list(_numbered(break_template_signs(shown)))
    if sum(map(_cost, lines)) <= limit:
        return Excerpt(name, tuple(lines), hidden, 0)
    tail = _count_fitting(reversed(lines), limit // TAIL_SHARE)
    head = _count_fitting(lines, limit - limit // TAIL_SHARE)
    dropped = lines[head : len(lines) - tail]
    omitted = sum(len(line) - NUMBER_CHARACTERS for line in dropped)
    kept = [*lines[:head], f"   …| [{omitted} characters left out]", *lines[len(lines) - tail :]]
    return Excerpt(name, tuple(kept), hidden, omitted)


def remove_hidden(text: str) -> tuple[str, int]:
    """The text without what nobody can see (line ends and tabs stay), and how many characters that were."""
    hidden = {ord(sign): None for sign in set(text) if _is_hidden(sign)}
    shown = text.translate(hidden)
    return shown, len(text) - len(shown)


def break_template_signs(text: str) -> str:
    """The text with a space inside each sign that a chat template could take for its own."""
    return TEMPLATE_SIGNS.sub(lambda match: f"{match.group()} ", text)


def printable(text: str, limit: int) -> str:
    """A text by a model or a server, fit to be recorded: nothing hidden, one kind of line end, a known length."""
    shown = "\n".join(remove_hidden(text)[0].splitlines()).strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _is_hidden(sign: str) -> bool:
    if sign in LINE_ENDS or sign == "\t":
        return False
    # Cc, Cf (zero width, bidi, tags), Cs, Co, Cn
    hidden = unicodedata.category(sign).startswith("C") or sign in BLANKS
    return hidden or any(ord(sign) in selectors for selectors in VARIATION_SELECTORS)


def _numbered(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        yield f"{number:>4}| {line[:LINE_WIDTH]}"
        for start in range(LINE_WIDTH, len(line), LINE_WIDTH):
            yield f"   +| {line[start : start + LINE_WIDTH]}"


def _cost(line: str) -> int:
    return len(line) + MARK_CHARACTERS + 2  # a space and a line end


def _count_fitting(lines: Iterable[str], limit: int) -> int:
    return sum(1 for _ in takewhile(limit.__ge__, accumulate(map(_cost, lines))))
