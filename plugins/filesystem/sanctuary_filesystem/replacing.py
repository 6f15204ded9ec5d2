"""Apply edits to a file's bytes, one after another, all or none; every other byte stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from sanctuary_filesystem.bounds import Lines
from sanctuary_filesystem.forms import Form
from sanctuary_filesystem.matching import Put, Sought, Span
from sanctuary_filesystem.missing import explain
from sanctuary_host import ToolError, need_worker

SMALL: Final = 1 << 19
"""Bytes that may be put together where others wait."""
LONGEST: Final = 32 << 20
"""Bytes of a file that is edited, before and after."""
MOST: Final = 100_000
"""Places that one edit may change."""
EDITS: Final = 100
"""Edits at once."""
NAMED: Final = 10
"""Lines that an error names."""


@dataclass(frozen=True, slots=True)
class Edit:
    """old: without line numbers. count: how often it must be there; all are replaced."""

    old: str
    new: str
    replace_all: bool = False
    count: int = 1


class Change(NamedTuple):
    """What differs between the contents before and after.

    Attributes:
        before: which bytes went.
        after: which bytes came in their place.
    """

    before: Span
    after: Span


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file's contents after edits.

    Attributes:
        content: the bytes.
        replacements: how many.
        changes: what differs, in order.
    """

    content: bytes
    replacements: int
    changes: list[Change]


class _Piece(NamedTuple):
    """A run of the present contents: from `origin` on as in the file, or, below 0, new."""

    length: int
    origin: int


def replaced(content: bytes, form: Form, edits: Sequence[Edit]) -> Replaced:
    """Apply edits.

    Args:
        content: of the file.
        form: how it is text.
        edits: in order; each sees what those before it have left.

    Raises:
        ToolError: the text of an edit is not there, or not as often as it must be, or the result would be too long.
    """
    text, now = content, form
    pieces = [_Piece(len(content), 0)] if content else []
    replacements = 0
    if not 0 < len(edits) <= EDITS:
        raise ToolError(f"there are {len(edits):,} edits; give from 1 to {EDITS}")
    for number, edit in enumerate(edits, start=1):
        what = "old" if len(edits) == 1 else f"old of edit {number}"
        if not edit.old:
            raise ToolError(f"{what} is empty; to put text somewhere, replace a line there by itself and the text")
        if edit.count < 1:
            raise ToolError(f"{what.replace('old', 'count', 1)} must be 1 or more")
        spans = _spans(text, now, edit, what)
        put = Put.of(edit.new, now, what.replace("old", "new", 1), literal="\r" in edit.old)
        longest = len(text) + len(spans) * put.longest - sum(span.end - span.start for span in spans)
        if longest > SMALL:
            need_worker()
        if longest > LONGEST:
            raise ToolError(f"the file would have more than {LONGEST >> 20} MiB; nothing was changed")
        news = [put.at(text, span) for span in spans]
        pieces = _spliced(pieces, [(span, len(new)) for span, new in zip(spans, news, strict=True)])
        text = _joined(text, spans, news)
        replacements += len(spans)
        if "\r" in edit.new or now.newline == "none":
            now = replace(now, newline="mixed")
    return Replaced(text, replacements, _changes(pieces, len(content)))


def _spans(text: bytes, form: Form, edit: Edit, what: str) -> list[Span]:
    """The places to change.

    Raises:
        ToolError: they are not as many as they must be.
    """
    sought = Sought.of(edit.old, form, what)
    spans: list[Span] = []
    for span in sought.all(text):
        if len(spans) == MOST:
            raise ToolError(f"{what} is there more than {MOST:,} times; nothing was changed")
        spans.append(span)
    if not spans:
        need_worker()  # to look for what is nearest takes longer than all else
        raise ToolError(explain(text, form, edit.old, edit.new, what))
    if edit.replace_all:
        return spans
    if edit.count == len(spans) == 1 and (again := sought.first(text, spans[0].start + 1)) is not None:
        spans.append(again)  # it overlaps with the first one
    if len(spans) != edit.count:
        lines = Lines(text, form)
        numbers = [str(lines.number_of(span.start)) for span in spans[:NAMED]]
        more = f" and {len(spans) - NAMED:,} more" if len(spans) > NAMED else ""
        remedy = "add lines around it so that only one fits" if edit.count == 1 else "give the right count"
        raise ToolError(
            f"{what} is there {len(spans):,} times, not {'once' if edit.count == 1 else f'{edit.count:,} times'}: at "
            f"{'line' if len(spans) == 1 else 'lines'} {', '.join(numbers)}{more}; {remedy}, or set replace_all; "
            "nothing was changed"
        )
    return spans


def _joined(text: bytes, spans: Sequence[Span], news: Sequence[bytes]) -> bytes:
    view = memoryview(text)
    parts: list[memoryview | bytes] = []
    at = 0
    for span, new in zip(spans, news, strict=True):
        parts += [view[at : span.start], new]
        at = span.end
    return b"".join([*parts, view[at:]])


def _spliced(pieces: Sequence[_Piece], cuts: Sequence[tuple[Span, int]]) -> list[_Piece]:
    """The runs of the contents after some of their bytes were replaced by so many new ones."""
    result: list[_Piece] = []
    rest = list(reversed(pieces))
    at = 0
    for span, length in cuts:
        while at < span.end:
            piece = rest.pop()
            kept = min(max(span.start - at, 0), piece.length)
            if kept:
                result.append(_Piece(kept, piece.origin))
            gone = min(piece.length, span.end - at)
            if gone < piece.length:
                rest.append(_Piece(piece.length - gone, piece.origin + gone if piece.origin >= 0 else -1))
            at += gone
        if length:
            result.append(_Piece(length, -1))
    return [*result, *reversed(rest)]


def _changes(pieces: Sequence[_Piece], length: int) -> list[Change]:
    changes: list[Change] = []
    before = after = 0
    came = 0
    for piece in [*pieces, _Piece(0, length)]:
        if piece.origin < 0:
            came += piece.length
            continue
        if came or piece.origin > before:
            changes.append(Change(Span(before, piece.origin), Span(after, after + came)))
        after += came + piece.length
        before, came = piece.origin + piece.length, 0
    return changes
