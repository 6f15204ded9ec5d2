"""Read text files: windows of lines, from the start or the end, of one file or several."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from sanctuary_filesystem.bookmarks import DIGEST, Bookmark, bookmark_of, word_of
from sanctuary_filesystem.looks import look_of
from sanctuary_filesystem.names import plain
from sanctuary_filesystem.pages import Page
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_filesystem.texts import SMALL, BinaryError, OpenText
from sanctuary_host import Host, Recorded, ToolError, Tools, hookimpl, need_worker, tool
from sanctuary_host.doors import Trees

LINES: Final = 2_000
"""Lines of a page where nobody says how many."""
TOKEN: Final = 3
"""Bytes that are taken for a token: English has about four, code three, Chinese one character of three."""
LEAST: Final = 200
"""Bytes below which there is no room for another file."""
NO_ROOM: Final = "there is no room left; read it in another call"
FILES: Final = 50
TRIES: Final = 10
"""Times that several files are read until nobody changes several meanwhile."""
PATIENCE: Final = 8.0
"""Seconds in which lines are looked for and counted."""
PLAIN: Final = re.compile(r"[^;\[\]\"]*")
"""Names that cannot be taken for another fact of the line that they stand in."""


@dataclass(frozen=True, slots=True)
class Window:
    """What of a file is asked for."""

    start: int
    count: int
    cursor: str
    numbers: bool


class Reading:
    """The tool, around the folders."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees

    @tool(read_only=True, open_world=False, timeout=30, memory=64, runs="inline")
    def read_file(
        self,
        path: Annotated[str | list[str], Field(description="Several share the caps"), Recorded()],
        start: Annotated[int, Field(description="First line; -20: the last 20")] = 1,
        count: Annotated[int, Field(ge=0, description="Lines; 0: all, 2000 a page")] = 0,
        *,
        max_bytes: Annotated[int, Field(ge=1000, le=262_144)] = 65_536,
        max_tokens: Annotated[int, Field(ge=0, description="Of 3 bytes each; 0: no cap")] = 0,
        cursor: Annotated[str, Field(description="Goes on from an answer")] = "",
        numbers: bool = True,
    ) -> str:
        """Read text files of any size by lines; for search use grep, for other files read_media.

        First come facts (lines, total, size, encoding, etag, truncated, next cursor), then numbered lines; one over
        2000 characters is cut, with a cursor for its rest.
        """
        paths = [path] if isinstance(path, str) else path
        if not 0 < len(paths) <= FILES:
            raise ToolError(f"pass 1 to {FILES} paths, not {len(paths):,}")
        if cursor and (len(paths) > 1 or start != 1):
            raise ToolError("a cursor goes with the one path that it came with, and without start")
        if not start:
            raise ToolError("lines are numbered from 1, and from the end as -1, -2 …; there is no line 0")
        room = min(max_bytes, max(LEAST, max_tokens * TOKEN)) if max_tokens else max_bytes
        window = Window(start, count, cursor, numbers)
        if isinstance(path, str):
            return self._read(path, window, room)[0]
        return self._read_together(paths, window, room)

    def _read_together(self, paths: list[str], window: Window, room: int) -> str:
        """Several files as they are at one time: before a change of several files, or after it."""
        text = ""
        for _ in range(TRIES):
            before = [tree.moment() for tree in self._trees]
            text = self._read_all(paths, window, room)
            if None not in before and before == [tree.moment() for tree in self._trees]:
                return text
            need_worker()
        head, _, rest = text.partition("]")
        return f"{head}; several files were changed while they were read]{rest}"

    def _read_all(self, paths: list[str], window: Window, room: int) -> str:
        """Several files, each with an even share of the room and of what others leave of theirs."""
        parts: list[str] = []
        size = 0
        for index, path in enumerate(paths):
            text, used, whole = self._section(path, window, room // (len(paths) - index))
            parts.append(text)
            room -= used
            size += whole
            if size > SMALL:
                need_worker()
        return "\n\n".join([f"[{len(paths)} files]", *parts])

    def _section(self, path: str, window: Window, room: int) -> tuple[str, int, int]:
        """One file of several, as `_read`, or why it is not read."""
        why = NO_ROOM
        if room >= LEAST:
            try:
                return self._read(path, window, room)
            except ToolError as error:
                why = str(error)
        return f"[{_quoted(plain(path))}; not read: {why}]", 0, 0

    def _read(self, path: str, window: Window, room: int) -> tuple[str, int, int]:
        """One file: the answer, the bytes of its lines, and those of the file."""
        place = self._trees.place(path)
        name = told(self._trees, place)
        with place.tree.file(place.path) as descriptor:
            try:
                if os.fstat(descriptor).st_size > SMALL:
                    need_worker()
                lines = OpenText(descriptor, PATIENCE)
                text, used = _answer(lines, name, f"{place.tree.name}:{posixpath.normpath(place.path)}", window, room)
            except BinaryError as error:
                raise ToolError(f"{name} is no text, but {look_of(error.head)[0]}; read_media shows it") from None
            except OSError as error:
                raise place.tree.failure(place.path, error) from None
        return text, used, lines.size


def _answer(lines: OpenText, name: str, identity: str, window: Window, room: int) -> tuple[str, int]:
    def word(mark: Bookmark) -> str:
        return word_of(mark, identity, lines.state(mark.offset))

    etag = lines.etag()
    notes: list[str] = []
    if window.cursor:
        mark, has_changed = _resumed(lines, name, *bookmark_of(window.cursor, identity))
        notes += ["changed since the cursor was given"] * has_changed
    else:
        mark = _first(lines, window, notes)
    mark = _found(lines, mark, name, notes)
    page = Page(lines, room, word, numbers=window.numbers)
    after = mark.line
    following: Bookmark | None = mark
    if not mark.target:
        after = page.fill(mark, window.count or (LINES if mark.left is None else mark.left))
        following = page.following
    facts = [_quoted(name), _extent(lines, mark, after, page)]
    facts += [f"{lines.status.st_size:,} bytes", str(lines.form), f"etag {etag}"]
    if lines.status.st_nlink > 1:
        facts.append(f"links {lines.status.st_nlink}")
    if page.has_signs:
        facts.append("some characters are shown as signs such as ␀ or \\xff")
    facts += notes
    if page.cut or (following is not None and (not window.count or page.is_full)):
        facts.append("truncated")
    if following is not None:
        facts.append(f'next cursor "{word(following)}"')
    return "\n".join([f"[{'; '.join(facts)}]", *page.rows]), room - page.room


def _first(lines: OpenText, window: Window, notes: list[str]) -> Bookmark:
    """The place where a window begins, or one to look for it from."""
    lines.count()
    left = window.count or None
    if lines.size <= lines.start:
        return Bookmark(lines.start, 1)
    if window.start > 0:
        return Bookmark(lines.start, 1, left=left, target=window.start)
    if lines.total is not None:
        return Bookmark(lines.start, 1, left=left, target=max(1, lines.total + 1 + window.start))
    offset, found = lines.find_last(-window.start)
    if found:
        if found < -window.start and offset > lines.start:
            notes.append(f"only the last {found} lines begin near enough to the end")
        return Bookmark(offset, -found, left=left)
    notes.append("the last line begins too far from its end")
    offset = max(lines.start, lines.size - 4 * LINES)
    offset += lines.character(lines.read(offset, 4))
    return Bookmark(offset, -1, inside=True, left=0)


def _found(lines: OpenText, mark: Bookmark, name: str, notes: list[str]) -> Bookmark:
    """The place where the line begins that is sought, or how far it was looked for."""
    if not mark.target:
        return mark
    offset, line = lines.find(mark.offset, mark.line, mark.target)
    if line == mark.target and offset < lines.size:
        return Bookmark(offset, line, left=mark.left)
    if offset < lines.size:
        notes.append(f"line {mark.target} is not reached yet, but line {line}; the next cursor goes on from there")
        return Bookmark(offset, line, left=mark.left, target=mark.target)
    total = line - (line == mark.target) if lines.total is None else lines.total
    raise ToolError(f"{name} has {total} lines, and so no line {mark.target}; start at 1 to {total}, or at -1")


def _resumed(lines: OpenText, name: str, mark: Bookmark, state: bytes) -> tuple[Bookmark, bool]:
    """The place of a cursor, and whether the file has changed since, though not just before it."""
    now = lines.state(mark.offset)
    if now == state:
        return mark, False
    if now[DIGEST:] == state[DIGEST:] and mark.offset <= lines.size and mark.line > 0:
        return mark, True
    raise ToolError(f"{name} has been changed since this cursor was given; read it anew, with start={mark.line}")


def _extent(lines: OpenText, mark: Bookmark, after: int, page: Page) -> str:
    """Which lines are shown, and of how many."""
    total = lines.total
    shown = after - mark.line
    if total is None and page.following is None and after > 0 and (mark.left is None or shown < mark.left):
        total = after - 1
    of = "" if total is None or mark.line < 0 else f" of {total}"
    if not page.rows:
        return "no lines" if lines.size > lines.start else "empty"
    first = f"{mark.line}+" if mark.inside else f"{mark.line}"
    return f"line {first}{of}" if shown == 1 else f"lines {first} to {after - 1}{of}"


def _quoted(name: str) -> str:
    return name if PLAIN.fullmatch(name) and name == name.strip() else '"{}"'.format(name.replace('"', r"\""))


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin."""
    return [Reading(open_roots(host)).read_file]
