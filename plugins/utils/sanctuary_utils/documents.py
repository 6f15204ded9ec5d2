"""What the document formats share: the values that they hold, and the limits that keep each of them cheap."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from sanctuary_host import ToolError

__all__ = [
    "DEPTH",
    "OUTPUT",
    "Document",
    "FormatError",
    "Scalar",
    "Value",
    "measure",
    "number",
    "place",
    "quoted",
    "replace_scalars",
    "require_depth",
    "require_text",
]

Scalar: TypeAlias = str | int | float | Decimal | bool | dt.datetime | dt.date | dt.time | None
Value: TypeAlias = "dict[str, Value] | list[Value] | Scalar"
"""A document's content. Decimals stand for numbers that a float cannot hold, dates for those of TOML."""

DEPTH: Final = 200
"""Levels of nesting that a document may have: what others read too, and what no recursion of ours overflows on."""
OUTPUT: Final = 2_000_000
"""Characters that a result may have."""
INTEGER_DIGITS: Final = 4_000
"""Digits up to which Python turns text into an integer and back (its own limit is 4,300)."""
NUMBER_DIGITS: Final = 100_000
NAME: Final = 60


class FormatError(ToolError):
    """A text is not what it should be: `cause` says why, `line` and `column` where (from 1; 0 where unknown)."""

    def __init__(self, form: str, cause: str, line: int = 0, column: int = 0) -> None:
        """Say that a text of `form` has a fault."""
        where = f" at line {line}, column {column}" if column else f" at line {line}" if line else ""
        super().__init__(f"not valid {form}{where}: {cause}")
        self.cause, self.line, self.column = cause, line, column


@dataclass(frozen=True, slots=True)
class Document:
    """A document's content, and a sentence for each thing that reading it did not keep."""

    value: Value
    notes: list[str] = field(default_factory=list[str])


def place(text: str, position: int) -> tuple[int, int]:
    """The line and the column of a position in a text, both counted from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def number(digits: str, form: str, line: int = 0, column: int = 0) -> int | float | Decimal:
    """The number that decimal digits write: an integer or a float where that is exactly it, else a Decimal.

    Raises:
        FormatError: it has more than 100,000 digits, or an exponent out of all bounds.
    """
    if len(digits) > NUMBER_DIGITS:
        raise FormatError(form, f"a number has more than {NUMBER_DIGITS:,} digits", line, column)
    try:
        if digits.lstrip("+-").isdigit():
            whole = int(digits) if len(digits) <= INTEGER_DIGITS else Decimal(digits)
            return -0.0 if not whole and digits.startswith("-") else whole
        near, exact = float(digits), Decimal(digits)
    except InvalidOperation:
        raise FormatError(form, "a number's exponent is out of all bounds", line, column) from None
    return near if math.isfinite(near) and Decimal(repr(near)) == exact else exact


def quoted(name: str) -> str:
    """A short name in quotation marks: at most 60 characters, without control characters."""
    shown = "".join(char if char.isprintable() else "?" for char in name[:NAME])
    return f"'{shown}{'…' if len(name) > NAME else ''}'"


def require_text(**texts: str) -> None:
    """Refuse strings that are no Unicode text.

    Raises:
        ToolError: a string has half of a surrogate pair, which no encoding can write.
    """
    for name, text in texts.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ToolError(
                f"{name} has an unpaired surrogate (U+{ord(text[error.start]):04X}) at character {error.start + 1}, "
                "which is no text; send it as an escape sequence in plain characters instead"
            ) from None


def measure(value: Value, indent: int, form: str) -> None:
    """Refuse what would grow too long when it is written with `indent` spaces a level.

    Raises:
        ToolError: the text would have more characters than a result may have.
    """
    total = 0

    def visit(item: Value, level: int) -> None:
        nonlocal total
        total += level * indent + 2
        if isinstance(item, str):
            total += len(item) + 2
        elif isinstance(item, dict):
            for key, inner in item.items():
                total += len(key) + 4
                visit(inner, level + 1)
        elif isinstance(item, list):
            for inner in item:
                visit(inner, level + 1)
        if total > OUTPUT:
            raise ToolError(
                f"written as {form} this would pass {OUTPUT:,} characters; convert a part of it, or without indentation"
            )

    visit(value, 0)


def require_depth(value: Value, form: str) -> None:
    """Refuse a document that is nested too deeply.

    Raises:
        FormatError: there are more than 200 levels.
    """
    level: list[Value] = [value]
    for _ in range(DEPTH + 1):
        inner: list[Value] = []
        for item in level:
            inner += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        if not inner:
            return
        level = inner
    raise FormatError(form, f"it is nested more than {DEPTH} levels deep")


def replace_scalars(value: Value, replace: Callable[[Scalar], Scalar]) -> Value:
    """A copy of a document in which `replace` was applied to everything that is neither object nor list."""
    if isinstance(value, dict):
        return {key: replace_scalars(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_scalars(item, replace) for item in value]
    return replace(value)
