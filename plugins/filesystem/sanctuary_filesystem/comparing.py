"""Where two files differ first, and, of small text files, how."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from typing import Final

from sanctuary_filesystem.forms import Form, form_of
from sanctuary_filesystem.texts import read_at
from sanctuary_filesystem.visible import visible_line
from sanctuary_host import ToolError

BLOCK: Final = 1 << 20
DIFFED: Final = 1 << 17
"""Bytes of each file up to which a diff is made."""
PAIRS: Final = 250_000
"""Pairs of lines that are compared for it, of those between the first difference and the last."""
COUNTED: Final = frozenset({"utf-8", "latin-1"})
"""Encodings in which a line feed is one byte."""
ROWS: Final = 40
LONG: Final = 200
"""Characters of a line of it."""
CONTEXT: Final = 3


def difference_of(one: int, other: int, names: tuple[str, str], deadline: float) -> str:
    """Where two open files differ first, and a diff of small ones; `equal` where they do not.

    Args:
        one: a descriptor.
        other: the other one.
        names: of both.
        deadline: when it is given up, as `time.monotonic` has it.

    Raises:
        ToolError: it takes too long.
    """
    at, line = 0, 1
    while True:
        blocks = read_at(one, BLOCK, at), read_at(other, BLOCK, at)
        if blocks[0] != blocks[1]:
            break
        if not blocks[0]:
            return "equal"
        line += blocks[0].count(b"\n")
        at += len(blocks[0])
        if time.monotonic() > deadline:
            raise ToolError(f"the first {at:,} bytes are equal; to compare the rest would take too long")
    same = _alike(*blocks)
    line += blocks[0].count(b"\n", 0, same)
    ended = [name for name, block in zip(names, blocks, strict=True) if len(block) == same]
    contents = read_at(one, DIFFED + 1, 0), read_at(other, DIFFED + 1, 0)
    forms = [form for content in contents if (form := form_of(content, whole=len(content) <= DIFFED))]
    is_counted = len(forms) == len(contents) and all(one.encoding in COUNTED and one.newline != "CR" for one in forms)
    where = f"byte {at + same}" + (f", line {line}" if is_counted else "")
    said = f"{ended[0]} ends at {where}, equal so far" if ended else f"different from {where} on"
    return "\n".join([said, *_diff(contents, forms, names)])


def _alike(one: bytes, other: bytes) -> int:
    """How many bytes at the start of two are alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _diff(contents: tuple[bytes, bytes], forms: Sequence[Form], names: tuple[str, str]) -> list[str]:
    """A unified diff of small text files; nothing of others."""
    if len(forms) < len(contents) or max(map(len, contents)) > DIFFED:
        return []
    texts = [
        _rows(content.decode(form.encoding, "replace").removeprefix("\ufeff"))
        for content, form in zip(contents, forms, strict=True)
    ]
    start = 0
    shortest = min(map(len, texts))
    while start < shortest and texts[0][start] == texts[1][start]:
        start += 1
    end = 0
    while end < shortest - start and texts[0][-1 - end] == texts[1][-1 - end]:
        end += 1
    first, last = max(0, start - CONTEXT), max(0, end - CONTEXT)
    one, other = (text[first : len(text) - last] for text in texts)
    if len(one) * len(other) > PAIRS:
        return [f"(no diff: {len(one):,} and {len(other):,} lines lie between the first difference and the last)"]
    rows = list(difflib.unified_diff(one, other, *names, n=CONTEXT, lineterm=""))
    shown = [_row(row, first) for row in rows[:ROWS]]
    return [*shown, f"… {len(rows) - ROWS:,} more lines"] if len(rows) > ROWS else shown


def _rows(text: str) -> list[str]:
    """The lines of a text; one without a line end says so, since it is another line then."""
    rows = text.split("\n")
    if rows[-1]:
        rows[-1] += " (no line end)"
        return rows
    return rows[:-1]


def _row(row: str, first: int) -> str:
    """A row of a diff as it can be shown; line numbers of hunks are those of the whole files."""
    if first and row.startswith("@@"):
        words = row.split(" ")
        for index in (1, 2):
            sign, (number, comma, count) = words[index][0], words[index][1:].partition(",")
            words[index] = f"{sign}{int(number) + first}{comma}{count}"
        row = " ".join(words)
    row = visible_line(row)
    return row if len(row) <= LONG else f"{row[: LONG - 1]}…"
