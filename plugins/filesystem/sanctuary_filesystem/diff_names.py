"""Names of files as diffs write them: quoted, prefixed, and followed by times."""

from __future__ import annotations

import re
from typing import Final

NOTHING: Final = b"/dev/null"
PLACEHOLDER: Final = re.compile(rb"\t.*\Z|[ ]+\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*\Z", re.DOTALL)
"""What follows a name: a tab and a time, a revision or nothing."""
EPOCH: Final = re.compile(rb"\s(?:1970-01-01|1969-12-31)[ T]\d\d:\d\d:\d\d(?:\.0+)?(?:\s*[-+]\d{4})?\s*\Z")
"""The time that diff(1) gives a file that is not there."""
ESCAPED: Final = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
ESCAPES: Final = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"')


def unquote(text: bytes) -> bytes:
    """A name that may stand in quotes, with the escapes of C."""
    quoted = QUOTED.fullmatch(text)
    return ESCAPED.sub(_unescape, quoted[1]) if quoted else text


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 0xFF]) if code.isdigit() else ESCAPES.get(code, code)


def read_name(text: bytes) -> tuple[bytes | None, bool]:
    """The name after `--- ` or `+++ `, `None` if that is nothing; and whether its time says that it is nothing."""
    quoted = QUOTED.match(text)
    name = unquote(quoted[0]) if quoted else PLACEHOLDER.sub(b"", text).rstrip()
    return (None if name == NOTHING else name), EPOCH.search(text) is not None


def split_names(text: bytes) -> tuple[bytes, bytes] | None:
    """The two names after `diff --git `, which are the same but for their prefixes; `None` if there are none."""
    quoted = QUOTED.match(text)
    if quoted and text[quoted.end() : quoted.end() + 1] == b" ":
        return unquote(quoted[0]), unquote(text[quoted.end() + 1 :])
    if text.endswith(b'"') and (place := text.find(b' "')) > 0:
        return text[:place], unquote(text[place + 1 :])
    place = text.find(b" ")
    while place >= 0:
        old, new = text[:place], text[place + 1 :]
        if old == new or (b"/" in old and b"/" in new and old.partition(b"/")[2] == new.partition(b"/")[2]):
            return old, new
        place = text.find(b" ", place + 1)
    one, space, other = text.partition(b" ")
    return (one, other) if space and b" " not in other else None


def stripped(name: bytes, count: int) -> bytes | None:
    """A name without as many of its first parts; `None` if nothing is left."""
    parts = re.split(rb"/+", name)
    return b"/".join(parts[count:]) or None if count < len(parts) else None
