"""Where lines and texts begin and end in a file's bytes, whose characters may be of two bytes each."""

from __future__ import annotations

from typing import Final

from sanctuary_filesystem.forms import Encoding, Form
from sanctuary_host import ToolError

ENDS: Final = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}
"""What ends a line, by how `forms` names it."""

Bytes = bytes | bytearray


def width_of(encoding: Encoding) -> int:
    """How many bytes the smallest character has, at multiples of which all characters begin."""
    return 2 if encoding.startswith("utf-16") else 1


def encoded(text: str, form: Form, what: str) -> bytes:
    """A text in a file's encoding.

    Args:
        text: what is to stand in the file.
        form: of the file.
        what: how an error names the text.

    Raises:
        ToolError: the encoding has no such character.
    """
    try:
        return text.encode(form.encoding)
    except UnicodeEncodeError as error:
        character = ord(text[error.start])
        raise ToolError(
            f"{what} holds U+{character:04X}, which cannot be written in {form.encoding}, the encoding of the file"
        ) from None


def find(content: Bytes, wanted: bytes, start: int, end: int, width: int) -> int:
    """Where bytes stand first, at the beginning of a character; -1 where they do not."""
    at = content.find(wanted, start, end)
    while at != -1 and at % width:
        at = content.find(wanted, at + 1, end)
    return at


def find_last(content: Bytes, wanted: bytes, start: int, end: int, width: int) -> int:
    """Where bytes stand last, at the beginning of a character; -1 where they do not."""
    at = content.rfind(wanted, start, end)
    while at != -1 and at % width:
        at = content.rfind(wanted, start, at + len(wanted) - 1)
    return at


class Lines:
    """The lines of a file.

    Args:
        content: its bytes.
        form: how they are text.
    """

    def __init__(self, content: Bytes, form: Form) -> None:
        self.content, self.form = content, form
        self.width = width_of(form.encoding)
        self.end = ("\r" if form.newline == "CR" else "\n").encode(form.encoding)
        self._counted, self._line = len(form.mark), 1

    def start_of(self, place: int) -> int:
        """Where the line begins that a place is in."""
        first = len(self.form.mark)
        before = find_last(self.content, self.end, first, max(place, first), self.width)
        return first if before == -1 else before + len(self.end)

    def end_of(self, place: int) -> int:
        """Where the line that a place is in has ended, its line end included."""
        after = find(self.content, self.end, place, len(self.content), self.width)
        return len(self.content) if after == -1 else after + len(self.end)

    def number_of(self, place: int) -> int:
        """The number of the line that a place is in, from 1 on; of places in ascending order it costs one pass."""
        if place < self._counted:
            self._counted, self._line = len(self.form.mark), 1
        if self.width == 1:
            self._line += self.content.count(self.end, self._counted, place)
        else:
            at = find(self.content, self.end, self._counted, place, self.width)
            while at != -1:
                self._line += 1
                at = find(self.content, self.end, at + len(self.end), place, self.width)
        self._counted = max(place, self._counted)
        return self._line
