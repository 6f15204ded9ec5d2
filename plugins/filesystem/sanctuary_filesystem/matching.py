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

NEIGHBOURS: Final = 6
COMPILED: Final = 2_000
"""Pieces before and after another one, and bytes of each, that are made a pattern."""


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
        width = width_of(self.form.encoding)
        if len(self.pieces) == 1:
            while (at := find(content, self.pieces[0], start, len(content), width)) != -1:
                start = at + len(self.pieces[0])
                yield Span(at, start)
            return
        filled = [index for index, piece in enumerate(self.pieces) if piece]
        longest = sorted(filled, key=lambda index: -len(self.pieces[index]))[:COUNTED]
        # Only where the rarest piece is, with its neighbours around it, all of them are compared.
        count, index = min(((content.count(self.pieces[index]), index) for index in longest), default=(1, 0))
        if not count:
            return
        pattern, both = self._around(index), "\r\n".encode(self.form.encoding)
        at = start
        while (found := pattern.search(content, at)) is not None:
            place = found.start("piece")
            begin, end = self._back(content, place, start, index), self._forth(content, place, index)
            # One that begins between CR and LF is the one that begins before CR.
            split = begin is not None and content.startswith(both, begin - len(both) // 2) and not self.pieces[0]
            if found.start() % width or begin is None or end is None or split:
                at = found.start() + 1
                continue
            yield Span(begin, end)
            start = at = end

    def _around(self, index: int) -> re.Pattern[bytes]:
        """A pattern of some pieces around one, or of its beginning, which is searched at the speed of C."""
        carriage, feed = (re.escape(end.encode(self.form.encoding)) for end in ("\r", "\n"))
        line_end = b"(?:%b)?%b" % (carriage, feed)
        pattern = b"(?P<piece>%b)" % re.escape(self.pieces[index][:COMPILED])
        if len(self.pieces[index]) <= COMPILED:
            for piece in self.pieces[index + 1 : index + 1 + NEIGHBOURS]:
                pattern += line_end + re.escape(piece[:COMPILED])
                if len(piece) > COMPILED:
                    break
        for piece in reversed(self.pieces[max(index - NEIGHBOURS, 0) : index]):
            if len(piece) > COMPILED:
                break
            pattern = re.escape(piece) + line_end + pattern
        return re.compile(pattern)

    def _forth(self, content: Bytes, at: int, index: int) -> int | None:
        """Where the text ends whose piece is at a place; `None` where what follows is something else."""
        if not content.startswith(self.pieces[index], at):
            return None
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
