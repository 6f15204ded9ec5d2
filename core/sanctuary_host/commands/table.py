"""Tables and colours for a terminal; plain text where the output goes elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Final, TextIO

CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def colours(stream: TextIO | None = None) -> bool:
    """Whether a stream shows colours: it is a terminal and nobody set NO_COLOR (no-color.org)."""
    return (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """`text` in a colour, where the stream shows colours."""
    return f"\x1b[{CODES[colour]}m{text}\x1b[0m" if colours(stream) else text


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO | None = None) -> str:
    """Rows under headings, in columns; on a terminal the last column is cut where the line would wrap."""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    terminal = (stream or sys.stdout).isatty()
    room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1) if terminal else 0

    def line(cells: Sequence[str]) -> str:
        last = cells[-1]
        if terminal and len(last) > max(room, 20):
            last = last[: max(room, 20) - 1] + "…"
        return "  ".join([*(cell.ljust(width) for cell, width in zip(cells[:-1], widths, strict=False)), last]).rstrip()

    return "\n".join([paint(line(headings), "bold", stream), *(line(row) for row in rows)])


def printable(text: str) -> str:
    """Text that others wrote, which commands no terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
