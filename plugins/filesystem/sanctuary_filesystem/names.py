"""How names are shown: on one line and as valid Unicode, whatever bytes they are."""

from __future__ import annotations

from typing import Final

NOTE: Final = r"escaped: \n, \t, \u…, \\ are that character; \xNN is a byte that is no UTF-8, which no path can name"
"""What a reader has to know where a name was escaped."""


def plain(name: str) -> str:
    """The same where all of it can be shown, else with escapes."""
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(one if one.isprintable() and one != "\\" else _escape(one) for one in name)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte, as os.fsdecode has it
        return f"\\x{code - 0xDC00:02x}"
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}.get(
        character, f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    )
