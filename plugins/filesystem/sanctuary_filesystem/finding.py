"""What a caller searches for, and a page of it in the order that was asked for."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

from sanctuary_filesystem.cursors import Position
from sanctuary_filesystem.globs import Glob
from sanctuary_filesystem.lines import LONGEST
from sanctuary_filesystem.walking import Entry, Kind, Walk

Wanted = Literal["file", "folder", "link", "any"]
Order = Literal["name", "size", "time"]


@dataclass(slots=True)
class Page:
    """A part of what was found.

    Attributes:
        entries: in order.
        before: how many are on earlier pages; only known where all was looked at.
        total: how many there are; `None` where the walk did not come to its end.
        position: where the next page begins; `None` where there is none.
    """

    entries: list[Entry] = field(default_factory=list[Entry])
    before: int = 0
    total: int | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted; times in nanoseconds since 1970, sizes in bytes, -1 for no bound."""

    glob: Glob
    kind: Wanted
    newer: int | None
    older: int | None
    min_size: int
    max_size: int
    sort: Order

    @property
    def measures(self) -> bool:
        """Whether sizes and times are needed."""
        bounds = self.newer, self.older
        return self.sort != "name" or bounds != (None, None) or self.min_size > 0 or self.max_size >= 0

    def run(self, walk: Walk, position: Position, limit: int) -> Page:
        """Search.

        Args:
            walk: through the folder.
            position: where the page begins; empty for the first one.
            limit: entries that it has at most.

        Raises:
            PathError: the folder cannot be read.
        """
        return self._in_order(walk, position, limit) if self.sort == "name" else self._ranked(walk, position, limit)

    def _in_order(self, walk: Walk, position: Position, limit: int) -> Page:
        """It ends with the walk, or as soon as the page is full."""
        folder, name = position or ("", "")
        page = Page()
        length = 0
        with closing(walk.entries(self._accepts(), status=self.measures, after=(str(folder), str(name)))) as entries:
            for entry in filter(self._fits, entries):
                if len(page.entries) == limit or length > LONGEST:
                    last = page.entries[-1]
                    page.position = (last.folder, last.name)
                    return page
                page.entries.append(entry)
                length += len(entry.path)
        if walk.stopped is not None:
            page.position = (walk.stopped, "")
        elif not position:
            page.total = len(page.entries)
        return page

    def _ranked(self, walk: Walk, position: Position, limit: int) -> Page:
        """It takes the whole walk, and keeps no more than a page of it."""
        page = Page(total=0)
        after = tuple(position)

        def keys() -> Iterator[tuple[int, str, Entry]]:
            for entry in filter(self._fits, walk.entries(self._accepts(), status=True)):
                assert entry.status is not None
                assert page.total is not None
                page.total += 1
                value = entry.status.st_size if self.sort == "size" else entry.status.st_mtime_ns
                if after and (-value, entry.path) <= after:
                    page.before += 1
                else:
                    yield -value, entry.path, entry

        length = 0
        for value, path, entry in heapq.nsmallest(limit, keys()):
            if length > LONGEST:
                break
            page.entries.append(entry)
            page.position = (value, path)
            length += len(path)
        if page.before + len(page.entries) == page.total:
            page.position = None
        if walk.stopped is not None:
            page.total = page.position = None  # what is first is not known
        return page

    def _accepts(self) -> Callable[[str, str, Kind], bool]:
        """Whether something is wanted, as far as its name tells."""
        match, by_name = self.glob.pattern.fullmatch, self.glob.by_name
        kinds: set[Kind] = {"file", "folder", "link", "other"}
        if self.glob.folders_only or self.kind == "folder":
            kinds = {"folder"}
        elif self.kind == "link":
            kinds = {"link"}
        elif self.kind == "file":
            kinds.discard("folder")

        def accepts(name: str, path: str, kind: Kind) -> bool:
            return match(name if by_name else path) is not None and kind in kinds

        return accepts

    def _fits(self, entry: Entry) -> bool:
        """Whether something that is accepted has the right size and time."""
        status = entry.status
        if status is None:
            return True
        if self.newer is not None and status.st_mtime_ns < self.newer:
            return False
        if self.older is not None and status.st_mtime_ns >= self.older:
            return False
        if self.min_size > 0 or self.max_size >= 0:
            in_bounds = self.min_size <= status.st_size and (self.max_size < 0 or status.st_size <= self.max_size)
            return entry.kind == "file" and in_bounds
        return True
