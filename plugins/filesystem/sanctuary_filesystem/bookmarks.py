"""The place where a reader of a file stopped, as a short word that it gives back to go on."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sanctuary_host import ToolError

VERSION: Final = 1
NUMBERS: Final = 4
DIGEST: Final = 4
"""Bytes of each digest: they guard against mistakes, and no forger; what a forged one reaches is in the same file."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A place in a file.

    Attributes:
        offset: bytes before it.
        line: the number of the line that it is in, from 1; a negative one counts from the end, the last being -1.
        inside: whether it is within that line, and not at its start.
        left: lines that were asked for and are still to come; `None` where that is all of them.
        target: the line that is sought from here, where it is not reached yet; else 0.
    """

    offset: int
    line: int
    inside: bool = False
    left: int | None = None
    target: int = 0


def word_of(mark: Bookmark, path: str, state: bytes) -> str:
    """A bookmark as a word.

    Args:
        mark: the place.
        path: the file's, to which the word is bound.
        state: what the file was like, 2 * `DIGEST` bytes.
    """
    left = 0 if mark.left is None else mark.left + 1
    sign = 2 if mark.line < 0 else 0
    numbers = b"".join(map(_packed, (mark.offset, abs(mark.line), left, mark.target)))
    body = bytes([VERSION << 2 | sign | mark.inside]) + numbers + state
    return base64.urlsafe_b64encode(body + digest(path.encode("utf-8", "surrogatepass"), body)).rstrip(b"=").decode()


def bookmark_of(word: str, path: str) -> tuple[Bookmark, bytes]:
    """A bookmark, and what the file was like, from a word.

    Raises:
        ToolError: it is none, or one of another file.
    """
    try:
        whole = base64.b64decode(word + "=" * (-len(word) % 4), b"-_", validate=True)
    except ValueError:
        whole = b""
    body = whole[:-DIGEST]
    numbers = [*_unpacked(body[1 : -2 * DIGEST])]
    known = len(numbers) == NUMBERS and whole[-DIGEST:] == digest(path.encode("utf-8", "surrogatepass"), body)
    if not known or body[0] >> 2 != VERSION:
        raise ToolError(
            "this cursor is not one that read_file gave for this path; pass the path that it came with, or no cursor"
        )
    flags = body[0]
    offset, line, left, target = numbers
    mark = Bookmark(offset, -line if flags & 2 else line, bool(flags & 1), left - 1 if left else None, target)
    return mark, body[-2 * DIGEST :]


def digest(*parts: bytes) -> bytes:
    """A short digest of some bytes."""
    return hashlib.blake2b(b"\0".join(parts), digest_size=DIGEST).digest()


def _packed(number: int) -> bytes:
    """A number in groups of seven bits, the last of which has its high bit unset."""
    groups: list[int] = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def _unpacked(body: bytes) -> Iterator[int]:
    number = shift = 0
    for group in body:
        number |= (group & 127) << shift
        shift += 7
        if group < 128:
            yield number
            number = shift = 0
