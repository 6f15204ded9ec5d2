"""Text as it can be shown: what no reader sees, and what acts on terminals, as signs that do neither."""

from __future__ import annotations

import re
from typing import Final

UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters but tab and line feed, what turns the direction of writing, and what is no character at all."""
CONTROLS: Final = bytes([*range(9), *range(11, 32), 127])
"""Those of them that ASCII has."""
PICTURES: Final = 0x2400
"""Where Unicode has pictures of the first 32 control characters, ESC as `␛`."""
ESCAPED: Final = range(0xDC80, 0xDD00)
"""What bytes become that cannot be decoded (PEP 383)."""


def visible(text: str) -> str:
    r"""Text whose control characters are pictures such as `␛`, and whose undecodable bytes are written `\xff`."""
    if text.isascii():  # to delete is ten times faster than to search
        raw = text.encode()
        if len(raw.translate(None, CONTROLS)) == len(raw):
            return text
    elif text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return UNSEEN.sub(_sign, text)


def visible_line(text: str) -> str:
    """The same of a line, which is to stay one."""
    seen = visible(text)
    return seen.replace("\n", "␊") if "\n" in seen else seen


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 32:
        return chr(PICTURES + code)
    if code == 127:
        return "␡"
    if code in ESCAPED:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
