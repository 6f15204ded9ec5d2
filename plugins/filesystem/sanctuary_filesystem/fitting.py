"""Where the hunks of a diff fit into a file, as GNU patch finds it, and what the file is with them."""

from __future__ import annotations

import codecs
import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from sanctuary_filesystem.byte_lines import Lines
from sanctuary_filesystem.hunks import Hunk
from sanctuary_host import ToolError

NAMED: Final = 3
"""Places that are named where there are several."""
LOOKED: Final = 4 << 30
"""Bytes that are looked through for the hunks of a file; that takes some seconds."""
BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a hunk fits.

    Attributes:
        line: of the file before, counted from 0, that the hunk begins at, left-out context included.
        cut: how many lines of context at its start and at its end are left out.
        lines: those of the hunk, as bytes of the file's encoding.
        loosely: whether line ends differ.
        offset: how many lines further down it is than its header and the hunks before say.
        fuzz: what context did not matter: 1 also where it is not at the start or end of the file that it was made for.
        others: where else it fits, as far as was looked.
    """

    line: int
    cut: tuple[int, int]
    lines: tuple[bytes, ...]
    loosely: bool
    offset: int = 0
    fuzz: int = 0
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Misfit:
    """A hunk that does not fit.

    Attributes:
        hunk: which one.
        why: `done` where what it would make is there already, `several` where it fits in several places.
        lines: the places where it is, or fits, counted from 0; of `nowhere`, where it was looked for first.
    """

    hunk: Hunk
    why: Literal["nowhere", "done", "several", "overlap"]
    lines: tuple[int, ...]


class Fitting:
    """Fits hunks into a file, one after the other.

    Args:
        content: the file.
        fuzz: how many lines of context at each end of a hunk may differ.
    """

    def __init__(self, content: bytes, fuzz: int) -> None:
        self.raw = Lines(content)
        even = content.replace(b"\r\n", b"\n") if b"\r\n" in content else content
        even += b"" if even.endswith(b"\n") or not even else b"\n"
        self.even = self.raw if even is content else Lines(even)
        self.fuzz = fuzz
        self._is_utf8: bool | None = None
        self._taken = self._frozen = 0
        self._drift = 0
        self._edits: list[tuple[int, int, bytes]] = []

    def fit(self, hunk: Hunk) -> Fit | Misfit:
        """Find the place of a hunk, and note what changes there.

        Raises:
            ToolError: the hunks before took so much searching that no more is done.
        """
        if self.raw.looked + self.even.looked > LOOKED:
            raise ToolError("too many of its hunks are far from the lines that they name; apply the patch in parts")
        found = self._find(hunk)
        if isinstance(found, Misfit):
            return found
        start, end, text = self._edit(found)
        after = bisect_right(self._edits, (start, end), key=_span)
        for its_start, its_end, _ in self._edits[max(after - 1, 0) : after + 1]:
            if start < its_end and its_start < end:
                return Misfit(hunk, "overlap", (found.line,))
        self._edits.insert(after, (start, end, text))
        self._taken = max(self._taken, end)
        self._frozen = self.raw.line(self._taken)
        self._drift += found.offset
        return found

    def result(self) -> bytes:
        """The file with all hunks that fitted."""
        at = 0
        pieces: list[bytes | memoryview] = []
        view = memoryview(self.raw.data)
        for start, end, text in self._edits:
            pieces += [view[at:start], text]
            at = end
        return b"".join([*pieces, view[at:]])

    def expected(self, hunk: Hunk) -> int | None:
        """The line, counted from 0, that a hunk should begin at."""
        if hunk.old_start is None:
            return None
        return max(hunk.old_start - bool(hunk.old), 0) + self._drift

    def encodings(self, hunk: Hunk) -> list[Hunk]:
        """A hunk as bytes of this file: a patch is UTF-8; a file that is not is Latin-1, as readers are shown it."""
        if all(line.isascii() for line in hunk.lines):
            return [hunk]
        if self._is_utf8 is None:
            self._is_utf8 = _is_utf8(self.raw.data)
        if self._is_utf8:
            return [hunk]
        try:
            lines = tuple(line.decode().encode("latin-1") for line in hunk.lines)
        except UnicodeError:
            return [hunk]
        return [replace(hunk, lines=lines), hunk]

    def _find(self, hunk: Hunk) -> Fit | Misfit:
        forms = self.encodings(hunk)
        if not hunk.old:
            return self._put(forms[0])
        guess = self.expected(hunk)
        for low in (self._frozen, 0) if self._frozen else (0,):
            is_behind = low < self._frozen  # a hunk that is out of order, which must be the only one there
            for form, loosely in itertools.product(forms, (False, True)):
                attempt = _Try(form, loosely=loosely, sure=guess is None or is_behind, anchored=not is_behind)
                found = self._search(attempt, guess, low)
                if found and not (is_behind and isinstance(found, Misfit)):
                    return found
        if (there := self._is_done(forms, guess)) is not None:
            return Misfit(hunk, "done", (there,))
        for fuzz in range(1, self.fuzz + 1):
            # First still at the start or end of the file, if that is where it was made; then there is no such bound.
            ways = [(True, _cut(hunk, fuzz)), *([(False, (0, 0))] if fuzz == 1 else []), (False, _cut(hunk, fuzz))]
            for (anchored, cut), form, loosely in itertools.product(ways, forms, (False, True)):
                attempt = _Try(form, loosely=loosely, sure=True, anchored=anchored, cut=cut, fuzz=fuzz)
                if (not anchored or attempt.is_bound) and (found := self._search(attempt, guess, self._frozen)):
                    return found
        return Misfit(hunk, "nowhere", (guess if guess is not None else self._frozen,))

    def _put(self, hunk: Hunk) -> Fit | Misfit:
        """Find the place of a hunk that has no line to look for."""
        guess = self.expected(hunk)
        if guess is None or not self._frozen <= guess <= self.raw.total:
            return Misfit(hunk, "nowhere", (guess or 0,))
        if not hunk.new[-1].endswith(b"\n") and guess != self.raw.total:
            return Misfit(hunk, "nowhere", (guess,))
        # What follows a last line that has no end needs one before it.
        loosely = guess == self.raw.total > 0 and not self.raw.data.endswith(b"\n")
        return Fit(guess, (0, 0), hunk.lines, loosely)

    def _search(self, attempt: _Try, guess: int | None, low: int) -> Fit | Misfit | None:
        lines = self.even if attempt.loosely else self.raw
        text, at_end = attempt.text, attempt.at_end
        if not text or (attempt.loosely and (not attempt.is_even or (lines is self.raw and text == attempt.plain))):
            return None
        before, after = attempt.cut
        low = max(low - attempt.hunk.context[0] + before, 0)
        wanted = None if guess is None else guess + before
        if attempt.is_at_start:
            line = 0 if low == 0 and lines.begins(text, 0, at_end=at_end) else None
        elif wanted is not None and wanted >= low and lines.begins(text, wanted, at_end=at_end):
            line = wanted
        elif attempt.sure or wanted is None:
            several = list(itertools.islice(lines.places(text, low, at_end=at_end), NAMED + 1))
            if len(several) > 1:
                return Misfit(attempt.hunk, "several", tuple(several))
            line = several[0] if several else None
        else:
            line = lines.nearest(text, wanted, low, at_end=at_end)
        if line is None:
            return None
        offset = 0 if wanted is None else line - wanted
        others = itertools.islice((one for one in lines.places(text, low, at_end=at_end) if one != line), NAMED + 1)
        return Fit(
            line - before, (before, after), attempt.hunk.lines, attempt.loosely, offset, attempt.fuzz,
            tuple(one - before for one in others) if offset else (),
        )  # fmt: skip

    def _is_done(self, forms: Sequence[Hunk], guess: int | None) -> int | None:
        """The line at which there is already what a hunk would make, if that is certain."""
        for form, loosely in itertools.product(forms, (False, True)):
            attempt = _Try(form.reversed(), loosely=loosely, sure=True)
            lines = self.even if loosely else self.raw
            if not attempt.text or (loosely and not attempt.is_even):
                continue
            for wanted in {guess, form.new_start and form.new_start - 1}:
                if wanted is not None and lines.begins(attempt.text, wanted, at_end=attempt.at_end):
                    return wanted
            if any(form.context) and len(form.new) > 1:
                several = list(itertools.islice(lines.places(attempt.text, at_end=attempt.at_end), 2))
                if len(several) == 1:
                    return several[0]
        return None

    def _edit(self, fit: Fit) -> tuple[int, int, bytes]:
        """What a hunk changes: from which byte to which, and what comes there."""
        lines = fit.lines[fit.cut[0] : len(fit.lines) - fit.cut[1]]
        at = self.raw.offset(fit.line + fit.cut[0])
        start: int | None = None
        end = at
        changed = 0
        pieces: list[bytes] = []
        finish = b"\n"
        if fit.loosely:
            finish = self._line_end(at)
        for line in lines:
            mark = line[:1]
            if mark != b"+":
                before, at = at, self.raw.end(at)
                if fit.loosely and at > before:
                    finish = self._line_end(before)
                if mark == b" ":
                    if start is not None:
                        pieces.append(self.raw.data[before:at])
                    continue
            else:
                before = at
            if start is None:
                start = before
            if mark == b"+":
                pieces.append(line[1:] if not fit.loosely else _chomped(line[1:]) + finish)
            changed, end = len(pieces), at
        assert start is not None
        if fit.loosely and at == len(self.raw.data):
            return self._edit_end(lines, start, pieces, finish)
        return start, end, b"".join(pieces[:changed])

    def _edit_end(
        self, lines: Sequence[bytes], start: int, pieces: list[bytes], finish: bytes
    ) -> tuple[int, int, bytes]:
        """The same at the end of a file, whose last line has an end or not: as before, or as the patch says."""
        old, new = ([line for line in lines if line[:1] != mark] for mark in (b"+", b"-"))
        has_end = not self.raw.data or self.raw.data.endswith(b"\n")
        if bool(old and not old[-1].endswith(b"\n")) != bool(new and not new[-1].endswith(b"\n")):
            has_end = not new or new[-1].endswith(b"\n")
        if start == len(self.raw.data) > 0 and not self.raw.data.endswith(b"\n"):
            pieces = [finish, *pieces]  # lines are put behind one that has no end
        else:
            pieces = [piece if piece.endswith(b"\n") else piece + finish for piece in pieces]
        if pieces and not has_end:
            pieces[-1] = _chomped(pieces[-1])
        return start, len(self.raw.data), b"".join(pieces)

    def _line_end(self, offset: int) -> bytes:
        """How the line ends that an offset is in, or, where it has no end, the last one that has."""
        place = self.raw.data.find(b"\n", offset)
        if place < 0:
            place = self.raw.data.rfind(b"\n")
        return b"\r\n" if place > 0 and self.raw.data[place - 1 : place] == b"\r" else b"\n"


@dataclass(frozen=True, slots=True)
class _Try:
    """One way to look for a hunk."""

    hunk: Hunk
    loosely: bool
    sure: bool
    anchored: bool = False
    cut: tuple[int, int] = (0, 0)
    fuzz: int = 0

    def _lines(self) -> Iterator[bytes]:
        old = self.hunk.old
        return itertools.islice(old, self.cut[0], len(old) - self.cut[1])

    @property
    def plain(self) -> bytes:
        return b"".join(self._lines())

    @property
    def text(self) -> bytes:
        return b"".join(_chomped(line) + b"\n" for line in self._lines()) if self.loosely else self.plain

    @property
    def is_even(self) -> bool:
        """Whether all lines end alike, so that their ends are no part of the change."""
        return len({line.endswith(b"\r\n") for line in self.hunk.lines if line.endswith(b"\n")}) < 2

    @property
    def is_bound(self) -> bool:
        """Whether it must be at the start or the end of the file."""
        return self.is_at_start or self.at_end

    @property
    def is_at_start(self) -> bool:
        before, after = self.hunk.context
        return self.anchored and self.hunk.old_start in {0, 1} and before < after

    @property
    def at_end(self) -> bool:
        before, after = self.hunk.context
        ends = [side[-1] for side in (self.hunk.old, self.hunk.new) if side] if not self.cut[1] else []
        return (self.anchored and not after and before > 0 and self.hunk.old_start is not None) or any(
            not end.endswith(b"\n") for end in ends
        )


def _span(edit: tuple[int, int, bytes]) -> tuple[int, int]:
    return edit[:2]


def _cut(hunk: Hunk, fuzz: int) -> tuple[int, int]:
    """How many lines of context are left out, of the longer one first."""
    longest = max(hunk.context)
    fuzz = min(fuzz, longest)
    before, after = (max(fuzz + length - longest, 0) for length in hunk.context)
    return before, after


def _chomped(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for place in range(0, len(data), BLOCK):
            decoder.decode(data[place : place + BLOCK], final=place + BLOCK >= len(data))
    except UnicodeDecodeError:
        return False
    return True
