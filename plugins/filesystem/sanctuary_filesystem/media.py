"""Show what is no text: pictures and sounds as such, and of everything else the bytes."""

from __future__ import annotations

import os
from typing import Annotated, Final

from pydantic import Field

from sanctuary_filesystem.looks import look_of, text_form_of
from sanctuary_filesystem.measures import HEAD, measure_of
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_filesystem.texts import read_at
from sanctuary_host import Audio, Content, Host, Image, Recorded, Text, ToolError, Tools, hookimpl, tool
from sanctuary_host.doors import Trees

MOST: Final = 5 << 20
"""Bytes of a picture or sound; of a larger one no client makes anything."""
UNSHOWN: Final = frozenset({"image/bmp"})
"""Media types that most models cannot take."""
USUAL: Final = 256
ROW: Final = 16


class Media:
    """The tool, around the folders."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees

    @tool(read_only=True, open_world=False, timeout=20, memory=64)
    def read_media(
        self,
        path: Annotated[str, Recorded()],
        offset: Annotated[int, Field(description="Negative: from the end")] = 0,
        limit: Annotated[int, Field(ge=0, le=8192, description="Bytes of hexdump")] = 0,
    ) -> list[Content]:
        """Show a picture (png, jpeg, gif, webp) or sound to 5 MiB; else, or with offset or limit, kind and hexdump."""
        place = self._trees.place(path)
        name = told(self._trees, place)
        with place.tree.file(place.path) as descriptor:
            try:
                size = os.fstat(descriptor).st_size
                head = read_at(descriptor, min(size, HEAD), 0)
                what, kind = _kind(head, size)
                facts = f"{name}; {what}; {size:,} bytes"
                if kind and not (offset or limit):
                    if size > MOST:
                        return [Text(f"[{facts}; more than the {MOST:,} that are shown; pass limit for its bytes]")]
                    data = head if size <= len(head) else read_at(descriptor, size, 0)
                    block = Image(data, kind) if kind.startswith("image/") else Audio(data, kind)
                    return [Text(f"[{facts}]"), block]
                start = max(0, size + offset) if offset < 0 else offset
                if start > max(0, size - 1):
                    raise ToolError(f"{name} has {size:,} bytes; offset is 0 to {max(0, size - 1):,}, or negative")
                part = read_at(descriptor, min(limit or USUAL, size - start), start)
            except OSError as error:
                raise place.tree.failure(place.path, error) from None
        end = start + len(part)
        more = f"; next offset {end}" if end < size else ""
        return [Text("\n".join([f"[{facts}; bytes {start} to {end}{more}]", *_dump(part, start)]))]


def _kind(head: bytes, size: int) -> tuple[str, str]:
    """What a file is, and its media type where it can be shown as such."""
    if not head:
        return "empty", ""
    what, kind = look_of(head)
    if not kind:
        form = text_form_of(head, whole=len(head) == size)
        return what if form is None else f"text ({form}), which read_file shows", ""
    measure = measure_of(kind, head)
    if kind.startswith("image/") and not measure:  # many a model's server refuses a whole talk for a broken picture
        return f"{what}, which is broken", ""
    return f"{what}, {measure}" if measure else what, "" if kind in UNSHOWN else kind


def _dump(part: bytes, start: int) -> list[str]:
    """Bytes in rows: where they are, in hexadecimal, and as ASCII."""
    rows: list[str] = []
    for at in range(0, len(part), ROW):
        row = part[at : at + ROW]
        signs = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"{start + at:08x}  {row.hex(' '):47}  {signs}")
    return rows


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin."""
    return [Media(open_roots(host)).read_media]
