"""JSON as text: read strictly, with places and causes of faults, and written without changing a number."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from secrets import token_hex
from typing import Any, Final, NoReturn

from sanctuary_host import ToolError
from sanctuary_utils.documents import DEPTH, Document, FormatError, Value, measure, number, place, quoted

__all__ = ["depth_of", "read_json", "write_json"]

# Each attempt at a string succeeds, if need be at the end of the text: so the search stays linear.
TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def read_json(text: str) -> Document:
    """Read JSON as RFC 8259 has it; of members with one name the last counts, which a note says.

    Raises:
        FormatError: it is not JSON, is nested too deeply, or holds what no reader agrees on.
    """
    depth_of(text)
    duplicates: list[str] = []

    def pairs(members: list[tuple[str, Value]]) -> dict[str, Value]:
        result = dict(members)
        if len(result) != len(members):
            seen: set[str] = set()
            for name, _ in members:
                if name in seen:
                    duplicates.append(name)
                seen.add(name)
        return result

    try:
        value: Value = json.loads(
            text, object_pairs_hook=pairs, parse_int=_number, parse_float=_number, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise FormatError("JSON", _cause(error, text), error.lineno, error.colno) from None
    except RecursionError:
        raise FormatError("JSON", f"it is nested more than {DEPTH} levels deep") from None
    if "\\u" in text and _has_surrogate(value):
        raise FormatError("JSON", "an escape from \\ud800 to \\udfff stands on its own, which is half a character")
    notes: list[str] = []
    if duplicates:
        names = ", ".join(quoted(name) for name in dict.fromkeys(duplicates[:5]))
        notes.append(f"{len(duplicates)} repeated member(s), of which the last was kept: {names}")
    return Document(value, notes)


def write_json(value: Value, indent: int | None) -> str:
    """Write JSON: over several lines with `indent` spaces a level, or without any white space.

    Raises:
        ToolError: a number is infinite or none at all, or the text would grow too long.
    """
    measure(value, indent or 0, "JSON")
    exact: list[str] = []
    mark = token_hex(8)

    def keep(item: Any) -> str:
        # The encoder cannot write a Decimal: a string that nobody can have foreseen stands for it until the end.
        if isinstance(item, Decimal):
            exact.append(str(item))
            return f"{mark}:{len(exact) - 1}"
        return str(item.isoformat())

    separators = (",", ": ") if indent is not None else (",", ":")
    try:
        text = json.dumps(
            value, ensure_ascii=False, indent=indent, separators=separators, allow_nan=False, default=keep
        )
    except ValueError:
        raise ToolError("JSON has no infinite and no undefined numbers; replace .inf and .nan by null first") from None
    if exact:
        text = re.sub(f'"{mark}:(\\d+)"', lambda found: exact[int(found[1])], text)
    return text


def depth_of(text: str) -> int:
    """The levels of nesting in a JSON text.

    Raises:
        FormatError: there are more than 200.
    """
    depth = deepest = 0
    for found in TOKENS.finditer(text):
        char = found[0]
        if char in "[{":
            depth += 1
            if depth > deepest:
                deepest = depth
                if depth > DEPTH:
                    line, column = place(text, found.start())
                    raise FormatError("JSON", f"it is nested more than {DEPTH} levels deep", line, column)
        elif char in "]}":
            depth -= 1
    return deepest


def _number(digits: str) -> int | float | Decimal:
    return number(digits, "JSON")


def _no_constant(word: str) -> NoReturn:
    raise FormatError("JSON", f"{word} is not JSON; write null or a string")


def _has_surrogate(value: Value) -> bool:
    if isinstance(value, str):
        return any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(_has_surrogate(key) or _has_surrogate(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_surrogate(item) for item in value)


def _cause(error: json.JSONDecodeError, text: str) -> str:
    """Python's message with the likely reason, read from the characters at the place."""
    at = text[error.pos : error.pos + 8]
    before = text[max(0, error.pos - 200) : error.pos].rstrip()[-1:]
    if not text.strip():
        return "the text is empty"
    if text.startswith("\ufeff"):
        return "the text starts with a byte order mark; leave it out"
    if not at and error.msg != "Extra data":
        return f"{error.msg}: the text ends too early"
    reasons = (
        (at.startswith(("//", "/*", "#")), "comments are not allowed"),
        (at.startswith("'"), 'strings take double quotation marks ("), not single ones'),
        (before == "," and at[:1] in {"]", "}"}, "a comma must not stand before a closing bracket"),
        (error.msg.startswith("Illegal trailing comma"), "a comma must not stand before a closing bracket"),
        (at.startswith(("True", "False", "None")), "write true, false and null in small letters"),
        (error.msg.startswith("Invalid control character"), "write it as an escape, such as \\n"),
        (error.msg.startswith("Extra data"), "a JSON text holds one value; wrap several in a list"),
        (error.msg.startswith("Expecting property name"), "names take double quotation marks"),
        (
            at[:1] in {"+", "."} or bool(re.search(r"\b0\d", text[max(0, error.pos - 1) : error.pos + 1])),
            "numbers have no leading zero, plus sign or leading point",
        ),
    )
    reason = next((reason for applies, reason in reasons if applies), "")
    return f"{error.msg}{f' ({reason})' if reason else ''}"
