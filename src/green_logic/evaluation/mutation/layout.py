"""Another layout of the same code: spaces at the ends of lines, and lines moved down."""

from __future__ import annotations

import io
import tokenize


def change_text(source: str) -> str | None:
    """`source` with other white space and other line numbers; None where it cannot be read token by token.

    Whether it still is the same code is for the caller to see.
    """
    lines = io.StringIO(source).readlines()  # splitlines would also split at form feeds
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    ends = [token.start for token in tokens if token.type == tokenize.NEWLINE and token.string]
    for number, (row, column) in enumerate(reversed(ends)):
        line = lines[row - 1]
        is_first = number == len(ends) - 1
        lines[row - 1] = f"{line[:column]}  {line[column:]}" + ("\n\n" if is_first else "")
    return "".join(lines) if ends else f"\n\n{source}"  # a single line without an end
