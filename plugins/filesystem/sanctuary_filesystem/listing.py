"""List a folder, and find files by name: two tools that read names and no contents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Annotated, Final

from pydantic import Field

from sanctuary_filesystem.cursors import cursor_of, position_of
from sanctuary_filesystem.finding import Order, Query, Wanted
from sanctuary_filesystem.globs import read_glob
from sanctuary_filesystem.ignores import Ignores
from sanctuary_filesystem.lines import answer, facts, mark, read_moment, read_range, read_size
from sanctuary_filesystem.names import plain
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_filesystem.viewing import View
from sanctuary_filesystem.walking import Contents, Kind, Walk, clean, contents_of, ignores_above
from sanctuary_host import Host, Recorded, Tools, hookimpl, need_worker, tool
from sanctuary_host.doors import PathError, Place, Trees, kind_of, shown

SMALL: Final = 500
"""Entries up to which a folder is listed on the event loop, in half a millisecond."""
FEW: Final = 100
"""The same, where each is looked at."""
SECONDS: Final = 10.0
"""After which a search stops and tells what it has; its deadline is twice as long."""
COUNTED: Final[Mapping[Kind, str]] = {"folder": "folder", "file": "file", "link": "link", "other": "special file"}

Folder = Annotated[str, Field(description="Folder"), Recorded()]
Limit = Annotated[int, Field(ge=1, le=2000)]


class Listing:
    """The tools, around the folders.

    Args:
        trees: the folders.
        seconds: how long a search may take before it stops early.
    """

    def __init__(self, trees: Trees, seconds: float = SECONDS) -> None:
        self._trees, self._seconds = trees, seconds

    @tool(read_only=True, open_world=False, timeout=20, memory=64, runs="inline")
    def list_dir(
        self,
        path: Folder = ".",
        *,
        depth: Annotated[int, Field(ge=1, le=4, description="Above 1: tree view")] = 1,
        sort: Order = "name",
        limit: Limit = 500,
        cursor: str = "",
    ) -> str:
        """List a folder: folders (name/) first; sizes and times if sorted by them. To search names use find_files."""
        place = self._trees.place(path)
        top = clean(place.path)
        query = ("list_dir", place.tree.name, top, depth, sort)
        position = position_of(query, cursor, (int, str))
        if depth > 1:
            need_worker()
        details = sort != "name"
        with _folder(place) as descriptor:
            contents = _read(place, descriptor, small=FEW if details else SMALL)
            ignores = ignores_above(place.tree, top).within(descriptor, top) if depth > 1 else Ignores()
            view = View(place.tree, top, descriptor, contents, order=sort, details=details, ignores=ignores)
            lines = view.lines(position, limit=limit, depth=depth)
        counts = Counter(contents.kinds.values())
        number = len(contents.kinds)
        first = view.before + 1
        found = ", ".join(_number(counts[kind], kind) for kind in COUNTED if counts[kind])
        head = [
            f"{told(self._trees, place)}: {found or 'empty'}",
            "" if contents.complete else "more than is ever listed",
            "size, changed (UTC), name" if details and number else "",
            f"{first:,}-{view.before + view.shown:,} of {number:,}" if view.position or view.before else "",
            "some folders below are truncated, where … stands; list them by themselves" if view.is_cut else "",
            f'truncated, next cursor "{cursor_of(query, view.position)}"' if view.position else "",
            *self._others(top),
        ]
        return answer(head, lines)

    @tool(read_only=True, open_world=False, timeout=20, memory=64)
    def find_files(
        self,
        pattern: Annotated[
            str, Field(description="Glob: *.py at any depth, or from path: src/**/{a,b}?.ts"), Recorded()
        ] = "*",
        path: Folder = ".",
        *,
        kind: Annotated[Wanted, Field(description="file: all but folders")] = "file",
        changed: Annotated[str, Field(description="2d: since; ..1w: before; 2026-11-01..3h")] = "",
        size: Annotated[str, Field(description="10k: at least; ..1M; 0..0")] = "",
        sort: Order = "name",
        hidden: bool = True,
        ignored: bool = False,
        limit: Limit = 200,
        cursor: str = "",
    ) -> str:
        """Find files by name, age or size in a folder and below, less what .gitignore excludes. grep finds contents."""
        place = self._trees.place(path)
        top = clean(place.path)
        filters = (pattern, kind, changed, size, sort, hidden, ignored)
        asked = ("find_files", place.tree.name, top, *filters)
        position = position_of(asked, cursor, (str, str) if sort == "name" else (int, str))
        glob = read_glob(pattern)
        query = Query(glob, kind, read_range(changed, read_moment), read_range(size, read_size), sort)
        with _folder(place):  # what is wrong with it is told as such
            walk = Walk(place.tree, top, glob, query.kinds, hidden=hidden, ignored=ignored, seconds=self._seconds)
            page = query.run(walk, position, limit)
        named = told(self._trees, Place(place.tree, ""))
        lines: list[str] = []
        for entry in page.entries:
            there = f"{top}/{entry.path}" if top else entry.path
            line = f"{named}{plain(there)}{mark(place.tree, there, entry.kind)}"
            lines.append(f"{facts(entry.measures, entry.kind)} {line}" if query.measures else line)
        shown_now, first = len(lines), page.before + 1
        if page.total is None or (page.position is None and not page.before):
            number = f"{shown_now:,} {'more ' if position else ''}found"
        else:
            number = f"{first:,}-{page.before + shown_now:,} of {page.total:,} found"
        stopped = (
            "" if walk.stopped is None else f"stopped after {self._seconds:g} s, before {plain(walk.stopped) or 'it'}"
        )
        head = [
            f"{told(self._trees, place)}: {number}",
            "size, changed (UTC), name" if query.measures and lines else "",
            stopped if page.position or not stopped else f"{stopped}, so not in order; search a smaller folder",
            f"{walk.unread:,} folders could not be read" if walk.unread else "",
            "" if lines or ignored or position else "ignored=true also looks at what .gitignore excludes",
            f'truncated, next cursor "{cursor_of(asked, page.position)}"' if page.position else "",
        ]
        return answer(head, lines)

    def _others(self, top: str) -> Iterator[str]:
        """At the top of a folder, what other folders there are."""
        trees = list(self._trees)
        if top or len(trees) == 1:
            return
        named = [f"{tree.name}:{'' if tree.writable else ' (read-only)'}" for tree in trees]
        yield f"all folders: {', '.join(named)}"


@contextmanager
def _folder(place: Place) -> Generator[int]:
    """Open a folder; of a file it is said that it is one."""
    with ExitStack() as opened:
        try:
            descriptor = opened.enter_context(place.tree.folder(place.path))
        except PathError:
            found = kind_of(place.tree.status(place.path).st_mode)
            if found == "a folder":
                raise
            raise PathError(f"{shown(place.path)} is {found}, not a folder; see read_file and file_info") from None
        yield descriptor


def _read(place: Place, descriptor: int, *, small: int) -> Contents:
    top_of = None if clean(place.path) else place.tree
    try:
        return contents_of(descriptor, top_of=top_of, many=(small, need_worker))
    except OSError as error:
        raise place.tree.failure(place.path, error) from None


def _number(count: int, kind: Kind) -> str:
    return f"{count:,} {COUNTED[kind]}{'' if count == 1 else 's'}"


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin."""
    listing = Listing(open_roots(host))
    return [listing.list_dir, listing.find_files]
