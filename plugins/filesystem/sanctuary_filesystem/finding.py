"""What a caller searches for, and a page of it in the order that was asked for."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, Literal

from sanctuary_filesystem.cursors import Position
from sanctuary_filesystem.globs import Glob
from sanctuary_filesystem.lines import LONGEST, Range
from sanctuary_filesystem.walking import Entry, Kind, Walk

Wanted = Literal["file", "folder", "any"]
Order = Literal["name", "largest", "newest"]
UNBOUND: Final = (None, None, None, None)
SPARE: Final = 5000
"""Entries beyond a page that are kept until they are sorted out together; each takes some 400 bytes."""


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
    """What is wanted; times in nanoseconds since 1970, sizes in bytes."""

    glob: Glob
    kind: Wanted
    changed: Range
    size: Range
    sort: Order

    @property
    def measures(self) -> bool:
        """Whether sizes and times are needed."""
        return self.sort != "name" or (*self.size, *self.changed) != UNBOUND

    @property
    def kinds(self) -> set[Kind]:
        """What is wanted may be any of these."""
        kinds: set[Kind] = {"file", "folder", "link", "other"}
        if self.glob.folders_only or self.kind == "folder":
            return {"folder"}
        return kinds - {"folder"} if self.kind == "file" else kinds

    def run(self, walk: Walk, position: Position, limit: int) -> Page:
        """Search.

        Args:
            walk: for the glob and the kinds, through the folder.
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
        with closing(walk.entries(measure=self.measures, after=(str(folder), str(name)))) as entries:
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
        page = Page()
        after = tuple(position)
        total = 0

        by = 0 if self.sort == "largest" else 1
        kept: list[tuple[int, str, Entry]] = []
        for entry in walk.entries(measure=True):
            if entry.measures is None or not self._fits(entry):
                continue
            total += 1
            path = entry.folder + entry.name
            value = -entry.measures[by]
            if after and (value, path) <= after:
                page.before += 1
                continue
            kept.append((value, path, entry))
            if len(kept) > limit + SPARE:
                kept.sort()
                del kept[limit:]
        kept.sort()
        length = 0
        for value, path, entry in kept[:limit]:
            if length > LONGEST:
                break
            page.entries.append(entry)
            page.position = (value, path)
            length += len(path)
        page.total = total
        if page.before + len(page.entries) == total:
            page.position = None
        if walk.stopped is not None:
            page.total = page.position = None  # what is first is not known
        return page

    def _fits(self, entry: Entry) -> bool:
        """Whether something that is accepted has the right size and time."""
        if entry.measures is None or (*self.size, *self.changed) == UNBOUND:
            return True
        size, changed = entry.measures
        if self.size != (None, None) and (entry.kind != "file" or not _is_within(size, self.size)):
            return False
        return _is_within(changed, self.changed)


def _is_within(value: int, bounds: Range) -> bool:
    low, high = bounds
    return (low is None or low <= value) and (high is None or value <= high)
