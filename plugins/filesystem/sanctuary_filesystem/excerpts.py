"""Single lines of a file by their numbers, cut where they are long, in one pass and little memory."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sanctuary_filesystem.forms import LOOKED_AT, MARKS, form_of
from sanctuary_filesystem.visible import visible

BLOCK: Final = 1 << 16
"""Bytes that are read at once."""
WIDTH: Final = 400
"""Bytes of a line that are shown."""
BEFORE: Final = 100
"""Of them, those ahead of the match where the line begins too far ahead of it to be shown from there."""
CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line to be read.

    Attributes:
        number: of the line, from 1.
        column: of the byte, from 1, that is to be seen even if the line is long; 0 for a line without a match.
    """

    number: int
    column: int = 0

    @property
    def start(self) -> int:
        """Bytes of the line that are left out at its start."""
        return 0 if self.column <= WIDTH - BEFORE else self.column - BEFORE - 1


def is_binary(descriptor: int) -> bool:
    """Whether a file is no text."""
    return form_of(os.pread(descriptor, LOOKED_AT, 0), whole=False) is None


def lines_of(descriptor: int, wanted: Iterable[Wanted]) -> Iterator[tuple[Wanted, str]]:
    """The text of lines, as it can be shown; those that the file does not have are left out.

    Args:
        descriptor: an open file.
        wanted: in ascending order.
    """
    for line, piece, length in _pieces(_blocks(descriptor), iter(wanted)):
        text = visible(_decoded(piece.removesuffix(b"\r"), cut=length > len(piece)))
        if line.start:
            text = f"{CUT}{text}"
        if line.start + len(piece) < length:
            text = f"{text}{CUT}"
        yield line, f"{text} [match at column {line.column}]" if line.start else text


def _blocks(descriptor: int) -> Iterator[bytes]:
    """What a file holds, as UTF-8 without a byte order mark where it has one."""
    offset = 0
    decoder: codecs.IncrementalDecoder | None = None
    while block := os.pread(descriptor, BLOCK, offset):
        if not offset:
            for mark, encoding in MARKS:
                if block.startswith(mark):
                    block = block.removeprefix(mark)  # the mark is no part of the first line
                    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("replace")
                    offset = len(mark)
                    break
        offset += len(block)
        yield block if decoder is None else decoder.decode(block).encode()


def _pieces(blocks: Iterator[bytes], wanted: Iterator[Wanted]) -> Iterator[tuple[Wanted, bytes, int]]:
    """For each wanted line the part that is shown, and how many bytes it has in all."""
    target = next(wanted, None)
    number, passed, piece = 1, 0, b""  # the line that the next byte is in, and what of it lies behind
    for block in blocks:
        at = 0
        while target is not None and at < len(block):
            if number < target.number:
                ends = block.count(b"\n", at)
                if number + ends < target.number:
                    number += ends
                    break
                at = _after(block, at, target.number - number)
                number, passed, piece = target.number, 0, b""
                continue
            end = block.find(b"\n", at)
            stop = len(block) if end < 0 else end
            low, high = target.start - passed, target.start + WIDTH - passed
            piece += block[at + max(low, 0) : min(stop, at + max(high, 0))]
            passed += stop - at
            if end < 0:
                break
            yield target, piece, passed
            at = end + 1
            number, passed, piece = number + 1, 0, b""
            target = next(wanted, None)
        if target is None:
            return
    if target is not None and number == target.number and passed:
        yield target, piece, passed


def _after(block: bytes, at: int, ends: int) -> int:
    """The place behind so many line ends."""
    for _ in range(ends):
        at = block.find(b"\n", at) + 1
    return at


def _decoded(piece: bytes, *, cut: bool) -> str:
    """As UTF-8, else each byte a character; a character that was cut at an end is left out."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        if cut:
            inner = piece.lstrip(bytes(range(0x80, 0xC0)))
            if len(piece) - len(inner) < 4:
                try:
                    return codecs.getincrementaldecoder("utf-8")().decode(inner)
                except UnicodeDecodeError:
                    pass
    return piece.decode("latin-1")
