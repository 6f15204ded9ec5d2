"""Rewrite all files in which a pattern matches, or show what would be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sanctuary_filesystem.forms import form_of
from sanctuary_filesystem.matching import Span
from sanctuary_filesystem.replacing import Change
from sanctuary_filesystem.source import patterns
from sanctuary_filesystem.source.survey import Source, Survey
from sanctuary_filesystem.unified import diff_of
from sanctuary_host import ToolError
from sanctuary_host.doors import Changes

FILES: Final = 500
"""Files that one call changes at most."""
LINES: Final = 400
"""Lines of all diffs that are shown."""


class Rewriting:
    """One call.

    Args:
        survey: the files.
        changes: where they are changed; `None` for a dry run.
        told: how an answer names a path.

    Attributes:
        lines: the diffs.
    """

    def __init__(self, survey: Survey, changes: Changes | None, told: Callable[[str], str]) -> None:
        self._survey, self._changes, self._told = survey, changes, told
        self._files = self._count = self._nested = self._hidden = 0
        self._broken: list[str] = []
        self.lines: list[str] = []

    def run(self, pattern: str, replacement: str) -> None:
        """Go through all files.

        Raises:
            ToolError: there is not enough time, there are too many files, or the result would have syntax errors; then
                nothing is changed.
        """
        request = {"action": "rewrite", "query": pattern, "replacement": replacement}
        for source in self._survey.sources(patterns.words_of(pattern)):
            found = self._survey.work(source, request)
            if found is None or not found["edits"]:
                continue
            if self._files == FILES:
                raise ToolError(f"more than {FILES} files would change; narrow path or glob. Nothing was changed")
            self._files += 1
            self._count += len(found["edits"])
            self._nested += found["nested"]
            if found["broken"] > 0:
                self._broken.append(self._told(source.path))
            self._change(source, found["edits"])
        if self._survey.position is not None:
            raise ToolError("there was not enough time for all files; narrow path or glob. Nothing was changed")
        if self._broken and self._changes is not None:
            raise ToolError(
                f"the result would have more syntax errors in {', '.join(self._broken[:5])}; see the dry run. "
                "Nothing was changed"
            )

    def head(self) -> list[str]:
        """The facts."""
        if not self._count:
            return [
                "the pattern matches nothing, or nothing would differ; nothing was changed",
                *self._survey.tally.facts(),
            ]
        done = "dry run, nothing was changed; dry_run=false does it" if self._changes is None else "written"
        places = f"{self._count:,} {'replacement' if self._count == 1 else 'replacements'}"
        return [
            f"{places} in {self._files:,} {'file' if self._files == 1 else 'files'}; {done}",
            f"more syntax errors than before in {', '.join(self._broken[:5])}" if self._broken else "",
            f"{self._nested:,} matches within others are left; run it again for them" if self._nested else "",
            *self._survey.tally.facts(),
            f"diffs of {self._hidden:,} more files are not shown" if self._hidden else "",
        ]

    def _change(self, source: Source, edits: list[list[Any]]) -> None:
        old = source.content
        if self._changes is not None:
            held = self._changes.read(source.path)
            if held.content != old:
                raise ToolError(f"{self._told(source.path)} was changed meanwhile; nothing was changed. Try again")
            new, spans = _edited(old, edits)
            self._changes.write(source.path, new, over=held)
        else:
            new, spans = _edited(old, edits)
        if len(self.lines) >= LINES:
            self._hidden += 1
            return
        form = form_of(old)
        assert form is not None  # it was parsed
        self.lines += [f"--- {self._told(source.path)}", *diff_of(old, new, spans, form).split("\n")]


def _edited(old: bytes, edits: list[list[Any]]) -> tuple[bytes, list[Change]]:
    """Contents after edits, whose places are counted in bytes."""
    form = form_of(old)
    assert form is not None  # it was parsed
    pieces: list[bytes] = []
    spans: list[Change] = []
    last = length = 0
    for start, end, said in edits:
        new = said.encode(form.encoding)
        pieces += [old[last:start], new]
        length += start - last
        spans.append(Change(Span(start, end), Span(length, length + len(new))))
        length += len(new)
        last = end
    return b"".join([*pieces, old[last:]]), spans
