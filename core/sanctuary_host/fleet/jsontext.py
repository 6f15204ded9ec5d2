"""Edits to a JSON file that leave everything else in it as it stands: order, spacing, comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

COMMENT: Final = r"//[^\n]*|/\*(?>.*?\*/)"
TEXT: Final = r'"(?:\\.|[^"\\])*+"'
COMMENTS: Final = re.compile(rf"{TEXT}|{COMMENT}", re.DOTALL)
"""Strings, which may look like comments inside, and comments."""
LOOSE: Final = re.compile(rf"{TEXT}|{COMMENT}|,(?=(?>\s|{COMMENT})*+[}}\]])", re.DOTALL)
"""Those, and commas with nothing behind them."""
VISIBLE: Final = re.compile(r"\S")
DECODER: Final = json.JSONDecoder()


class BrokenError(ValueError):
    """The text is not what it should be; the message says where."""


@dataclass(frozen=True)
class Part:
    """One member of an object, or item of an array: where its value stands in the text."""

    key: str | int
    start: int
    end: int


def read(text: str, *, comments: bool) -> Any:
    """The value of a JSON text; empty text counts as an empty object.

    Raises:
        BrokenError: it is not JSON, or has comments where they are not allowed.
    """
    bare = _bare(text) if comments else text
    if not bare.strip():
        return {}
    try:
        return json.loads(bare)
    except json.JSONDecodeError as error:
        hint = "" if comments or _bare(text) == text else "; its client takes no comments or trailing commas"
        raise BrokenError(f"line {error.lineno}, column {error.colno}: {error.msg}{hint}") from None
    except RecursionError:
        raise BrokenError("it is nested too deep") from None


def is_blank(text: str) -> bool:
    """Whether a text holds nothing but comments."""
    return not _bare(text).strip()


def put(text: str, path: tuple[str, ...], value: Any) -> str:
    """The text with `value` as the member that `path` leads to; its last step may be new."""
    start = end = _start(text)
    for depth, step in enumerate(path):
        found = [part for part in _parts(text, start) if part.key == step]
        if not found:
            for missing in reversed(path[depth + 1 :]):
                value = {missing: value}
            return _append(text, start, f"{json.dumps(step, ensure_ascii=False)}: ", value)
        start = found[-1].start  # of members of the same name, readers take the last
        end = found[-1].end
    return text[:start] + _shown(text, value, _indent(text, start)) + text[end:]


def append(text: str, key: str, value: Any) -> str:
    """The text with `value` as the last item of the array `key`."""
    start = next(part.start for part in reversed(_parts(text, _start(text))) if part.key == key)
    return _append(text, start, "", value)


def _bare(text: str, loose: re.Pattern[str] = LOOSE) -> str:
    """The text without comments and trailing commas, or without comments alone, with all else where it was."""

    def blank(found: re.Match[str]) -> str:
        token = found.group()
        return token if token.startswith('"') else re.sub(r"\S", " ", token)

    return loose.sub(blank, text)


def _start(text: str) -> int:
    found = VISIBLE.search(_bare(text))
    return found.start() if found else 0


def _parts(text: str, start: int) -> list[Part]:
    return list(_walk(_bare(text), start))


def _walk(bare: str, start: int) -> Iterator[Part]:
    keyed = bare[start] == "{"
    at = _skip(bare, start + 1)
    index = 0
    while bare[at] not in "}]":
        key: str | int = index
        if keyed:
            key, at = DECODER.raw_decode(bare, at)
            at = _skip(bare, _skip(bare, at) + 1)  # past the colon
        _, end = DECODER.raw_decode(bare, at)
        yield Part(key, at, end)
        index += 1
        at = _skip(bare, end)
        if bare[at] == ",":
            at = _skip(bare, at + 1)


def _skip(bare: str, at: int) -> int:
    found = VISIBLE.search(bare, at)
    return found.start() if found else len(bare)


def _append(text: str, start: int, label: str, value: Any) -> str:
    """Put a last part into the object or array at `start`, behind whatever comments stand at its end."""
    bare = _bare(text)
    parts = list(_walk(bare, start))
    close = _skip(bare, parts[-1].end if parts else start + 1)
    own = _indent(text, start)
    inner = _indent(text, parts[0].start) if parts and _is_broken(text, start, parts[0].start) else own + _unit(text)
    tail = text[:close].rstrip()
    if parts and "," not in _bare(text, COMMENTS)[parts[-1].end : close]:
        tail = tail[: parts[-1].end] + "," + tail[parts[-1].end :]
    return f"{tail}\n{inner}{label}{_shown(text, value, inner)}\n{own}{text[close:]}"


def _is_broken(text: str, start: int, end: int) -> bool:
    return "\n" in text[start:end]


def _indent(text: str, at: int) -> str:
    """The white space at the beginning of the line."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _unit(text: str) -> str:
    found = re.search(r"\n([ \t]+)\S", text)
    return found.group(1) if found else "  "


def _shown(text: str, value: Any, indent: str) -> str:
    unit = _unit(text)
    shown = json.dumps(value, indent=unit if unit.strip(" ") else len(unit), ensure_ascii=False)
    return shown.replace("\n", f"\n{indent}")
