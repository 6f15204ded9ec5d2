"""The one shape of what is found out about a text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, cast

from pydantic import JsonValue

from sanctuary_utils.documents import Value

__all__ = ["Analysis", "as_json", "invalid", "size_of", "valid"]

SHOWN: Final = 1_500
"""Characters of the data that stand in the readable text too."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found: whether the text is valid where that was asked, named facts, and a list of `total` things.

    `truncated` says that the list, or the text in a fact, is not whole.
    """

    summary: str
    valid: bool | None = None
    facts: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    items: list[JsonValue] = field(default_factory=list[JsonValue])
    total: int = 0
    truncated: bool = False

    def __str__(self) -> str:
        """The summary, then as much of the rest as is short."""
        lines = [self.summary]
        for name, value in self.facts.items():
            if isinstance(value, str) and len(value) > 10 and value in self.summary:
                continue
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines.append(f"{name}: {shown}")
        lines += [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in self.items]
        text = "\n".join(lines)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]} … (whole in the structured content)"


def valid(summary: str, facts: Mapping[str, JsonValue] | None = None, items: Sequence[JsonValue] = ()) -> Analysis:
    """The text is what it was said to be."""
    return Analysis(summary, valid=True, facts={**(facts or {})}, items=[*items], total=len(items))


def invalid(form: str, cause: str, **facts: JsonValue) -> Analysis:
    """The text is not what it was said to be."""
    return Analysis(f"not a valid {form}: {cause}", valid=False, facts={"cause": cause, **facts})


def as_json(value: Value, strings: list[str]) -> JsonValue:
    """A value that goes into a result; a number that no float holds becomes a string, and is noted in `strings`."""
    if isinstance(value, Mapping):
        return {key: as_json(item, strings) for key, item in cast("Mapping[str, Value]", value).items()}
    if isinstance(value, list):
        return [as_json(item, strings) for item in value]
    if isinstance(value, Decimal):
        strings.append(str(value))
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def size_of(value: Any, limit: int) -> int:
    """About the characters that a value takes as JSON, counted no further than `limit`."""
    total = 0
    stack: list[Any] = [value]
    while stack and total < limit:
        item: Any = stack.pop()
        total += 2
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, Mapping):
            total += sum(map(len, cast("Mapping[str, Any]", item)))
            stack += cast("Mapping[str, Any]", item).values()
        elif isinstance(item, Sequence):
            # No more than can still count, so that a list of many does not cost more than the limit.
            stack += item[: limit - total + 1]
        else:
            total += 4
    return total
