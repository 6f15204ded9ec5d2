"""Text to and from Base64, Base32, hexadecimal, URL, HTML, quoted-printable, ROT13 and escape sequences."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import quopri
import re
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import quote, unquote_to_bytes

from sanctuary_host import ToolError
from sanctuary_utils.text_words import Encoding

__all__ = ["ENCODINGS", "decode", "encode", "raw_bytes"]

ENCODINGS: Final[tuple[Encoding, ...]] = get_args(Encoding)
Turned: TypeAlias = tuple[str, list[str]]
ESCAPE: Final = re.compile(
    r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.)|\Z)", re.DOTALL
)
SHORT: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
LONG: Final = {char: "\\" + letter for letter, char in SHORT.items() if letter not in "v0"} | {"\\": "\\\\"}


def encode(data: bytes, to: Encoding) -> Turned:
    """Bytes, mostly those of a text in UTF-8, written in an encoding.

    Raises:
        ToolError: the encoding takes text, and the bytes are none.
    """
    return ENCODERS[to](data)


def decode(text: str, to: Encoding) -> Turned:
    """The text that was encoded; bytes that are no UTF-8 text come as hexadecimal digits, which a note says.

    Raises:
        ToolError: the text is not of that encoding.
    """
    return DECODERS[to](text)


def raw_bytes(text: str, form: Literal["hex", "base64"]) -> bytes:
    """The bytes that hexadecimal digits or Base64 stand for.

    Raises:
        ToolError: the text is neither.
    """
    return (_from_hex(text) if form == "hex" else _from_base(text, "base64"))[0]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ToolError("these bytes are no UTF-8 text, which this encoding takes; use base64 or hex") from None


def _shown(data: bytes, notes: list[str]) -> Turned:
    try:
        return data.decode(), notes
    except UnicodeDecodeError:
        return data.hex(), [*notes, "the bytes are no UTF-8 text; they are shown as hexadecimal digits"]


def _from_hex(text: str) -> tuple[bytes, list[str]]:
    digits = re.sub(r"[\s:,]++|(?<![0-9A-Fa-f])0[xX]|\\x", "", text)
    if wrong := re.search(r"[^0-9A-Fa-f]", digits):
        raise ToolError(f"not hexadecimal: U+{ord(wrong[0]):04X} is no digit")
    if len(digits) % 2:
        raise ToolError("not hexadecimal bytes: the number of digits is odd")
    return bytes.fromhex(digits), []


def _from_base(text: str, to: Literal["base64", "base64url", "base32"]) -> tuple[bytes, list[str]]:
    compact = "".join(text.split()).rstrip("=")
    if to == "base64" and re.search(r"[-_]", compact) and not re.search(r"[+/]", compact):
        raise ToolError("not base64: '-' and '_' belong to base64url; decode it as that")
    alphabet, block = {"base64": ("A-Za-z0-9+/", 4), "base64url": ("A-Za-z0-9_-", 4), "base32": ("A-Z2-7", 8)}[to]
    compact = compact.upper() if to == "base32" else compact
    if wrong := re.search(f"[^{alphabet}]", compact):
        raise ToolError(f"not {to}: U+{ord(wrong[0]):04X} at character {wrong.start() + 1} is none of its characters")
    padded = compact + "=" * (-len(compact) % block)
    try:
        if to == "base32":
            data = base64.b32decode(padded)
        else:
            data = base64.b64decode(padded, altchars=b"-_" if to == "base64url" else None, validate=True)
    except (binascii.Error, ValueError):
        raise ToolError(f"not {to}: {len(compact)} characters are no whole number of bytes") from None
    again, _ = ENCODERS[to](data)
    notes = [] if again.rstrip("=") == compact else ["its last character has bits that no encoder sets"]
    return data, notes


def _url(text: str) -> Turned:
    if wrong := re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ToolError(f"not URL-encoded: the % at character {wrong.start() + 1} has no two digits after it")
    notes = ["each + was kept; in form data it stands for a space"] if "+" in text else []
    return _shown(unquote_to_bytes(text), notes)


def _html(text: str) -> Turned:
    try:
        return html.unescape(text), []
    except ValueError:
        raise ToolError("not HTML: a character reference has too many digits") from None


def _quoted_printable(text: str) -> Turned:
    if wrong := re.search(r"=(?![0-9A-Fa-f]{2}|[ \t]*+\r?\n|\Z)", text):
        raise ToolError(f"not quoted-printable: the = at character {wrong.start() + 1} starts no escape")
    return _shown(quopri.decodestring(text.encode()), [])


def _escapes(text: str) -> Turned:
    """Escapes as JSON, JavaScript, Java, C and Python write them."""

    def turn(found: re.Match[str]) -> str:
        digits = found[1] or found[2] or found[3] or found[4]
        if digits is not None:
            code = int(digits, 16)
            if code > 0x10FFFF:
                raise ToolError(f"the escape at character {found.start() + 1} is beyond U+10FFFF")
            return chr(code)
        if found[5] is None or (found[5].isalnum() and found[5] not in SHORT):
            raise ToolError(f"the backslash at character {found.start() + 1} starts no known escape")
        return SHORT.get(found[5], found[5])

    # Escapes of the two halves of a pair make one character.
    turned = ESCAPE.sub(turn, text).encode("utf-16", "surrogatepass")
    try:
        return turned.decode("utf-16"), []
    except UnicodeDecodeError:
        raise ToolError("an escape from \\ud800 to \\udfff stands on its own, which is half a character") from None


def _escaped(data: bytes) -> Turned:
    text = _text(data)
    return text.translate({ord(char): _escape(char) for char in set(text)}), []


def _escape(char: str) -> str:
    if char in LONG or " " <= char <= "~":
        return LONG.get(char, char)
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _qp(data: bytes) -> Turned:
    return quopri.encodestring(data).decode("ascii"), []


ENCODERS: Final[dict[Encoding, Callable[[bytes], Turned]]] = {
    "base64": lambda data: (base64.b64encode(data).decode(), []),
    "base64url": lambda data: (base64.urlsafe_b64encode(data).decode().rstrip("="), []),
    "base32": lambda data: (base64.b32encode(data).decode(), []),
    "hex": lambda data: (data.hex(), []),
    "url": lambda data: (quote(data, safe=""), []),
    "html": lambda data: (html.escape(_text(data)), []),
    "quoted-printable": _qp,
    "rot13": lambda data: (codecs.encode(_text(data), "rot13"), []),
    "escapes": _escaped,
}
DECODERS: Final[dict[Encoding, Callable[[str], Turned]]] = {
    "base64": lambda text: _shown(*_from_base(text, "base64")),
    "base64url": lambda text: _shown(*_from_base(text, "base64url")),
    "base32": lambda text: _shown(*_from_base(text, "base32")),
    "hex": lambda text: _shown(*_from_hex(text)),
    "url": _url,
    "html": _html,
    "quoted-printable": _quoted_printable,
    "rot13": lambda text: (codecs.encode(text, "rot13"), []),
    "escapes": _escapes,
}
