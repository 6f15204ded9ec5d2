"""How large a picture is, and how long a sound lasts, as far as the beginning of the file tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

HEAD: Final = 1 << 18
"""Bytes at the beginning that are looked at; in a JPEG file, a preview and a colour profile may come first."""
SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG after which the size of the picture stands (SOF, of ITU T.81)."""


def measure_of(kind: str, head: bytes) -> str:
    """Width and height, or seconds; empty where the beginning does not tell.

    Args:
        kind: the media type.
        head: the first bytes.
    """
    measure = MEASURES.get(kind)
    try:
        return measure(head) if measure else ""
    except IndexError:  # the file ends where the measure should be
        return ""


def _png(head: bytes) -> str:
    return _pixels(head, 16, 20, 4, "big") if head[12:16] == b"IHDR" else ""


def _gif(head: bytes) -> str:
    return _pixels(head, 6, 8, 2, "little")


def _bmp(head: bytes) -> str:
    return _pixels(head, 18, 22, 4, "little")


def _jpeg(head: bytes) -> str:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker in SIZES:
            return _pixels(head, at + 7, at + 5, 2, "big")
        at += 1 if marker == 0xFF else 2 + int.from_bytes(_part(head, at + 2, 2), "big")
    return ""


def _webp(head: bytes) -> str:
    match head[12:16]:
        case b"VP8X":
            width, height = (int.from_bytes(_part(head, at, 3), "little") + 1 for at in (24, 27))
        case b"VP8L":
            bits = int.from_bytes(_part(head, 21, 4), "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = (int.from_bytes(_part(head, at, 2), "little") & 0x3FFF for at in (26, 28))
        case _:
            return ""
    return f"{width} x {height}"


def _wav(head: bytes) -> str:
    at, rate = 12, 0
    while True:
        name, size = head[at : at + 4], int.from_bytes(_part(head, at + 4, 4), "little")
        if name == b"fmt ":
            rate = int.from_bytes(_part(head, at + 16, 4), "little")
        elif name == b"data":
            return f"{size / rate:.1f} s" if rate else ""
        at += 8 + size + size % 2


def _flac(head: bytes) -> str:
    bits = int.from_bytes(_part(head, 18, 8), "big")
    rate, samples = bits >> 44, bits & 0xFFFFFFFFF
    return f"{samples / rate:.1f} s" if rate and samples else ""


def _pixels(head: bytes, width: int, height: int, count: int, order: str) -> str:
    big = order == "big"
    sizes = [int.from_bytes(_part(head, at, count), "big" if big else "little") for at in (width, height)]
    return f"{sizes[0]} x {sizes[1]}" if all(sizes) else ""


def _part(head: bytes, at: int, count: int) -> bytes:
    part = head[at : at + count]
    if len(part) < count:
        raise IndexError
    return part


MEASURES: Final[dict[str, Callable[[bytes], str]]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/bmp": _bmp,
    "audio/wav": _wav,
    "audio/flac": _flac,
}
"""What finds the measure of each media type."""
