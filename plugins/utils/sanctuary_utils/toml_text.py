"""TOML as text: read by the standard library under limits, written with what TOML cannot hold named."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

import tomli_w

from sanctuary_host import ToolError
from sanctuary_utils.documents import DEPTH, Document, FormatError, Value, measure, number, quoted, require_depth

__all__ = ["read_toml", "write_toml"]

DOTTED: Final = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""")
"""A dotted key so long that the reader would take quadratic time over it."""
LENGTH: Final = 250_000
"""Characters that are read, at about a second for the most laborious ones."""
BIG: Final = 2**63


def read_toml(text: str) -> Document:
    """Read TOML 1.0.

    Raises:
        FormatError: it is not TOML, or goes past the limits of nesting and of dotted keys.
    """
    if len(text) > LENGTH:
        raise FormatError("TOML", f"more than {LENGTH:,} characters are not read")
    if found := DOTTED.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise FormatError("TOML", "more than 64 names joined by dots are not read", line)
    try:
        value: Value = tomllib.loads(text, parse_float=_real)
    except tomllib.TOMLDecodeError as error:
        found = re.match(r"(.*?)(?: \(at (?:line (\d+), column (\d+)|end of document)\))?\Z", str(error), re.DOTALL)
        cause = re.sub(r"[^ -~]", "?", found[1] if found else "")[:120]
        line, column = (int(found[2]), int(found[3])) if found and found[2] else (0, 0)
        raise FormatError("TOML", cause + ("" if line else ", at the end of the text"), line, column) from None
    except RecursionError:
        raise FormatError("TOML", f"it is nested more than {DEPTH} levels deep") from None
    except ValueError:
        # Digits beyond Python's limit for integers, or a date that does not exist.
        raise FormatError("TOML", "a number has too many digits, or a date does not exist") from None
    require_depth(value, "TOML")
    return Document(value)


def write_toml(value: Value) -> Document:
    """Write TOML; the notes say what it could not hold.

    Raises:
        ToolError: the content is no object, or has a null in a list.
    """
    if not isinstance(value, dict):
        raise ToolError('a TOML document is a table; wrap the list or value in an object such as {"items": …}')
    measure(value, 4, "TOML")
    dropped: list[str] = []
    kept = _without_nulls(value, dropped)
    notes: list[str] = []
    if dropped:
        names = ", ".join(quoted(name) for name in dropped[:5])
        notes.append(f"TOML has no null: {len(dropped)} member(s) left out: {names}")
    if _has_big(kept):
        notes.append("integers beyond 64 bits were written, which many TOML readers refuse")
    assert isinstance(kept, dict)
    return Document(tomli_w.dumps(kept, multiline_strings=False), notes)


def _real(digits: str) -> Any:
    if digits.lstrip("+-") in {"inf", "nan"}:
        return float(digits)
    return number(digits, "TOML")


def _without_nulls(value: Value, dropped: list[str]) -> Value:
    if isinstance(value, dict):
        dropped += [key for key, item in value.items() if item is None]
        return {key: _without_nulls(item, dropped) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        if None in value:
            raise ToolError("TOML has no null, and one stands in a list; take it out or replace it first")
        return [_without_nulls(item, dropped) for item in value]
    return value


def _has_big(value: Value) -> bool:
    if isinstance(value, dict):
        return any(_has_big(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_big(item) for item in value)
    return isinstance(value, int) and not -BIG <= value < BIG
