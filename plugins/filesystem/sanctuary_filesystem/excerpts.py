"""Single lines of a file by their numbers, cut where they are long, in one pass and little memory."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import tee
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
        matches: whether it is one that was sought.
        column: of the byte, from 1, that is to be seen even if the line is long; 0 for its beginning.
    """

    number: int
    matches: bool = False
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
    for line, piece, length in _pieces(descriptor, wanted):
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


def parts_of(descriptor: int, numbers: Iterable[int]) -> Iterator[tuple[int, int, bytes, bool]]:
    """Lines in parts: the line's number, the part's offset in it, the part, and whether it is the last one.

    Args:
        descriptor: an open file.
        numbers: of the lines, ascending.
    """
    targets = iter(numbers)
    target = next(targets, None)
    number, passed = 1, 0  # the line that the next byte is in, and how much of it lies behind
    for block in _blocks(descriptor):
        at = 0
        while target is not None and at < len(block):
            if number < target:
                ends = block.count(b"\n", at)
                if number + ends < target:
                    number += ends
                    break
                at = _after(block, at, target - number)
                number, passed = target, 0
                continue
            end = block.find(b"\n", at)
            yield number, passed, block[at : end if end >= 0 else None], end >= 0
            if end < 0:
                passed += len(block) - at
                break
            at = end + 1
            number, passed = number + 1, 0
            target = next(targets, None)
        if target is None:
            return
    if number == target and passed:
        yield number, passed, b"", True


def long_lines(descriptor: int, numbers: Iterable[int]) -> list[int]:
    """Those of some lines that are too long to be shown whole."""
    return [
        number for number, offset, part, last in parts_of(descriptor, numbers) if last and offset + len(part) > WIDTH
    ]


def _pieces(descriptor: int, wanted: Iterable[Wanted]) -> Iterator[tuple[Wanted, bytes, int]]:
    """For each wanted line the part that is shown, and how many bytes it has in all."""
    first, second = tee(wanted)
    parts = parts_of(descriptor, (line.number for line in first))
    for line in second:
        piece = b""
        for _, offset, part, last in parts:
            low, high = line.start - offset, line.start + WIDTH - offset
            piece += part[max(low, 0) : max(high, 0)]
            if last:
                yield line, piece, offset + len(part)
                break


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
