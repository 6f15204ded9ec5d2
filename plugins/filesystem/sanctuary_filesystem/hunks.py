"""A hunk of a diff: the lines that it expects, and those that it puts in their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sanctuary_host import ToolError

HEAD: Final = re.compile(rb"@@\s*-(\d{1,10})(?:,(\d{1,10}))?\s+\+(\d{1,10})(?:,(\d{1,10}))?\s*@@")
SIGNED: Final = re.compile(rb"--[ \t]*\r?\n\d+\.\d+[^\n]*(?:\n\s*(?:From |\Z)|\Z)")
"""How a mail of `git format-patch` ends: `-- `, and the version of git."""
SLACK: Final = 3
"""Lines by which whoever counts by hand is wrong; when more are missing at the end, the text was cut off."""
BESIDE: Final = (
    b"diff ", b"@@", b"--- ", b"+++ ", b"Index: ", b"From ", b"commit ", b"```", b"Property changes on", b"Only in ",
    b"Binary files ", b"#",
)  # fmt: skip
"""What may follow a hunk."""


class DiffError(ToolError):
    """A text is no diff that can be applied; the message is a sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place that changes.

    Attributes:
        number: the line of the patch that it begins at, from 1.
        old_start: what its header says of where it is, from 1; `None` where it says nothing.
        new_start: where it will be.
        lines: each with its mark (space, `-` or `+`) in front, and its end, which the last line of a file may lack.
        miscounted: whether its header counts other lines than it has.
    """

    number: int
    old_start: int | None
    new_start: int | None
    lines: tuple[bytes, ...]
    miscounted: bool = False

    @property
    def old(self) -> list[bytes]:
        """The lines that it expects."""
        return [line[1:] for line in self.lines if line[:1] != b"+"]

    @property
    def new(self) -> list[bytes]:
        """The lines that will be there."""
        return [line[1:] for line in self.lines if line[:1] != b"-"]

    @property
    def added(self) -> int:
        """How many lines it adds."""
        return sum(line[:1] == b"+" for line in self.lines)

    @property
    def removed(self) -> int:
        """How many lines it removes."""
        return sum(line[:1] == b"-" for line in self.lines)

    @property
    def context(self) -> tuple[int, int]:
        """How many lines at its start and at its end stay as they are."""
        marks = [line[:1] == b" " for line in self.lines]
        if all(marks):
            return len(marks), 0
        return marks.index(False), marks[::-1].index(False)

    def reversed(self) -> Hunk:
        """The hunk that undoes this one."""
        turned = {b"-": b"+", b"+": b"-"}
        lines: list[bytes] = []
        added: list[bytes] = []
        for line in self.lines:  # what is removed stands before what is added, as everywhere
            if line[:1] == b"-":
                added.append(b"+" + line[1:])
                continue
            if line[:1] == b" ":
                lines += added
                added = []
            lines.append(turned.get(line[:1], b" ") + line[1:])
        return Hunk(self.number, self.new_start, self.old_start, (*lines, *added), self.miscounted)


def read_hunk(lines: Sequence[bytes], at: int, *, converted: bool) -> tuple[Hunk, int]:
    """Read a hunk; wrong counts in its header are put right where its lines leave no doubt.

    Args:
        lines: of the patch, with their ends.
        at: the index of its header.
        converted: whether the patch has got CRLF line ends that are not the file's.

    Returns:
        The hunk, and the index of the line that follows it.

    Raises:
        DiffError: it is no whole hunk.
    """
    head = HEAD.match(lines[at])
    old_start, new_start = (int(head[1]), int(head[3])) if head else (None, None)
    said = (int(head[2] or 1), int(head[4] or 1)) if head else None
    end = _counted(lines, at + 1, *said) if said else None
    miscounted = said is not None and end is None
    if end is None:
        end = _recounted(lines, at + 1)
        _require_end(lines, end, at + 1)
    body = _body(lines, at + 1, end, converted=converted)
    hunk = Hunk(at + 1, old_start, new_start, tuple(body), miscounted)
    if said and miscounted:
        _require_whole(lines, end, hunk, said)
    if not hunk.added and not hunk.removed:
        raise DiffError(f"the hunk at line {at + 1} of the patch adds and removes nothing; is the patch cut off?")
    return hunk, end


def _mark(line: bytes) -> bytes:
    """What a line of a hunk is; editors and models take the space from empty lines, and sometimes from before a tab."""
    return b" " if line[:1] in {b"\n", b"\r", b"\t", b""} else line[:1]


def _counted(lines: Sequence[bytes], at: int, old: int, new: int) -> int | None:
    """Where a hunk of these counts ends; `None` where its lines say otherwise."""
    while (old > 0 or new > 0) and at < len(lines):
        mark = _mark(lines[at])
        old -= mark in b" -"
        new -= mark in b" +"
        if mark not in b" -+\\" or old < 0 or new < 0:
            return None
        at += 1
    if old > 0 or new > 0:
        return None
    while at < len(lines) and lines[at].startswith(b"\\"):
        at += 1
    after = at
    while after < len(lines) and not lines[after].strip(b"\r\n"):
        after += 1
    return None if after < len(lines) and _goes_on(lines, after) else at


def _recounted(lines: Sequence[bytes], at: int) -> int:
    """Where a hunk ends whose header does not say so."""
    end = at
    while at < len(lines) and _goes_on(lines, at):
        at += 1
        if lines[at - 1].strip(b"\r\n"):  # empty lines at the end separate it from what follows
            end = at
    return end


def _goes_on(lines: Sequence[bytes], at: int) -> bool:
    line = lines[at]
    if _mark(line) not in b" -+\\":
        return False
    after = lines[at + 1] if at + 1 < len(lines) else b""
    if line.startswith(b"--- ") and after.startswith(b"+++ "):
        third = lines[at + 2] if at + 2 < len(lines) else b"@@"
        return not third.startswith(b"@@")
    return not (line.startswith(b"--") and SIGNED.match(b"".join(lines[at : at + 4])) is not None)


def _body(lines: Sequence[bytes], at: int, end: int, *, converted: bool) -> list[bytes]:
    body: list[bytes] = []
    for index in range(at, end):
        line = lines[index]
        if line.startswith(b"\\"):
            if body:
                body[-1] = body[-1].removesuffix(b"\n")
            continue
        if converted and line.endswith(b"\r\n"):
            line = line[:-2] + b"\n"
        if not line.endswith(b"\n"):
            line += b"\n"
        body.append(line if line[:1] in b" -+" else b" " + line)
    for mark in (b"-", b"+"):
        side = [line for line in body if line[:1] in {b" ", mark}]
        if any(not line.endswith(b"\n") for line in side[:-1]):
            raise DiffError(
                f"the hunk at line {at} of the patch has a '\\ No newline at end of file' that does not follow the "
                "last line of a file; take it out"
            )
    return body


def _require_end(lines: Sequence[bytes], end: int, first: int) -> None:
    """A hunk without trustworthy counts must end at something that ends hunks, lest a part of it be ignored."""
    while end < len(lines) and not lines[end].strip():
        end += 1
    if end < len(lines) and not lines[end].startswith((*BESIDE, b"-- ", b"--\n", b"--\r")):
        raise DiffError(
            f"line {end + 1} of the patch belongs to the hunk at line {first}, but begins with none of space, '-' and "
            "'+'; put a space before lines that stay as they are"
        )


def _require_whole(lines: Sequence[bytes], end: int, hunk: Hunk, said: tuple[int, int]) -> None:
    """The last hunk of a patch that was cut off looks like one whose counts are wrong."""
    missing = max(said[0] - len(hunk.old), said[1] - len(hunk.new))
    if missing <= 0 or any(line.strip() for line in lines[end:]):
        return
    if missing > SLACK or (lines[end - 1].startswith(b"+") and not lines[end - 1].endswith(b"\n")):
        raise DiffError(
            f"the patch ends within the hunk at its line {hunk.number}, whose header counts {missing:,} more lines; "
            "give the whole patch, or write @@ alone if the count is wrong"
        )
