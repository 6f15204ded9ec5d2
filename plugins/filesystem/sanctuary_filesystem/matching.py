"""Where a text stands in a file's bytes, and what takes its place there; a line end of the text stands for any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from sanctuary_filesystem.bounds import ENDS, Bytes, encoded, find, find_last, width_of
from sanctuary_filesystem.forms import Form

BARE: Final = re.compile(r"(?<!\r)\n")
"""A line end that leaves it to the file how it is written."""


COUNTED: Final = 4
"""Lines of the text of which it is counted how often they are in the file, to look for the rarest one."""


class Span(NamedTuple):
    """A part of a file, from its first byte to behind its last."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sought:
    """A text that is looked for.

    Attributes:
        form: of the file.
        pieces: the text in the file's encoding, cut where each line end may be LF or CRLF.
    """

    form: Form
    pieces: tuple[bytes, ...]

    @classmethod
    def of(cls, text: str, form: Form, what: str) -> Sought:
        """What to look for in a file.

        Args:
            text: as the caller wrote it; where it holds a carriage return, it is meant to the letter.
            form: of the file.
            what: how an error names the text.

        Raises:
            ToolError: the text cannot be said in the file's encoding.
        """
        if "\n" not in text or "\r" in text or form.newline in {"LF", "none"}:
            return cls(form, (encoded(text, form, what),))
        if form.newline in ENDS:
            return cls(form, (encoded(text.replace("\n", ENDS[form.newline]), form, what),))
        return cls(form, tuple(encoded(piece, form, what) for piece in text.split("\n")))

    def first(self, content: Bytes, start: int) -> Span | None:
        """Where it stands first from a place on."""
        return next(self._from(content, start), None)

    def all(self, content: Bytes) -> Iterator[Span]:
        """Where it stands, from the beginning on, without overlap."""
        return self._from(content, len(self.form.mark))

    def _from(self, content: Bytes, start: int) -> Iterator[Span]:
        if len(self.pieces) > 1:
            filled = [index for index, piece in enumerate(self.pieces) if piece]
            longest = sorted(filled, key=lambda index: -len(self.pieces[index]))[:COUNTED]
            if not longest:
                yield from self._line_ends(content, start)
                return
            # Wherever this piece is, the others are compared.
            index = min(longest, key=lambda index: content.count(self.pieces[index]))
        else:
            index = 0
        at = start
        while (at := find(content, self.pieces[index], at, len(content), width_of(self.form.encoding))) != -1:
            begin = self._back(content, at, start, index)
            end = self._forth(content, at, index)
            if begin is None or end is None:
                at += width_of(self.form.encoding)
                continue
            yield Span(begin, end)
            start = at = end

    def _forth(self, content: Bytes, at: int, index: int) -> int | None:
        """Where the text ends whose piece is at a place; `None` where what follows is something else."""
        at += len(self.pieces[index])
        for piece in self.pieces[index + 1 :]:
            for end in self._ends():
                if content.startswith(end, at):
                    at += len(end)
                    break
            else:
                return None
            if not content.startswith(piece, at):
                return None
            at += len(piece)
        return at

    def _back(self, content: Bytes, at: int, start: int, index: int) -> int | None:
        """Where the text begins whose piece is at a place; `None` where what stands before it is something else."""
        for piece in reversed(self.pieces[:index]):
            for end in self._ends():
                if at - len(end) >= start and content.startswith(end, at - len(end)):
                    at -= len(end)
                    break
            else:
                return None
            at -= len(piece)
            if at < start or not content.startswith(piece, at):
                return None
        return at

    def _line_ends(self, content: Bytes, start: int) -> Iterator[Span]:
        """Where line ends, and nothing but line ends, stand in a row."""
        carriage, feed = (re.escape(end.encode(self.form.encoding)) for end in ("\r", "\n"))
        pattern = re.compile(b"(?:(?:%b)?%b){%d}" % (carriage, feed, len(self.pieces) - 1))
        while (found := pattern.search(content, start)) is not None:
            if found.start() % width_of(self.form.encoding):
                start = found.start() + 1
                continue
            yield Span(*found.span())
            start = found.end()

    def _ends(self) -> tuple[bytes, bytes]:
        return "\r\n".encode(self.form.encoding), "\n".encode(self.form.encoding)


@dataclass(frozen=True, slots=True)
class Put:
    """A text that takes the place of another one.

    Attributes:
        form: of the file.
        pieces: in the file's encoding, cut where each line end is written as it is there.
    """

    form: Form
    pieces: tuple[bytes, ...]

    @classmethod
    def of(cls, text: str, form: Form, what: str, *, literal: bool) -> Put:
        """What to put into a file.

        Args:
            text: as the caller wrote it.
            form: of the file.
            what: how an error names the text.
            literal: whether its line ends are meant to the letter.

        Raises:
            ToolError: the text cannot be said in the file's encoding.
        """
        if literal or form.newline in {"LF", "none"}:
            return cls(form, (encoded(text, form, what),))
        if form.newline in ENDS:
            return cls(form, (encoded(BARE.sub(ENDS[form.newline], text), form, what),))
        return cls(form, tuple(encoded(piece, form, what) for piece in BARE.split(text)))

    @property
    def longest(self) -> int:
        """Bytes that it has at most."""
        return sum(map(len, self.pieces)) + len("\r\n".encode(self.form.encoding)) * (len(self.pieces) - 1)

    def at(self, content: Bytes, span: Span) -> bytes:
        """Its bytes in a place: each line end as the one that it replaces, or as those around it are."""
        if len(self.pieces) == 1:
            return self.pieces[0]
        ends = self._ends_in(content, span) or [self._end_near(content, span)]
        parts = [self.pieces[0]]
        for index, piece in enumerate(self.pieces[1:]):
            parts += [ends[min(index, len(ends) - 1)], piece]
        return b"".join(parts)

    def _ends_in(self, content: Bytes, span: Span) -> list[bytes]:
        feed = "\n".encode(self.form.encoding)
        ends: list[bytes] = []
        at = find(content, feed, span.start, span.end, width_of(self.form.encoding))
        while at != -1 and len(ends) < len(self.pieces):
            ends.append(self._end_at(content, at))
            at = find(content, feed, at + len(feed), span.end, width_of(self.form.encoding))
        return ends

    def _end_near(self, content: Bytes, span: Span) -> bytes:
        feed, width = "\n".encode(self.form.encoding), width_of(self.form.encoding)
        at = find(content, feed, span.end, len(content), width)
        if at == -1:
            at = find_last(content, feed, len(self.form.mark), span.start, width)
        return feed if at == -1 else self._end_at(content, at)

    def _end_at(self, content: Bytes, feed_at: int) -> bytes:
        both = "\r\n".encode(self.form.encoding)
        feed = both[len(both) // 2 :]
        before = feed_at - len(feed)
        return both if before >= len(self.form.mark) and content.startswith(both, before) else feed
