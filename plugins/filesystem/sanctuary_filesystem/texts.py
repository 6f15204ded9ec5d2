"""An open text file by its lines, read in blocks wherever they are, and never as a whole unless it is small."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from typing import Final

from sanctuary_filesystem.bookmarks import digest
from sanctuary_filesystem.forms import Form
from sanctuary_filesystem.looks import text_form_of
from sanctuary_host.doors import etag_of, etag_of_content

BLOCK: Final = 1 << 18
"""Bytes that are read at once; an even number, so that no unit of UTF-16 is cut."""
SMALL: Final = 1 << 20
"""Bytes up to which a file is read at once; as long as etags are made of contents."""
COUNTED: Final = 64 << 20
"""Bytes of contents, holes aside, whose lines are counted to tell how many there are."""
BACKWARD: Final = 64 << 20
"""Bytes at the end of a longer file in which its last lines are looked for."""
CONTEXT: Final = 512
"""Bytes before a place by which it is known again."""


class BinaryError(Exception):
    """A file is no text; `head` are its first bytes."""

    def __init__(self, head: bytes) -> None:
        super().__init__("a file is no text")
        self.head = head


class OpenText:
    """A text file. Lines end as most do: with LF, or with CR where a file has no LF at all.

    Args:
        descriptor: of the file, which stays open as long as this is used.
        patience: seconds for looking for lines and counting them.

    Raises:
        BinaryError: it is no text.

    Attributes:
        size: its bytes, as they were at first.
        form: how they are text.
        start: where its text begins, after the mark.
        total: its lines, where they have been counted.
    """

    def __init__(self, descriptor: int, patience: float) -> None:
        self.status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._deadline = time.monotonic() + patience
        small = self.status.st_size <= SMALL
        self._head = read_at(descriptor, SMALL + 1 if small else BLOCK, 0)
        self._is_whole = small and len(self._head) <= SMALL
        self.size = len(self._head) if self._is_whole else os.fstat(descriptor).st_size
        form = text_form_of(self._head, whole=self._is_whole)
        if form is None:
            raise BinaryError(self._head[:BLOCK])
        self.form: Form = form
        self.start = len(form.mark)
        self._width = 2 if form.encoding.startswith("utf-16") else 1
        self._errors = "surrogateescape" if self._width == 1 else "surrogatepass"
        if self._width == 2:
            self.size &= ~1  # half a unit at the end is no text
        self.stop = "\r" if form.newline == "CR" else "\n"
        self._end = self.stop.encode(form.encoding)
        self._index: list[tuple[int, int]] = [(self.start, 1)]
        self.total: int | None = None

    @property
    def is_late(self) -> bool:
        """Whether there is no more time to look for lines."""
        return time.monotonic() > self._deadline

    def etag(self) -> str:
        """Its etag, of what was read where that is all of it."""
        return etag_of_content(self._head) if self._is_whole else etag_of(self._descriptor)

    def state(self, offset: int) -> bytes:
        """What the file is like now, and what it is like just before a place."""
        status = self.status
        said = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
        return digest(said.encode()) + digest(self.read(max(0, offset - CONTEXT), min(offset, CONTEXT)))

    def read(self, offset: int, count: int) -> bytes:
        """Bytes at a place; fewer where the file ends, or was cut short since."""
        count = max(0, min(count, self.size - offset))
        if self._is_whole:
            return self._head[offset : offset + count]
        return read_at(self._descriptor, count, offset)

    def decode(self, data: bytes) -> str:
        """Bytes as text; those that are none become surrogates, so that nothing is lost."""
        return data.decode(self.form.encoding, self._errors)

    def length_of(self, text: str) -> int:
        """Bytes that were decoded to a text."""
        return len(text) if text.isascii() and self._width == 1 else len(text.encode(self.form.encoding, self._errors))

    def after_last_end(self, data: bytes) -> int:
        """Where the last line end in a block ends; 0 where there is none."""
        at = data.rfind(self._end)
        while at >= 0 and at % self._width:
            at = data.rfind(self._end, 0, at + self._width - 1)
        return at + self._width if at >= 0 else 0

    def after_end(self, data: bytes) -> int:
        """Where the first line end in a block ends; 0 where there is none."""
        at = data.find(self._end)
        while at >= 0 and at % self._width:
            at = data.find(self._end, at + 1)
        return at + self._width if at >= 0 else 0

    def character(self, data: bytes) -> int:
        """Where the first whole character of a block begins that may begin within one."""
        if self.form.encoding == "utf-8":
            return next((at for at, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
        high = data[1:2] if self.form.encoding == "utf-16-le" else data[:1]
        return 2 if self._width == 2 and high and 0xDC <= high[0] < 0xE0 else 0

    def characters(self, data: bytes) -> bytes:
        """A block without the character at its end that is cut there."""
        if self.form.encoding == "utf-8":
            for back in range(1, min(4, len(data) + 1)):
                byte = data[-back]
                if byte & 0xC0 != 0x80:
                    needs = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
                    return data[:-back] if needs > back else data
        elif self._width == 2:
            data = data[: len(data) & ~1]
            high = data[-1:] if self.form.encoding == "utf-16-le" else data[-2:-1]
            return data[:-2] if high and 0xD8 <= high[0] < 0xDC else data
        return data

    def count(self) -> None:
        """Count the lines, unless that takes too long."""
        if min(self.size, self.status.st_blocks * 512) > COUNTED and not self._is_whole:
            return
        line, end = 1, self.start
        for offset, block in self._blocks(self.start):
            if self.is_late:
                return
            self._index.append((offset, line))
            line += self._ends(block)
            end = offset + len(block)
        last = self.read(end - self._width, self._width) if end > self.start else self._end
        self.total = line - (last == self._end)

    def find(self, offset: int, line: int, target: int) -> tuple[int, int]:
        """Where a line begins that comes after a place, or how far it was looked for: the line is then another one.

        Args:
            offset: the place.
            line: the number of its line.
            target: the line's.
        """
        if line == target:
            return offset, line
        for at, number in reversed(self._index):  # blocks, which begin within the lines of these numbers
            if line < number < target:
                offset, line = at, number
                break
        for at, block in self._blocks(offset):
            ends = self._ends(block)
            if line + ends >= target:
                return at + self._after(block, target - line), target
            line += ends
            offset = at + len(block)
            if self.is_late:
                break
        return offset, line

    def find_end(self, offset: int) -> int | None:
        """Where the line ends that a place is in, its end included; `None` where that is too far."""
        for at, block in self._blocks(offset):
            if end := self.after_end(block):
                return at + end
            if self.is_late:
                return None
        return self.size

    def find_last(self, lines: int) -> tuple[int, int]:
        """Where the last lines begin, and how many were found; 0 where not even the last one begins near enough."""
        found, place = 0, (self.size, 0)
        offset, floor = self.size, max(self.start, self.size - BACKWARD)
        if self.read(self.size - self._width, self._width) == self._end:
            offset -= self._width
        while offset > floor and not self.is_late:
            at = max(floor, offset - BLOCK)
            block = self.read(at, offset - at)
            ends = self._ends(block)
            if found + ends >= lines:
                return at + self._after(block, ends - (lines - found) + 1), lines
            if ends:
                found += ends
                place = (at + self._after(block, 1), found)
            offset = at
        return (self.start, found + 1) if offset <= self.start else place

    def _blocks(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Blocks from a place on, with their places; holes of sparse files, which have no lines, are passed over."""
        sparse = self.status.st_blocks * 512 < self.size and not self._is_whole
        while offset < self.size:
            if sparse:
                offset = max(offset, self._after_hole(offset) & ~1)
            block = self.read(offset, SMALL if self._is_whole else BLOCK)
            if not block:
                return
            yield offset, block
            offset += len(block)

    def _after_hole(self, offset: int) -> int:
        try:
            data = os.lseek(self._descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            # There is only a hole up to the end, or the file system knows nothing of holes.
            data = self.size if error.errno == errno.ENXIO else offset
        return min(data, self.size - 2)

    def _ends(self, block: bytes, before: int | None = None) -> int:
        """How many line ends there are in a block, or before a place in it."""
        return block.count(self._end, 0, before) if self._width == 1 else self.decode(block[:before]).count(self.stop)

    def _after(self, block: bytes, number: int) -> int:
        """Where the line end of a number, from 1, ends within a block that has so many."""
        low, high = 0, len(block) // self._width
        while low < high:
            middle = (low + high) // 2
            if self._ends(block, middle * self._width) >= number:
                high = middle
            else:
                low = middle + 1
        return low * self._width


def read_at(descriptor: int, count: int, offset: int) -> bytes:
    """So many bytes of a file at a place; fewer where it ends."""
    data = os.pread(descriptor, count, offset)
    while 0 < len(data) < count:
        more = os.pread(descriptor, count - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data
