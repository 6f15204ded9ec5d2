"""Tables and colours for a terminal; plain text where the output goes elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, TextIO

GAP: Final = "  "
WORD: Final = 12
"""Characters from which on a word may be broken."""
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


@dataclass(frozen=True, slots=True)
class Painted:
    """A cell in a colour."""

    text: str
    colour: str


def broken_table(headings: Sequence[str], rows: Sequence[Sequence[str | Painted]], stream: TextIO | None = None) -> str:
    """As `table`, but nothing is cut: where the line would wrap, cells are broken into several, between words."""
    cells = [[cell if isinstance(cell, Painted) else Painted(cell, "") for cell in row] for row in rows]
    texts = [list(headings), *([cell.text for cell in row] for row in cells)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    if (stream or sys.stdout).isatty():
        widths = _narrowed(texts, widths, shutil.get_terminal_size().columns)

    def lines(row: Sequence[Painted]) -> list[str]:
        pieces = [textwrap.wrap(cell.text, width) or [""] for cell, width in zip(row, widths, strict=True)]
        return [
            GAP.join(
                f"{paint(piece, cell.colour, stream) if cell.colour and piece else piece}{' ' * (width - len(piece))}"
                for piece, cell, width in zip(line, row, widths, strict=True)
            ).rstrip()
            for line in zip_longest(*pieces, fillvalue="")
        ]

    heading = [paint(line, "bold", stream) for line in lines([Painted(text, "") for text in headings])]
    return "\n".join([*heading, *(line for row in cells for line in lines(row))])


def _narrowed(texts: Sequence[Sequence[str]], widths: Sequence[int], room: int) -> list[int]:
    """Widths that fit beside each other, as far as that goes without breaking a URL."""

    def least(text: str) -> int:
        return max((len(word) if "://" in word else min(len(word), WORD) for word in text.split()), default=0)

    narrowed = list(widths)
    floors = [max(map(least, column)) for column in zip(*texts, strict=True)]
    for _ in range(sum(widths) + len(GAP) * (len(widths) - 1) - room):
        loose = [column for column, width in enumerate(narrowed) if width > floors[column]]
        if not loose:
            break
        narrowed[max(loose, key=lambda column: narrowed[column])] -= 1
    return narrowed


def printable(text: str) -> str:
    """Text that others wrote, which commands no terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
