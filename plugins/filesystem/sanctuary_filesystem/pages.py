"""One page of a text file's lines, as many as fit, and where the next one begins."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Final

from sanctuary_filesystem.bookmarks import Bookmark
from sanctuary_filesystem.texts import BLOCK, OpenText
from sanctuary_filesystem.visible import visible, visible_line

LONGEST: Final = 2_000
"""Characters of a line; the rest of a longer one is left out, with a cursor for those who want it."""
WIDEST: Final = LONGEST * 4 + 4
"""Bytes in which so many characters are, and one more."""
USUAL: Final = 200
"""Bytes that a line seldom has: so many are read for each that is asked for."""
MARK: Final = 160
"""Bytes for a line's number, and for the sentence after one that is cut."""

Word = Callable[[Bookmark], str]


class Page:
    """What is shown of a file.

    Args:
        lines: the file.
        room: bytes of UTF-8 that it may have.
        word: makes a cursor of a bookmark.
        numbers: whether each line has its number before it.

    Attributes:
        rows: what is shown.
        room: bytes that are left.
        following: where what was asked for goes on.
        cut: how many lines are not shown as a whole.
        is_full: whether there was no more room.
        has_signs: whether characters are shown as signs.
    """

    def __init__(self, lines: OpenText, room: int, word: Word, *, numbers: bool) -> None:
        self.rows: list[str] = []
        self.room = room
        self.following: Bookmark | None = None
        self.cut = 0
        self.is_full = False
        self.has_signs = False
        self._lines, self._word, self._numbers = lines, word, numbers

    def fill(self, at: Bookmark, most: int) -> int:
        """Show lines from a place on; gives the number of the line after the last one.

        Args:
            at: the place, and how many lines are asked for from there.
            most: how many lines may be on this page.
        """
        lines, offset, line, left = self._lines, at.offset, at.line, at.left
        if at.inside:
            offset, has_ended = self._show_rest(offset, line)
            if not has_ended:
                self.following = Bookmark(offset, line, inside=True, left=left)
                return line + 1
            line += 1
        last = None if left is None else line + left
        until = line + most if last is None else min(line + most, last)
        while line < until and offset < lines.size and self.following is None and not self.is_full:
            before = offset
            offset, line = self._show(offset, line, until, last)
            if offset == before:
                break
        if self.following is None and offset < lines.size and line != last:
            self.following = Bookmark(offset, line, left=None if last is None else last - line)
        return line

    def _show(self, offset: int, line: int, until: int, last: int | None) -> tuple[int, int]:
        """Show the lines of a block; gives the place after them, and the number of the line that begins there."""
        lines, stop = self._lines, self._lines.stop
        data = lines.read(offset, min(BLOCK, max(WIDEST, min(self.room, (until - line) * USUAL))))
        whole = data if offset + len(data) >= lines.size else data[: lines.after_last_end(data)]
        if not whole:
            text = lines.decode(lines.characters(data[:WIDEST]))
            return self._show_long(offset, line, text, None, last) if data else (offset, line)
        texts = lines.decode(whole).split(stop)
        if not texts[-1]:
            texts.pop()
            ends = len(texts)
        else:
            ends = len(texts) - 1
        if len(texts) > until - line:
            ends = until - line
            texts = texts[:ends]
            whole = whole[: lines.length_of(stop.join(texts)) + lines.length_of(stop)]
        shown = texts
        if stop == "\n" and b"\r" in whole:
            shown = [text.removesuffix("\r") if index < ends else text for index, text in enumerate(texts)]
        if max(map(len, shown)) <= LONGEST and (stop == "\n" or b"\n" not in whole) and self._show_all(shown, line):
            return offset + len(whole), line + len(texts)
        for index, text in enumerate(texts):
            size = lines.length_of(text + stop if index < ends else text)
            if len(shown[index]) > LONGEST or not self._show_one(line, shown[index]):
                if self.is_full and self.rows:
                    break
                return self._show_long(offset, line, text, offset + size, last)
            offset += size
            line += 1
        return offset, line

    def _show_all(self, texts: list[str], line: int) -> bool:
        """Show lines, if there is room for all of them."""
        body = "\n".join(texts)
        seen = visible(body)
        is_plain = seen == body
        if self._numbers:
            if not is_plain:
                texts = seen.split("\n")
            seen = "\n".join(map("\t".join, zip(map(str, count(line)), texts, strict=False)))
        size = (len(seen) if seen.isascii() else len(seen.encode())) + 1
        if size > self.room:
            return False
        self.has_signs |= not is_plain
        self.rows.append(seen)
        self.room -= size
        return True

    def _show_one(self, line: int, text: str) -> bool:
        """Show a line, if there is room for it."""
        seen = visible_line(text)
        row = f"{line}\t{seen}" if self._numbers else seen
        if len(row.encode()) >= self.room:
            self.is_full = True
            return False
        self._add(row)
        self.has_signs |= seen != text
        return True

    def _show_long(self, offset: int, line: int, text: str, end: int | None, last: int | None) -> tuple[int, int]:
        """Show the beginning of a line; `end` is where the next one begins, where that is known."""
        lines = self._lines
        if self.rows and self.room < LONGEST + MARK:
            self.is_full = True
            return offset, line
        text = text[:LONGEST]
        text = text[: _fitting(text, self.room - MARK)]
        rest = offset + lines.length_of(text)
        if end is None:
            end = lines.find_end(rest)
        if end is None:
            self.following = Bookmark(rest, line, inside=True, left=None if last is None else last - line - 1)
            mark = "it goes on; the next cursor continues it"
        elif end >= lines.size:
            self.following = Bookmark(rest, line, inside=True, left=0)
            mark = f"+{end - rest:,} bytes; the next cursor continues it"
        else:
            word = self._word(Bookmark(rest, line, inside=True, left=0))
            mark = f'+{end - rest:,} bytes; cursor "{word}" continues it'
        self._add_signs(f"{line}\t", text, f" …[{mark}]")
        self.cut += 1
        return rest if end is None else end, line + 1

    def _show_rest(self, offset: int, line: int) -> tuple[int, bool]:
        """Show what comes after a place in a line; gives the place after that, and whether the line has ended there."""
        lines = self._lines
        data = lines.read(offset, min(BLOCK, self.room))
        end = lines.after_end(data)
        has_ended = bool(end) or offset + len(data) >= lines.size
        whole = data[:end] if end else data if has_ended else lines.characters(data)
        text = lines.decode(whole)
        if end:
            text = text.removesuffix(lines.stop)
        if lines.stop == "\n" and (end or not has_ended):  # a CR whose LF may be the next character
            text = text.removesuffix("\r")
        kept = text[: _fitting(text, self.room - MARK)]
        self._add_signs(f"{line}+\t", kept, "")
        if len(kept) == len(text) and has_ended:
            return offset + len(whole), True
        self.is_full = True
        return offset + lines.length_of(kept), False

    def _add_signs(self, number: str, text: str, mark: str) -> None:
        seen = visible_line(text)
        self.has_signs |= seen != text
        self._add(f"{number if self._numbers else ''}{seen}{mark}")

    def _add(self, row: str) -> None:
        self.rows.append(row)
        self.room -= len(row.encode()) + 1


def _fitting(text: str, room: int) -> int:
    """How many characters of a text can be shown in so many bytes; at least one, if it has any."""
    number = len(text)
    while number > 1 and (size := len(visible(text[:number]).encode())) > room:
        number = max(1, min(number - 1, number * room // size))
    return number
