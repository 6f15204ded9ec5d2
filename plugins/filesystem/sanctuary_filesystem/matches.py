"""A page of what a search found, as text: nothing of it but what stands in the files that the door opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, Literal

from sanctuary_filesystem.excerpts import Wanted, is_binary, lines_of, long_lines
from sanctuary_filesystem.scans import Scan, Start, Survey

LONGEST: Final = 60_000
"""Characters of a page; one match with all of its context has fewer."""


@dataclass(slots=True)
class Page:
    """What is shown.

    Attributes:
        text: its lines.
        files: that it shows.
        lines: that match, of those that it shows; in a list of files all of theirs.
        following: where the next page begins; `None` where there is none.
        changed: whether files were found otherwise than they had been counted.
    """

    text: list[str] = field(default_factory=list[str])
    files: int = 0
    lines: int = 0
    following: Start | None = None
    changed: bool = False
    _length: int = 0

    def add(self, lines: Iterable[str]) -> bool:
        """Add lines if there is room for all of them; the first ones always have it."""
        new = list(lines)
        length = sum(map(len, new)) + len(new)
        if self.text and self._length + length > LONGEST:
            return False
        self.text += new
        self._length += length
        return True


class Matches:
    """What a search found.

    Args:
        scan: the search.
        survey: what it counted.
        start: where the page begins.
        told: how a path in the tree is shown.
    """

    def __init__(self, scan: Scan, survey: Survey, start: Start, told: Callable[[str], str]) -> None:
        self._scan, self._survey, self._start, self._told = scan, survey, start, told

    def files(self, limit: int, mode: Literal["files", "count"]) -> Page:
        """The files, each on a line."""
        page = Page()
        entries = self._survey.entries[:limit]
        reached = self._start
        for name, count in self._scan.counts([name for name, _ in entries]):
            if not page.add([self._title(name) + (f": {count}" if mode == "count" else "")]):
                page.following = reached
                return page
            reached = Start(name)
            page.files += 1
            page.lines += count
            page.changed |= (name, count) not in entries
        page.changed |= page.files < len(entries)
        if len(self._survey.entries) > limit:
            page.following = Start(entries[-1][0])
        return page

    def lines(self, limit: int, before: int, after: int) -> Page:
        """The lines, grouped by files, with those around them."""
        page = Page()
        reached = self._start
        needed = list(self._needed(limit))
        with closing(self._scan.lines(needed)) as files:
            for name, descriptor, records in files:
                sought = list[int]()
                more = False
                for line in records:
                    if name == self._start.path and line <= self._start.line:
                        continue
                    if more := page.lines + len(sought) == limit:
                        break
                    sought.append(line)
                last = self._add(page, name, descriptor, sought, before, after) if sought else 0
                page.files += last > 0
                if more or (sought and last < sought[-1]):
                    page.following = Start(name, last) if last else reached
                    return page
                reached = Start(name)
        if (self._scan.late and page.files) or len(needed) < len(self._survey.entries):
            page.following = reached
        page.changed = page.following is None and not self._start.path and page.files < self._survey.files
        return page

    def _needed(self, limit: int) -> Iterator[bytes]:
        """Files that have enough lines for a page, and one more."""
        for name, count in self._survey.entries:
            yield name
            if name != self._start.path:
                limit -= count
            if limit < 0:
                return

    def _add(self, page: Page, name: bytes, descriptor: int, sought: list[int], before: int, after: int) -> int:
        """Add what there is room for of a file, and tell the last matching line of that; 0 for none."""
        title = [""] * bool(page.text) + [self._title(name)]
        if is_binary(descriptor):
            title[-1] += f" (binary; {len(sought)} matches, not shown)"
            if not page.add(title):
                return 0
            page.lines += len(sought)
            return sought[-1]
        last = shown = 0
        block = title
        long = long_lines(descriptor, sought)
        columns = self._scan.columns(descriptor, long) if long else {}
        for line, text in lines_of(descriptor, _with_context(sought, columns, before, after)):
            if (before or after) and shown and line.number > shown + 1:
                block.append("--")
            shown = line.number
            block.append(f"{line.number}{':' if line.matches else '-'} {text}")
            if line.matches:
                if not page.add(block):
                    return last
                block = []
                last = line.number
                page.lines += 1
        page.add(block)
        return last

    def _title(self, name: bytes) -> str:
        return self._told(self._scan.path_of(name))


def _with_context(sought: list[int], columns: Mapping[int, int], before: int, after: int) -> Iterator[Wanted]:
    """Lines with those around them, each once."""
    matching = set(sought)
    next_ = 1
    for line in sought:
        for number in range(max(next_, line - before), line + after + 1):
            yield Wanted(number, number in matching, columns.get(number, 0))
            next_ = number + 1
