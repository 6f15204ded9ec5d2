"""Regular expressions in linear time, by RE2, with what it lacks said in words."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import re2

from sanctuary_host import ToolError

__all__ = ["Expression", "Match", "Matches", "compiled", "matches"]

WORK: Final = 150_000_000
"""The pattern's size times the text's length up to which a search is begun: about two seconds at the very worst."""
SECONDS: Final = 0.5
"""Time after which no further match is looked for."""
COUNTED: Final = 10_000
SHOWN: Final = 1_000
"""Characters of a match that are shown."""
TOTAL: Final = 200_000
"""Characters of all matches that are shown."""
LACKING: Final = (
    (re.compile(r"\(\?<?[=!]"), "it has no look-ahead and look-behind; match the context too and take a group"),
    (re.compile(r"\\[1-9]|\(\?P=|\\k[<{']"), "it has no back-references; match both places in groups and compare them"),
    (re.compile(r"\(\?>|[*+?}]\+"), "it has no atomic groups and possessive repeats; plain ones are as fast here"),
    (re.compile(r"\(\?\(|\(\?[R0-9&]"), "it has no conditions and no recursion"),
    (re.compile(r"\\Z"), r"the end of the text is \z here"),
)


class Expression(Protocol):
    """What is used of a compiled regular expression."""

    @property
    def programsize(self) -> int:
        """Steps of its program."""
        ...

    @property
    def groupindex(self) -> dict[str, int]:
        """Numbers of the named groups."""
        ...

    def finditer(self, text: str) -> Iterator[Match]:
        """Each match."""
        ...

    def search(self, text: str) -> Match | None:
        """The first match."""
        ...

    def fullmatch(self, text: str) -> Match | None:
        """The match of the whole text."""
        ...


class Match(Protocol):
    """What is used of a match."""

    def span(self, group: int = ...) -> tuple[int, int]:
        """Where a group matched."""
        ...

    def group(self, group: int = ...) -> str | None:
        """What a group matched."""
        ...

    def groups(self) -> tuple[str | None, ...]:
        """What every group matched."""
        ...


@dataclass(frozen=True, slots=True)
class Matches:
    """Matches with their places, how many were counted, and whether there may be more."""

    shown: list[dict[str, str | int | list[str | None] | dict[str, str | None] | None]]
    counted: int
    more: bool


def compiled(pattern: str) -> Expression:
    """A regular expression of RE2.

    Raises:
        ToolError: it is none; the message says what RE2 lacks and what to do instead.
    """
    options = re2.Options()
    options.log_errors = False
    # The stubs type the library as functions over str and bytes at once.
    library: Any = re2
    try:
        expression: Expression = library.compile(pattern, options)
    except re2.error as error:
        raise ToolError(f"the pattern is not a regular expression of RE2: {_reason(error, pattern)}") from None
    # The library keeps 128 of them with their memory; this process may live long.
    library.purge()
    return expression


def matches(pattern: str, text: str, limit: int) -> Matches:
    """The matches of a pattern, at most `limit` of them shown and 10,000 counted.

    Raises:
        ToolError: the pattern is none, or too large for a text of this length.
    """
    expression = compiled(pattern)
    if expression.programsize * len(text) > WORK:
        most = WORK // expression.programsize
        raise ToolError(
            f"the pattern is too large for so long a text; simplify it, or give {most:,} characters at most"
        )
    names = expression.groupindex
    result = Matches([], 0, more=False)
    counted = characters = 0
    started = time.process_time()
    before = (-1, -1)
    for found in expression.finditer(text):
        if found.span() == before:
            # The library gives an empty match at the very end twice where the search skipped to it.
            continue
        before = found.span()
        counted += 1
        if len(result.shown) < limit and characters < TOTAL:
            start, end = before
            groups = [_cut(group) for group in found.groups()]
            characters += end - start + sum(len(group or "") for group in groups)
            shown: dict[str, str | int | list[str | None] | dict[str, str | None] | None]
            shown = {"start": start, "end": end, "match": _cut(found.group())}
            if groups:
                shown["groups"] = groups
            if names:
                shown["named"] = {name: groups[index - 1] for name, index in names.items()}
            result.shown.append(shown)
        if counted >= COUNTED or time.process_time() - started > SECONDS:
            return Matches(result.shown, counted, more=True)
    return Matches(result.shown, counted, more=counted > len(result.shown))


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _reason(error: Exception, pattern: str) -> str:
    for form, remedy in LACKING:
        if form.search(pattern):
            return remedy
    said = error.args[0] if error.args else ""
    said = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    if "too large" in said or "repetition size" in said:
        return "it repeats too much; a repeat may go to 1,000, nested ones to 1,000 in all"
    return said.partition(":")[0] or "syntax error"
