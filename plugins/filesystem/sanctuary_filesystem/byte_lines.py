"""The lines of a file's bytes, found where they are asked for: no list of them is made, however many there are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

STEP: Final = 64
"""Every how many lines a place is remembered."""
NEAR: Final = 1 << 16
"""Bytes that are looked through first, where something is looked for backwards."""


class Lines:
    """Bytes as lines, which LF ends.

    Args:
        data: the bytes.

    Attributes:
        data: the bytes.
        total: how many lines there are; what follows the last LF is one too.
        looked: how many bytes were looked through for lines.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.total = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        self.looked = 0
        self._known = [0]

    def offset(self, line: int) -> int:
        """Where a line begins, counted from 0; the end of all where there is no such line."""
        if line >= self.total:
            return len(self.data)
        line = max(line, 0)
        while len(self._known) <= line // STEP:
            self._known.append(self._after(self._known[-1], STEP))
        return self._after(self._known[line // STEP], line % STEP)

    def line(self, offset: int) -> int:
        """The line, counted from 0, that a byte is in."""
        while self._known[-1] < offset and len(self._known) * STEP < self.total:
            self._known.append(self._after(self._known[-1], STEP))
        place = bisect_right(self._known, offset) - 1
        return place * STEP + self.data.count(b"\n", self._known[place], offset)

    def end(self, offset: int) -> int:
        """Where the line ends that begins at an offset, its LF included."""
        return self.data.find(b"\n", offset) + 1 or len(self.data)

    def between(self, first: int, last: int) -> list[bytes]:
        """Lines from one to before another."""
        return self.data[self.offset(first) : self.offset(last)].splitlines(keepends=True)

    def _after(self, offset: int, lines: int) -> int:
        for _ in range(lines):
            offset = self.data.find(b"\n", offset) + 1
        return offset

    def begins(self, text: bytes, line: int, *, at_end: bool) -> bool:
        """Whether whole lines stand at a line."""
        if line < 0 or line > self.total or not text:
            return False
        offset = self.offset(line)
        return self.data.startswith(text, offset) and (not at_end or offset + len(text) == len(self.data))

    def places(self, text: bytes, low: int = 0, *, at_end: bool = False) -> Iterator[int]:
        """The lines, from `low` on, at which whole lines stand.

        Args:
            text: the lines; their last one ends with LF, or is the last one of the file.
            low: a line.
            at_end: whether they must be the last ones.
        """
        if at_end:
            line = self.total - text.count(b"\n") - (not text.endswith(b"\n"))
            if line >= low and self.begins(text, line, at_end=True):
                yield line
            return
        if self.begins(text, low, at_end=False):
            yield low
        at = self.offset(low)
        while (offset := self.data.find(b"\n" + text, at) + 1) > 0:
            self.looked += offset - at
            at = offset
            yield self.line(at)
        self.looked += len(self.data) - at

    def nearest(self, text: bytes, guess: int, low: int, *, at_end: bool) -> int | None:
        """The line, from `low` on, at which whole lines stand and which is nearest to a guess; the later one of two."""
        guess = min(max(guess, low), self.total)
        if at_end:
            return next(self.places(text, low, at_end=True), None)
        if self.begins(text, guess, at_end=False):
            return guess
        after = next(self.places(text, guess), None)
        floor = low if after is None else max(low, 2 * guess - after + 1)
        if floor >= guess:
            return after
        first, last = self.offset(floor), self.offset(guess)
        for start in dict.fromkeys((max(first, last - NEAR), first)):
            # Read from behind, for rfind() takes time that grows with the product of both lengths, and find() does not.
            behind = (b"\n" + text)[::-1]
            self.looked += last - start
            end = min(last - 1 + len(text), len(self.data))
            place = self.data[max(start - 1, 0) : end][::-1].find(behind)
            if place >= 0:
                return self.line(end - place - len(text))
        return 0 if floor == 0 and self.data.startswith(text) else after
