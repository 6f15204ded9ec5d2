"""A unified diff of what an edit changed, bounded in length, and made without looking at what it did not change."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sanctuary_filesystem.bounds import Bytes, Lines
from sanctuary_filesystem.forms import Form
from sanctuary_filesystem.matching import Span
from sanctuary_filesystem.replacing import Change
from sanctuary_filesystem.visible import visible_line

CONTEXT: Final = 3
"""Lines around a change."""
LINES: Final = 80
"""Lines of a diff; what is changed beyond them is counted."""
LONG: Final = 300
"""Characters of a line."""
WIDE: Final = 1 << 16
"""Bytes of a hunk beyond which parts of it are shown, and no lines."""
COMPARED: Final = 40_000
"""Pairs of lines that are compared to tell which ones of a change are the same."""


@dataclass(slots=True)
class _Hunk:
    before: Span
    after: Span
    changes: list[Change]


def diff_of(before: Bytes, after: Bytes, changes: Sequence[Change], form: Form) -> str:
    """What was changed, as a unified diff of lines.

    Args:
        before: the contents.
        after: the contents now.
        changes: what differs, in order.
        form: how they are text.
    """
    shown: list[str] = []
    old, new = Lines(before, form), Lines(after, form)
    rest = iter(changes)
    for hunk in _hunks(old, new, (part for change in rest for part in _parts(old, new, change))):
        if len(shown) >= LINES:
            left = sum(1 for _ in rest) + 1
            shown.append(f"… {left:,} more changed {'place' if left == 1 else 'places'}")
            break
        lines = list(_told(hunk, old, new, form))
        room = LINES - len(shown)
        shown += lines[:room]
        if len(lines) > room:
            shown.append(f"… {len(lines) - room:,} more lines of this hunk")
    return "\n".join(shown)


def legible(text: str) -> str:
    """A line as it can be shown: what cannot be seen has signs, and what is too long is cut."""
    return visible_line(text if len(text) <= LONG else f"{text[: LONG - 1]}…")


def decoded(content: Bytes, form: Form) -> str:
    """Bytes of a file as they can be shown; what is no text is replaced."""
    return bytes(content).decode(form.encoding, "replace")


def _parts(old: Lines, new: Lines, change: Change) -> Iterator[Change]:
    """What differs within a change: callers name whole blocks, of which a line is another."""
    if max(change.before.end - change.before.start, change.after.end - change.after.start) > WIDE:
        yield change
        return
    whole = _whole(old, new, change)
    went, came = _lines(old, whole.before), _lines(new, whole.after)
    head = _alike(went, came)
    tail = _alike(went[head:][::-1], came[head:][::-1])
    middle = went[head : len(went) - tail], came[head : len(came) - tail]
    codes: Sequence[tuple[str, int, int, int, int]]
    if len(middle[0]) * len(middle[1]) > COMPARED:
        codes = [("replace", 0, len(middle[0]), 0, len(middle[1]))]
    else:
        codes = difflib.SequenceMatcher(None, *middle, autojunk=False).get_opcodes()
    at, to = (sum(map(len, lines[:head])) for lines in (went, came))
    at, to = at + whole.before.start, to + whole.after.start
    for tag, i1, i2, j1, j2 in codes:
        sizes = sum(map(len, middle[0][i1:i2])), sum(map(len, middle[1][j1:j2]))
        if tag != "equal":
            yield Change(Span(at, at + sizes[0]), Span(to, to + sizes[1]))
        at, to = at + sizes[0], to + sizes[1]


def _alike(some: Sequence[bytes], others: Sequence[bytes]) -> int:
    """How many of them are the same at the beginning."""
    pairs = zip(some, others, strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), min(len(some), len(others)))


def _hunks(old: Lines, new: Lines, changes: Iterable[Change]) -> Iterator[_Hunk]:
    """Changes in whole lines; those that share a line, or whose contexts touch, are one hunk."""
    held: _Hunk | None = None
    for change in changes:
        hunk = _whole(old, new, change)
        # A hunk with more changes than are shown grows no more; or one of a hundred thousand would be made for nothing.
        full = held is not None and len(held.changes) > LINES and hunk.before.start >= held.before.end
        if held is not None and not full and hunk.before.start <= _forth(old, held.before.end, 2 * CONTEXT):
            # What is between is the same in both; so the two ends belong together.
            held.before = Span(held.before.start, max(held.before.end, hunk.before.end))
            held.after = Span(held.after.start, max(held.after.end, hunk.after.end))
            held.changes.append(change)
            continue
        if held is not None:
            yield held
        held = hunk
    if held is not None:
        yield held


def _whole(old: Lines, new: Lines, change: Change) -> _Hunk:
    back = change.before.start - old.start_of(change.before.start)
    start, to_start = change.before.start - back, change.after.start - back
    ended = _is_start(old, change.before.end) and _is_start(new, change.after.end)
    forth = 0 if ended else old.end_of(change.before.end) - change.before.end
    return _Hunk(Span(start, change.before.end + forth), Span(to_start, change.after.end + forth), [change])


def _is_start(lines: Lines, place: int) -> bool:
    return lines.start_of(place) == place


def _told(hunk: _Hunk, old: Lines, new: Lines, form: Form) -> Iterator[str]:
    first = old.number_of(hunk.before.start), new.number_of(hunk.after.start)
    if max(hunk.before.end - hunk.before.start, hunk.after.end - hunk.after.start) > WIDE:
        yield f"@@ -{first[0]} +{first[1]} @@ parts of long lines"
        for change in hunk.changes[:CONTEXT]:
            yield f"-{_part(old.content, change.before, form)}"
            yield f"+{_part(new.content, change.after, form)}"
        if len(hunk.changes) > CONTEXT:
            yield f"… {len(hunk.changes) - CONTEXT:,} more changes in these lines"
        return
    top, bottom = _back(old, hunk.before.start, CONTEXT), _forth(old, hunk.before.end, CONTEXT)
    lead = _lines(old, Span(top, hunk.before.start))
    trail = _lines(old, Span(hunk.before.end, bottom))
    went, came = _lines(old, hunk.before), _lines(new, hunk.after)
    counts = [len(lead) + len(trail) + len(lines) for lines in (went, came)]
    ranges = [_range(number - len(lead), count) for number, count in zip(first, counts, strict=True)]
    yield f"@@ -{ranges[0]} +{ranges[1]} @@"
    yield from (f" {_line(line, form)}" for line in lead)
    yield from _compared(went, came, with_ends=len(_ends([*lead, *went, *came, *trail], form)) > 1, form=form)
    yield from (f" {_line(line, form)}" for line in trail)


def _compared(went: Sequence[bytes], came: Sequence[bytes], *, with_ends: bool, form: Form) -> Iterator[str]:
    def marked(sign: str, lines: Sequence[bytes]) -> Iterator[str]:
        for line in lines:
            yield f"{sign}{_line(line, form, with_end=with_ends)}"

    if len(went) * len(came) > COMPARED:
        yield from (*marked("-", went), *marked("+", came))
        return
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, went, came, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from marked(" ", went[i1:i2])
        else:
            yield from (*marked("-", went[i1:i2]), *marked("+", came[j1:j2]))


def _line(line: bytes, form: Form, *, with_end: bool = False) -> str:
    text = decoded(line, form)
    bare = (text if form.newline == "CR" else text.removesuffix("\n")).removesuffix("\r")
    end = text[len(bare) :]
    return legible(bare) + ((legible(end) or "\\ no line end") if with_end else "")


def _ends(lines: Sequence[bytes], form: Form) -> set[str]:
    texts = [decoded(line, form)[-2:] for line in lines]
    return {"\r\n" if text == "\r\n" else text[-1:] if text[-1:] in {"\n", "\r"} else "" for text in texts}


def _part(content: Bytes, span: Span, form: Form) -> str:
    """What a change is in, where its lines are too long."""
    width = 2 if form.encoding.startswith("utf-16") else 1
    start, end = max(span.start - 40 * width, len(form.mark)), min(span.end, span.start + 120 * width) + 40 * width
    return f"…{legible(decoded(content[start:end], form))}…"


def _lines(lines: Lines, span: Span) -> list[bytes]:
    found: list[bytes] = []
    at = span.start
    while at < span.end:
        end = min(lines.end_of(at), span.end)
        found.append(bytes(lines.content[at:end]))
        at = end
    return found


def _back(lines: Lines, place: int, count: int) -> int:
    """The start of so many lines before a line, if they are no long ones."""
    for _ in range(count):
        if place <= len(lines.form.mark):
            break
        before = lines.start_of(place - len(lines.end))
        if place - before > WIDE:
            break
        place = before
    return place


def _forth(lines: Lines, place: int, count: int) -> int:
    """The end of so many lines behind a line, if they are no long ones."""
    for _ in range(count):
        after = lines.end_of(place)
        if after - place > WIDE:
            break
        place = after
    return place


def _range(first: int, count: int) -> str:
    return f"{first if count else first - 1},{count}"
