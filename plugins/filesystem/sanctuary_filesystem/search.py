"""Search the contents of files: one tool, around ripgrep."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from sanctuary_filesystem.cursors import cursor_of, position_of
from sanctuary_filesystem.globs import read_glob
from sanctuary_filesystem.matches import Matches, Page
from sanctuary_filesystem.ripgrep import PROGRAM
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_filesystem.scans import LARGEST, Request, Scan, Start, Survey, names_of
from sanctuary_filesystem.walking import clean
from sanctuary_host import Host, Recorded, SettingsError, ToolError, Tools, hookimpl, tool
from sanctuary_host.doors import Place, Tree, Trees, is_confined, shown

PATTERN: Final = 10_000
"""Characters of a pattern; the system takes no more than 128 KiB for one."""
MOST: Final = 50
"""Globs and types of one search."""

Mode = Literal["content", "files", "count"]
Option = Literal["literal", "ignore_case", "word", "multiline", "ignored", "binary"]
Words = tuple[str, ...]


class Search:
    """The tool, around the folders that it searches.

    Args:
        trees: the folders.
        sure: whether what the program counts is of them, although it walks by names: where the kernel sees to that.
    """

    def __init__(self, trees: Trees, sure: Callable[[], bool] = is_confined) -> None:
        self._trees, self._sure = trees, sure

    @tool(read_only=True, open_world=False, timeout=30, memory=128)  # of which rg fills half for 200,000 files
    def grep(
        self,
        pattern: Annotated[str, Field(description="Rust regex")],
        path: Annotated[str, Recorded()] = ".",
        *,
        mode: Mode = "content",
        globs: Annotated[Words, Field(description="*.py, src/**/*.ts, !tests"), Recorded()] = (),
        types: Annotated[Words, Field(description="py, ts…")] = (),
        options: Annotated[tuple[Option, ...], Field(description="ignored, binary: search those too")] = (),
        before: Annotated[int, Field(description="Lines of context", ge=0, le=50)] = 0,
        after: Annotated[int, Field(ge=0, le=50)] = 0,
        limit: Annotated[int, Field(ge=1, le=1000)] = 100,
        cursor: Annotated[str, Field(description="From the last answer")] = "",
    ) -> str:
        """Search contents of files (names: find_files), honouring .gitignore.

        Answers totals, cursor, then paths with `12: match`, `11- context` or counts.
        """
        place = self._trees.place(path)
        top = clean(place.path) or "."
        if len(globs) + len(types) > MOST:
            raise ToolError(f"more than {MOST} globs and types; write several globs in one, as *.{{ts,js}}")
        wanted = [one for one in globs if not one.startswith("!")]
        request = Request(
            tuple(_flags(pattern, options)),
            _argument(pattern, "pattern"),
            types=tuple(_argument(one, "file type") for one in types),
            wanted=tuple(map(read_glob, wanted)),
            names=tuple(names_of(wanted)),
            unwanted=tuple(_argument(one[1:], "glob") for one in globs if one.startswith("!")),
            ignored="ignored" in options,
            binary="binary" in options,
        )
        query = ("grep", place.tree.name, top, mode, pattern, globs, types, sorted({*options}))
        start = Start.at(position_of(query, cursor, (str, int)))
        scan = Scan(place.tree, top, request, counted=mode != "files")
        survey = _survey(place.tree, top, scan, start, limit + 1)
        matches = Matches(scan, survey, start, lambda one: told(self._trees, Place(place.tree, one)))
        page = matches.lines(limit, before, after) if mode == "content" else matches.files(limit, mode)
        what = "matches" if "multiline" in options else "matching lines"
        sure = not survey.folder or self._sure()
        facts = list(_facts(page, survey, what, start, counted=mode != "files", late=scan.late, sure=sure))
        if page.following is not None and (page.files or sure):
            facts.append(f'truncated, next cursor "{cursor_of(query, page.following.position)}"')
        elif not page.files and not scan.late:
            if sure:
                searched, whole = scan.searched() if survey.folder else (1, True)
                facts[0] += f" in {'' if whole else 'more than '}{searched:,} file{'s' * (searched != 1)}"
            facts += _hints(request, options)
        return "\n".join([f"[{'; '.join(facts)}]", *page.text])


def _flags(pattern: str, options: Sequence[Option]) -> Iterator[str]:
    """How a pattern is meant, as ripgrep has it."""
    if "literal" in options:
        yield "--fixed-strings"
    elif "\r" not in pattern and "\\r" not in pattern:
        yield "--crlf"  # $ stands ahead of both line ends; but the pattern may name neither then
    yield "--ignore-case" if "ignore_case" in options else "--case-sensitive"
    if "word" in options:
        yield "--word-regexp"
    if "multiline" in options:
        yield "--multiline"
        yield "--multiline-dotall"


def _argument(text: str, what: str) -> str:
    """A text that a program can be given."""
    if not 0 < len(text) <= PATTERN:
        raise ToolError(f"the {what} has {len(text):,} characters; give 1 to {PATTERN:,}")
    if "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
        raise ToolError(f"the {what} holds a character that no text has; leave it out")
    return text


def _survey(tree: Tree, path: str, scan: Scan, start: Start, room: int) -> Survey:
    """Count matches in a folder, or in one file."""
    if stat.S_ISDIR(tree.status(path).st_mode):
        return scan.survey(start, room)
    with tree.file(path) as descriptor:
        size = os.fstat(descriptor).st_size
    if size > LARGEST << 20:
        raise ToolError(
            f"{shown(path)} has {size >> 20:,} MiB, and no file of more than {LARGEST} is searched; read it in parts"
        )
    found = Survey(folder=False)
    for _, found.lines in scan.counts([b""]):
        found.files = 1
        found.entries = [(b"", found.lines)]
    return found


def _facts(
    page: Page, survey: Survey, what: str, start: Start, *, counted: bool, late: bool, sure: bool
) -> Iterator[str]:
    """What the first line says of a page and of the whole."""
    shown = f"{page.files:,} file{'s' * (page.files != 1)}"
    lines = f"{page.lines:,} matching line{'s' * (page.lines != 1)} in " if counted else ""
    if not survey.complete:
        yield f"truncated: stopped before all was searched; {lines}{shown}; narrow it with path, globs or types"
    elif late and not page.files and sure:
        yield f"truncated: {survey.files:,} files match, and none could be shown in time; narrow it with path or globs"
        return
    elif not page.files:
        yield "no match" if start == Start() else "no more matches"
    elif start == Start() and page.following is None:
        yield f"{lines}{shown}" if counted else f"{shown} with matches"
    elif not sure:
        yield f"{lines}{shown} shown; of how many is told only where the kernel confines this server"
    elif page.changed:
        yield f"{lines}{shown} shown; totals are unknown, as files changed meanwhile"
    else:
        total = f"{survey.lines:,} {what} in " if counted else ""
        yield f"{lines}{shown} shown, of {total}{survey.files:,}"
    if late and survey.complete:
        yield "truncated, as time was short"
    if survey.unread and sure:
        yield "some files could not be read"


def _hints(request: Request, options: Sequence[Option]) -> Iterator[str]:
    """What may have kept a search from finding anything."""
    if "ignore_case" not in options:
        yield "case matters without the option ignore_case"
    if request.wanted or request.unwanted or request.types:
        yield "only what globs and types let through"
    if left := [name for name in ("ignored", "binary") if name not in options]:
        yield f"no {' or '.join(left)} files without the option"
    yield f"none of more than {LARGEST} MiB"


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin, if the program is there."""
    if not Path(PROGRAM).is_file():
        raise SettingsError("the search program is not installed; pip install 'sanctuary-host[filesystem]'")
    return [Search(open_roots(host)).grep]
