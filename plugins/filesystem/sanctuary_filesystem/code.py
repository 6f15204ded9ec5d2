"""Look at code by its syntax, and rewrite it: two tools for some thirty languages, with all grammars on board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from sanctuary_filesystem.cursors import Position, cursor_of, position_of
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_filesystem.source import answers, patterns
from sanctuary_filesystem.source.analysis import work
from sanctuary_filesystem.source.apart import apart
from sanctuary_filesystem.source.languages import named
from sanctuary_filesystem.source.rewriting import Rewriting
from sanctuary_filesystem.source.survey import SECONDS, Source, Survey
from sanctuary_filesystem.visible import visible
from sanctuary_host import Host, Recorded, ToolError, Tools, hookimpl, tool
from sanctuary_host.doors import Place, Trees, changing

Action = Literal["outline", "symbols", "references", "search", "check", "metrics", "languages"]
LONGEST: Final = 60_000
"""Characters of one answer, which ends early rather than hold more."""
NOUNS: Final = {
    "outline": "definitions", "symbols": "definitions", "references": "uses", "search": "matches", "check": "errors",
    "metrics": "",
}  # fmt: skip
GUESSED: Final = (
    "macros and the newest syntax may be unknown to a grammar; only Python, JSON and TOML are checked exactly"
)
"""Of errors that a grammar found."""
SUMMED: Final = ("lines", "code", "comment", "blank", "functions", "complexity")

QUERY: Final = 4000
"""Characters of a pattern, a name or a glob."""
REWRITE: Final = 20_000
"""Characters of what replaces a match."""

Path = Annotated[str, Field(description="File or folder"), Recorded()]


class Code:
    """The tools, around the folders.

    Args:
        trees: the folders.
        seconds: how long a call may take before it stops early.
    """

    def __init__(self, trees: Trees, seconds: float = SECONDS) -> None:
        self._trees, self._seconds = trees, seconds

    @tool(read_only=True, open_world=False, timeout=30, memory=64, concurrency=2)
    def code(
        self,
        action: Action,
        path: Path = ".",
        *,
        name: Annotated[str, Field(description="symbols: * for any text")] = "",
        pattern: str = "",
        language: Annotated[str, Field(description="By default as files tell")] = "",
        glob: str = "",
        limit: Annotated[int, Field(ge=1, le=1000)] = 100,
        cursor: Annotated[str, Field(description="From the last answer")] = "",
    ) -> str:
        """Look at code by syntax, where grep sees text.

        outline: definitions with line ranges and signatures; symbols: where a name is defined; references: its uses,
        not in comments or strings; search: a pattern of code, $A any node, $$$A any number: foo($A, $$$B); check:
        syntax errors; metrics: lines, complexity.
        """
        if action == "languages":
            return _answer([f"{len(answers.languages())} languages"], answers.languages())
        _bound(name=name, pattern=pattern, glob=glob, cursor=cursor)
        query = _query(action, name, pattern)
        place = self._trees.place(path)
        asked = [action, told(self._trees, place), query, language, glob]
        position = position_of(asked, cursor, (str, str, int))
        with apart(work) as process:
            survey = Survey(
                *(place, named(language) if language else None, glob, process),
                seconds=self._seconds,
                data=action in {"search", "check", "metrics"},
                grammar=action not in {"check", "metrics"},
            )
            page = _Page(limit, survey.is_file, position)
            for source in survey.sources(_words(action, query), position):
                asked_of_file = {"action": action, "query": query, "alone": survey.is_file, **page.wanted(source)}
                found = survey.work(source, asked_of_file)
                if found is None:
                    continue
                if page.position is None:
                    page.add(source, self._heading(place, source, found), found["items"], found["total"])
                page.guessed |= found.get("guessed", False)
                if "measures" in found and not cursor:
                    page.sum(found["measures"])  # of all files, whichever are shown
                elif page.position is not None:
                    break
        return self._told(action, place, page, survey, asked)

    @tool(open_world=False, timeout=30, memory=64, concurrency=1)
    def rewrite_code(
        self,
        path: Path,
        pattern: str,
        rewrite: str,
        *,
        language: str = "",
        glob: str = "",
        dry_run: bool = True,
    ) -> str:
        """Replace the matches of a pattern (see code) by a text that may hold its variables, in all files or none.

        Gives a diff, as dry_run does.
        """
        _bound(pattern=pattern, glob=glob)
        if len(rewrite) > REWRITE:
            raise ToolError(f"rewrite has {len(rewrite):,} characters, more than {REWRITE:,}")
        if not pattern.strip():
            raise ToolError("the pattern is empty; write one such as foo($A)")
        try:
            patterns.check(pattern, rewrite)
        except patterns.UnboundError as error:
            raise ToolError(f"the rewrite has ${error}, which the pattern does not capture") from None
        place = self._trees.place(path)
        with ExitStack() as opened:
            changes = None if dry_run else opened.enter_context(changing(place.tree))
            process = opened.enter_context(apart(work))
            survey = Survey(
                *(place, named(language) if language else None, glob, process), seconds=self._seconds, data=True
            )
            rewriting = Rewriting(survey, changes, lambda found: told(self._trees, Place(place.tree, found)))
            rewriting.run(pattern, rewrite)
        return _answer(rewriting.head(), rewriting.lines)

    def _heading(self, place: Place, source: Source, found: dict[str, Any]) -> str:
        lines = f", {found['lines']:,} lines" if "lines" in found else ""
        what = f"{source.language.title}{lines}"
        return what if not source.name else f"{told(self._trees, Place(place.tree, source.path))} ({what})"

    def _told(self, action: str, place: Place, page: _Page, survey: Survey, asked: Sequence[object]) -> str:
        position = page.position or survey.position
        noun = NOUNS[action]
        count = f"{page.count:,}" if page.count else "no"
        number = f"{page.before + 1:,}-{page.before + page.count:,} of {page.total:,}" if page.part else count
        head = [
            f"{action} of {told(self._trees, place)}: {number} {noun}"
            if noun
            else f"{action} of {told(self._trees, place)}"
        ]
        if survey.is_file:
            head[0] += f" in {page.heading}"
        else:
            head[0] += f"{' in' if noun else ':'} {page.files:,} of {survey.tally.files:,} files"
        if page.summed["lines"] and not survey.is_file:
            head.append(f"sum of {survey.tally.files:,} files: {answers.counts(page.summed)}")
        if page.guessed:
            head.append(GUESSED)
        head += survey.tally.facts()
        if not page.count and action == "search":
            head.append("a pattern must be whole code by itself, such as an expression, a statement or a definition")
        if position is not None:
            why = "" if page.position else f" after {self._seconds:g} s"
            head.append(f'truncated{why}, next cursor "{cursor_of(asked, position)}"')
        return _answer(head, page.lines)


class _Page:
    """The items of one answer, by file.

    Args:
        limit: items that it has at most.
        alone: whether they are of one file, whose total is told.
        begin: where it begins, as in `Survey.sources`.
    """

    def __init__(self, limit: int, alone: bool, begin: Position) -> None:  # noqa: FBT001  # private, with one caller
        self._limit, self._alone, self._begin, self._length = limit, alone, begin, 0
        self.lines: list[str] = []
        self.count = self.files = self.before = self.total = 0
        self.part = self.guessed = False
        self.heading = ""
        self.position: Position | None = None
        self._last: Position = begin or ("", "", 0)
        self.summed: dict[str, int] = {**dict.fromkeys(SUMMED, 0), "depth": 0}

    def wanted(self, source: Source) -> dict[str, int]:
        """Which items of a file are still to be told."""
        resumed = bool(self._begin) and (source.folder, source.name) == tuple(self._begin[:2])
        return {"skip": int(self._begin[2]) if resumed else 0, "limit": self._limit - self.count}

    def add(self, source: Source, heading: str, items: Sequence[str], total: int) -> None:
        """Take the items of a file, of which those that were told already are left out."""
        before = self.wanted(source)["skip"]
        taken = 0
        for item in items:
            if self._length > LONGEST:
                break
            shown = visible(item).split("\n")
            if not taken and not self._alone:
                self.lines.append(heading)
                self.files += 1
            self.lines += shown if self._alone else [f"  {line}" for line in shown]
            self._length += len(item)
            taken += 1
        self.count += taken
        if before + taken >= total:
            self._last = (source.folder, source.name, 0)
        elif taken or before or self._alone:
            self.position = (source.folder, source.name, before + taken)
        else:
            self.position = self._last
        if self._alone:
            self.heading = heading
            self.part, self.before, self.total = bool(before or self.position), before, total

    def sum(self, measures: Mapping[str, int]) -> None:
        """Add the measures of a file."""
        for name in SUMMED:
            self.summed[name] += measures[name]
        self.summed["depth"] = max(self.summed["depth"], measures["depth"])


def _answer(head: Sequence[str], lines: Sequence[str]) -> str:
    """The facts in brackets, and the lines."""
    return "\n".join([f"[{'; '.join(part for part in head if part)}]", *lines])


def _bound(**texts: str) -> None:
    for name, text in texts.items():
        if len(text) > QUERY:
            raise ToolError(f"{name} has {len(text):,} characters, more than {QUERY:,}")


def _query(action: str, name: str, pattern: str) -> str:
    """What is looked for.

    Raises:
        ToolError: there is no such thing among the arguments.
    """
    if action == "search":
        if not pattern.strip():
            raise ToolError("search needs a pattern, such as foo($A)")
        return pattern.strip()
    if action not in {"symbols", "references"}:
        return ""
    if not (name := name.strip().removesuffix("()")):
        raise ToolError(f"{action} needs a name")
    return answers.last_of(name) if action == "references" else name


def _words(action: str, query: str) -> list[str]:
    """What must stand in a file that can hold what is looked for."""
    if action == "search":
        return patterns.words_of(query)
    if action == "references":
        return [query]
    return [answers.literal_of(query)] if action == "symbols" else []


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin; where nothing may be written, the first one."""
    trees = open_roots(host)
    code = Code(trees)
    return [code.code, *([code.rewrite_code] if any(tree.writable for tree in trees) else [])]
