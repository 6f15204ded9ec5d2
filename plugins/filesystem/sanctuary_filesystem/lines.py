"""How entries of folders are shown, one a line, and how sizes and times are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from sanctuary_filesystem.names import NOTE
from sanctuary_filesystem.walking import Kind, Measures
from sanctuary_host import ToolError
from sanctuary_host.doors import PathError, Tree, kind_of

LONGEST: Final = 100_000
"""Characters of one page, which ends early rather than hold more."""
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
AGO: Final = re.compile(r"(\d{1,9}) ?([smhdw])(?: ago)?")
SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,3})?) ?([kMGT])?(?:i?B)?", re.IGNORECASE)
Range = tuple[int | None, int | None]
"""From and to, `None` where there is no bound."""


def mark(tree: Tree, path: str, kind: Kind) -> str:
    """What stands behind a name: a slash, or in brackets what it is and whether it leads somewhere.

    Args:
        tree: where it is.
        path: of it there.
        kind: what it was when its folder was read.
    """
    if kind == "folder":
        return "/"
    if kind == "file":
        return ""
    try:
        found = kind_of(tree.status(path, follow=kind == "link").st_mode)
    except PathError:
        return " (link to nothing in here)" if kind == "link" else " (special)"
    return f" (link to {found})" if kind == "link" else f" ({found})"


def facts(measures: Measures | None, kind: Kind) -> str:
    """Size in bytes and time of the last change in UTC, in columns."""
    if measures is None:
        return f"{'?':>13} {'?':19}"
    size = f"{measures[0]:,}" if kind == "file" else "-"
    return f"{size:>13} {moment(measures[1])}"


def moment(nanoseconds: int) -> str:
    """A time in UTC, to the second; seconds since 1970 where it is in no year that a calendar has."""
    try:
        return f"{datetime.fromtimestamp(nanoseconds // 10**9, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return f"@{nanoseconds // 10**9}"


def read_range(text: str, read: Callable[[str], int]) -> Range:
    """Both ends of `from..to`, either of which may be left out; without the dots it is the first.

    Raises:
        ToolError: an end cannot be read.
    """
    low, _, high = (part.strip() for part in text.partition(".."))
    return read(low) if low else None, read(high) if high else None


def read_moment(text: str) -> int:
    """Nanoseconds since 1970 of `3d`, `12h`, or a date with or without a time, in UTC where it names no zone.

    Raises:
        ToolError: it is none of these.
    """
    try:
        if ago := AGO.fullmatch(text):
            at = datetime.now(UTC) - timedelta(seconds=int(ago[1]) * UNITS[ago[2]])
        else:
            at = datetime.fromisoformat(text)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        raise ToolError(
            "changed: this is no time; write 30m, 12h, 3d or 2w for ago, 2026-11-23 or 2026-11-23T09:30 (UTC), "
            "with .. in front for before"
        ) from None


def read_size(text: str) -> int:
    """Bytes of `500`, `10k`, `1.5M`, `2G`; the units are powers of 1024.

    Raises:
        ToolError: it is none of these.
    """
    found = SIZE.fullmatch(text)
    if not found:
        raise ToolError("size: this is none; write 500, 10k, 1.5M or 2G, with .. in front for at most, as in 10k..2M")
    return int(float(found[1]) * 1024 ** " kmgt".index((found[2] or " ").lower()))


def answer(head: Iterable[str], lines: Iterable[str]) -> str:
    """The facts in brackets, the lines, and how to read those that hold escapes."""
    facts_line = f"[{'; '.join(part for part in head if part)}]"
    text = "\n".join([facts_line, *lines])
    return f"{text}\n({NOTE})" if "\\" in text.removeprefix(facts_line) else text
