"""How a file's bytes are text: their encoding, their mark at the start, and how lines end."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final, Literal

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "latin-1"]
Newline = Literal["LF", "CRLF", "CR", "mixed", "none"]

MARKS: Final[tuple[tuple[bytes, Encoding], ...]] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
BLOCK: Final = 1 << 18
"""Bytes that are decoded at once."""
NO_END: Final = re.compile(rb"[^\r\n]+")
LOOKED_AT: Final = 8192
"""Bytes at the start in which a NUL makes a file binary, as git and ripgrep have it."""


@dataclass(frozen=True, slots=True)
class Form:
    """How bytes are text.

    Attributes:
        encoding: `latin-1` is what is neither marked nor UTF-8: each byte is a character, so nothing is ever lost.
        mark: the byte order mark at the start, which is no part of the text.
        newline: how lines end.
    """

    encoding: Encoding
    mark: bytes
    newline: Newline

    def __str__(self) -> str:
        """In few words, such as `utf-8 with BOM, CRLF`."""
        marked = " with BOM" if self.mark else ""
        return f"{self.encoding}{marked}, {'no line end' if self.newline == 'none' else self.newline}"


def form_of(content: bytes, *, whole: bool = True) -> Form | None:
    """How bytes are text; `None` where they are none.

    Args:
        content: a file's contents, or their start.
        whole: whether they are all; else a character or a line end may be cut at the end.
    """
    if content.startswith(codecs.BOM_UTF32_LE):  # it begins as the mark of UTF-16 does
        return None
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return Form(encoding, mark, _newline(content, encoding, whole=whole))  # no copy; a mark ends no line
    if b"\0" in content[:LOOKED_AT]:
        return None
    encoding = "utf-8" if content.isascii() or _is_utf_8(content, whole=whole) else "latin-1"
    return Form(encoding, b"", _newline(content, encoding, whole=whole))


def _is_utf_8(content: bytes, *, whole: bool) -> bool:
    try:
        codecs.utf_8_decode(content, "strict", whole)
    except UnicodeDecodeError:
        return False
    return True


def _newline(content: bytes, encoding: Encoding, *, whole: bool) -> Newline:
    if encoding.startswith("utf-16"):  # two bytes that look like a line end may be halves of two characters
        blocks = (content[at : at + BLOCK] for at in range(0, len(content) & ~1, BLOCK))
        content = b"".join(NO_END.sub(b"", block.decode(encoding, "replace").encode()) for block in blocks)
    if not whole:
        content = content.removesuffix(b"\r")
    if b"\r" not in content:
        return "LF" if b"\n" in content else "none"
    both = content.count(b"\r\n")
    counts: dict[Newline, int] = {
        "CRLF": both,
        "LF": content.count(b"\n") - both,
        "CR": content.count(b"\r") - both,
    }
    used: list[Newline] = [name for name, count in counts.items() if count]
    return used[0] if len(used) == 1 else "mixed"
