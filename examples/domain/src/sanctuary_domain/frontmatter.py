"""Front matter: the corner of YAML that records need, read strictly and changed one field at a time.

We read it ourselves rather than with a YAML library for two reasons. A record is edited by people too, so a change
of status must leave their comments, their order and the fields that we do not know exactly as they were. And what a
person writes as `no` or `2026-01-01` is a word here, not a boolean or a date. Whatever is written here means the same
to a YAML parser; what would mean something else to one is refused.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from json import JSONDecodeError
from typing import Final

from sanctuary_host import ToolError

_FENCE: Final = "---"
_FIELD: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*):(?:[ \t]+(.*))?")
_SINGLE_QUOTED: Final = re.compile(r"'((?:[^']|'')*)'")
_IN_LIST: Final = re.compile(r"[^,\[\]{}]+")
_REST: Final = re.compile(r"\s*(?:\s#.*)?")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
# Plain words that a YAML parser of either version takes for text, and the same inside and outside a list.
_PLAIN: Final = re.compile(r"[A-Za-z](?:[\w ./()+-]*[\w.)])?", re.ASCII)
_NOT_TEXT: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
# Characters that JSON leaves as they are and YAML would fold, refuse or take for line ends.
_NEEDS_ESCAPE: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A field with the lines that belong to it, or (with no key) a comment or blank line."""

    key: str
    lines: tuple[str, ...]
    line_number: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A Markdown text with front matter; each change is a new document."""

    entries: tuple[_Entry, ...] = ()
    body: str = ""
    line_end: str = "\n"

    def text(self, key: str) -> str:
        """A field's text; empty where the field is missing, empty or null.

        Raises:
            ToolError: the field is a list, or not as the module's first lines say.
        """
        if (entry := self._entry(key)) is None:
            return ""
        if any(line.strip() and not line.strip().startswith("#") for line in entry.lines[1:]):
            raise ToolError(f"line {entry.line_number}: {key} must stand on one line")
        return _scalar(_value(entry), entry)

    def texts(self, key: str) -> tuple[str, ...]:
        """A field's list: `[a, b]`, or an item a line, or one text alone."""
        if (entry := self._entry(key)) is None:
            return ()
        value = _value(entry)
        if value.startswith("["):
            return tuple(_flow(value, entry))
        if value and not value.startswith("#"):
            return tuple(filter(None, [self.text(key)]))
        return tuple(_block(entry))

    def with_value(self, key: str, value: str | int | date) -> "Document":
        """The document with the field set; an empty text leaves it out."""
        return self._with(key, (f"{key}: {_written(value)}",) if value else ())

    def with_list(self, key: str, values: Sequence[str | int]) -> "Document":
        """The document with the field set to a list on one line; an empty list leaves it out."""
        return self._with(key, (f"{key}: [{', '.join(map(_written, values))}]",) if values else ())

    def with_item(self, key: str, text: str) -> "Document":
        """The document with an item added to a list; lines of items that are there stay as they are."""
        entry = self._entry(key)
        if entry is not None and not _COMMENT.sub("", _value(entry)):
            last = max((index for index, line in enumerate(entry.lines) if line.strip()), default=0)
            marked = [line for line in entry.lines[1:] if line.lstrip().startswith("- ")]
            indent = marked[0][: len(marked[0]) - len(marked[0].lstrip())] if marked else "  "
            lines = (*entry.lines[: last + 1], f"{indent}- {_written(text)}", *entry.lines[last + 1 :])
        else:
            items = [*self.texts(key), text]
            lines = (f"{key}:", *(f"  - {_written(item)}" for item in items))
        return self._with(key, lines)

    def with_body(self, body: str) -> "Document":
        """The document with another body, set off by a blank line."""
        return replace(self, body=f"\n{body}\n" if body else "")

    def render(self) -> str:
        """The document as its file's text."""
        lines = [_FENCE, *(line for entry in self.entries for line in entry.lines), _FENCE]
        return ("\n".join(lines) + "\n" + self.body).replace("\n", self.line_end)

    def _entry(self, key: str) -> _Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def _with(self, key: str, lines: tuple[str, ...]) -> "Document":
        old = self._entry(key)
        new = (_Entry(key, lines),) if lines else ()
        if old is None:
            return replace(self, entries=(*self.entries, *new))
        at = self.entries.index(old)
        return replace(self, entries=(*self.entries[:at], *new, *self.entries[at + 1 :]))


def parse(text: str) -> Document:
    """Read a file's text.

    Raises:
        ToolError: a sentence that names the line.
    """
    line_end = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _FENCE:
        raise ToolError("line 1: a record starts with a line of three hyphens and its fields")
    closing = next((index for index, line in enumerate(lines) if index and line.rstrip() == _FENCE), None)
    if closing is None:
        raise ToolError("the fields are not closed by a line of three hyphens")
    entries: list[tuple[str, list[str], int]] = []
    keys: set[str] = set()
    for number, line in enumerate(lines[1:closing], start=2):
        if not line.strip() or line.startswith("#"):
            entries.append(("", [line], number))
        elif line[0] in " \t" or line.startswith("- "):
            if not entries or not entries[-1][0]:
                raise ToolError(f"line {number}: an indented line must follow the field that it belongs to")
            entries[-1][1].append(line)
        elif match := _FIELD.fullmatch(line):
            if match[1] in keys:
                raise ToolError(f"line {number}: a field stands there twice")
            keys.add(match[1])
            entries.append((match[1], [line], number))
        else:
            raise ToolError(f"line {number}: a field is written as name: value")
    fields = tuple(_Entry(key, tuple(belonging), number) for key, belonging, number in entries)
    return Document(fields, "\n".join(lines[closing + 1 :]), line_end)


def _value(entry: _Entry) -> str:
    match = _FIELD.fullmatch(entry.lines[0])
    return ((match and match[2]) or "").strip()


def _scalar(text: str, entry: _Entry) -> str:
    if text.startswith('"'):
        value, end = _double_quoted(text, 0, entry)
    elif text.startswith("'"):
        value, end = _single_quoted(text, 0, entry)
    else:
        return _plain(_COMMENT.sub("", text, count=1).strip(), entry)
    if not _REST.fullmatch(text, end):
        raise _needs_quotes(entry)
    return value


def _double_quoted(text: str, at: int, entry: _Entry) -> tuple[str, int]:
    # A JSON string is a YAML string with the same meaning; YAML's further escapes are refused.
    try:
        value, end = json.JSONDecoder().raw_decode(text, at)
    except JSONDecodeError:
        raise ToolError(f"line {entry.line_number}: {entry.key} is not a well-formed quoted text") from None
    return str(value), end


def _single_quoted(text: str, at: int, entry: _Entry) -> tuple[str, int]:
    if not (match := _SINGLE_QUOTED.match(text, at)):
        raise ToolError(f"line {entry.line_number}: {entry.key} lacks its closing quote")
    return match[1].replace("''", "'"), match.end()


def _plain(text: str, entry: _Entry) -> str:
    if text in {"~", "null"}:
        return ""
    if text[:1] in set("&*!|>%@`{}[],\"'") or text[:2] in {"- ", "? ", ": "} or ": " in text or text.endswith(":"):
        raise _needs_quotes(entry)
    return text


def _needs_quotes(entry: _Entry) -> ToolError:
    return ToolError(f"line {entry.line_number}: the value of {entry.key} must stand in double quotes")


def _flow(text: str, entry: _Entry) -> Iterator[str]:
    """The items of a list such as `[a, "b, c"]`."""
    at = _blank(text, 1)
    while text[at : at + 1] != "]":
        if text[at : at + 1] == '"':
            value, at = _double_quoted(text, at, entry)
        elif text[at : at + 1] == "'":
            value, at = _single_quoted(text, at, entry)
        elif match := _IN_LIST.match(text, at):
            value, at = _plain(match[0].strip(), entry), match.end()
            if _COMMENT.search(match[0]):
                raise _needs_quotes(entry)
        else:
            value = ""
        at = _blank(text, at)
        if not value or text[at : at + 1] not in {",", "]"}:
            raise ToolError(f"line {entry.line_number}: {entry.key} is not a list such as [one, two]")
        yield value
        if text[at] == ",":
            at = _blank(text, at + 1)
    if not _REST.fullmatch(text, at + 1):
        raise ToolError(f"line {entry.line_number}: {entry.key} has text after its list")


def _blank(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _block(entry: _Entry) -> Iterator[str]:
    """The items of a list with an item a line."""
    for line in entry.lines[1:]:
        item = line.strip()
        if not item or item.startswith("#"):
            continue
        if not item.startswith("- "):
            raise ToolError(f"line {entry.line_number}: {entry.key} is not a list of lines that start with a hyphen")
        if value := _scalar(item[2:].strip(), entry):
            yield value


def _written(value: str | int | date) -> str:
    text = str(value)
    if not isinstance(value, str):
        return text
    if _PLAIN.fullmatch(text) and text.casefold() not in _NOT_TEXT:
        return text
    escaped = json.dumps(text, ensure_ascii=False)
    return _NEEDS_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", escaped)
