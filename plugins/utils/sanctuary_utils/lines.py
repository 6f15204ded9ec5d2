"""Lines and white space: trim, dedent, wrap, sort, drop repeated lines, turn round."""

from __future__ import annotations

import re
from typing import Final

from wcwidth import iter_graphemes, wcswidth

__all__ = ["dedent", "reverse", "sort_lines", "trim", "unique_lines", "wrap"]

INDENT: Final = re.compile(r"[ \t]*")


def trim(text: str) -> tuple[str, list[str]]:
    """The text without white space at both ends and at the end of each line."""
    return re.sub(r"(?<![ \t])[ \t]++(?=\r?\n)", "", text).strip(), []


def dedent(text: str) -> tuple[str, list[str]]:
    """The text without the indentation that all its lines share."""
    rows = text.split("\n")
    indents = [row[: len(row) - len(row.lstrip(" \t"))] for row in rows if row.strip(" \t\r")]
    # The start that the least and the greatest share is shared by all.
    least, most = (min(indents), max(indents)) if indents else ("", "")
    common = next((at for at, (one, other) in enumerate(zip(least, most, strict=False)) if one != other), len(least))
    return "\n".join(row[common:] if row.strip(" \t\r") else row.lstrip(" \t") for row in rows), []


def wrap(text: str, width: int) -> tuple[str, list[str]]:
    """Each line broken at spaces so that it takes at most `width` columns; longer words stay whole."""
    out: list[str] = []
    longer = 0
    for line in text.split("\n"):
        if not line:
            out.append(line)
            continue
        found = INDENT.match(line)
        indent = found[0] if found and len(found[0]) < width else ""
        row, used = indent, len(indent)
        empty = True
        for word in line.split():
            columns = _columns(word)
            longer += columns > width - len(indent)
            if not empty and used + 1 + columns > width:
                out.append(row)
                row, used, empty = indent, len(indent), True
            row += word if empty else f" {word}"
            used += columns + (not empty)
            empty = False
        out.append("" if empty else row)
    return "\n".join(out), [f"{longer} word(s) are longer than {width} columns and were kept whole"] if longer else []


def sort_lines(text: str) -> tuple[str, list[str]]:
    """The lines in order, capitals and small letters alike; the text ends as it did."""
    body, end = _body(text)
    return "\n".join(sorted(body.split("\n"), key=lambda line: (line.casefold(), line))) + end, []


def unique_lines(text: str) -> tuple[str, list[str]]:
    """The lines in their order, each only where it stands first."""
    body, end = _body(text)
    lines = body.split("\n")
    kept = dict.fromkeys(lines)
    dropped = len(lines) - len(kept)
    return "\n".join(kept) + end, [f"{dropped} repeated line(s) dropped"]


def reverse(text: str) -> tuple[str, list[str]]:
    """The text from its end, what a reader takes for one character kept whole."""
    return "".join(reversed(list(iter_graphemes(text)))), []


def _body(text: str) -> tuple[str, str]:
    return (text[:-1], "\n") if text.endswith("\n") else (text, "")


def _columns(word: str) -> int:
    if word.isascii():
        return len(word)
    width = wcswidth(word)
    return width if width >= 0 else len(word)
