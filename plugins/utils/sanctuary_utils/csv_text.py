"""CSV as text: records of strings, the delimiter given or recognised, ragged rows never papered over."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.documents import Document, FormatError, Value, quoted

__all__ = ["Table", "read_table", "table_to_value", "write_csv"]

DELIMITERS: Final = ",;\t|"
FORMULA: Final = ("=", "+", "-", "@")
CELLS: Final = 1_000_000
"""Cells that a table may have when it is written."""
ROW_END: Final = "\r\n"
NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True, slots=True)
class Table:
    """The records of a CSV text with the lines on which they start, counted from 1."""

    rows: list[list[str]]
    lines: list[int]
    delimiter: str

    @property
    def delimiter_name(self) -> str:
        """The delimiter as a word."""
        return NAMES.get(self.delimiter, quoted(self.delimiter))


def read_table(text: str, delimiter: str = "") -> Table:
    """Read records; without a delimiter, the one of comma, semicolon, tab and bar that fits the first records best.

    Raises:
        FormatError: a quotation mark is not closed or misplaced, or a field is longer than 131,072 characters.
    """
    if delimiter and (len(delimiter) > 1 or delimiter in '\r\n"'):
        raise ToolError("delimiter must be one character, neither a quotation mark nor a line break")
    text = text.removeprefix("\ufeff")
    delimiter = delimiter or _recognise(text)
    rows: list[list[str]] = []
    lines: list[int] = []
    for row, line in _records(text, delimiter):
        if row:
            rows.append(row)
            lines.append(line)
    return Table(rows, lines, delimiter)


def table_to_value(table: Table) -> Document:
    """A list of objects, one for each record, named by the first record.

    Raises:
        FormatError: the names are not distinct, or a record has another number of fields than the first.
    """
    if not table.rows:
        return Document([], ["the table has no rows"])
    header, *records = table.rows
    if repeated := [name for name, count in Counter(header).items() if count > 1]:
        raise FormatError("CSV", f"the column name {quoted(repeated[0])} stands twice; give each column its own", 1)
    for row, line in zip(records, table.lines[1:], strict=True):
        if len(row) != len(header):
            raise FormatError("CSV", f"{len(row)} field(s), but the header has {len(header)}", line)
    objects: list[Value] = [dict(zip(header, row, strict=True)) for row in records]
    return Document(objects, [f"fields were parted at each {table.delimiter_name}", "all values are strings"])


def write_csv(value: Value, delimiter: str = "") -> Document:
    """Write a list of objects (or of lists, or one object) as a table; the notes say what changed.

    Raises:
        ToolError: the content is no table, or the table would be too large.
    """
    if len(delimiter) > 1 or (delimiter and delimiter in '\r\n"'):
        raise ToolError("delimiter must be one character, neither a quotation mark nor a line break")
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list) or not items:
        raise ToolError("CSV takes a list of objects or of lists with at least one row; convert such a part of it")
    objects = [item for item in items if isinstance(item, dict)]
    lists = [item for item in items if isinstance(item, list)]
    if len(objects) != len(items) and len(lists) != len(items):
        raise ToolError("CSV takes a list of objects or a list of lists; this list holds other things too")
    notes: Counter[str] = Counter()
    columns = list(dict.fromkeys(key for item in objects for key in item))
    if len(columns) * len(objects) > CELLS:
        raise ToolError(f"the table would have over {CELLS:,} cells: {len(columns):,} columns; convert a part of it")
    out = _Rows()
    writer = csv.writer(out, delimiter=delimiter or ",", lineterminator=ROW_END)
    if objects:
        writer.writerow(columns)
        missing = sum(len(columns) - len(item) for item in objects)
        notes["missing member(s) became empty fields"] = missing
        # A missing member is the empty string here, so that only real nulls are counted as such.
        writer.writerows([_cell(item.get(name, ""), notes) for name in columns] for item in objects)
    else:
        writer.writerows([_cell(field, notes) for field in row] for row in lists)
    return Document("".join(out.rows), [f"{count} {what}" for what, count in notes.items() if count])


class _Rows:
    """Takes the writer's rows. It is told to end them with both characters, so that it quotes fields with either."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def write(self, row: str) -> None:
        """Keep a row, ended by a line feed."""
        self.rows.append(row.removesuffix(ROW_END) + "\n")


def _cell(value: Value, notes: Counter[str]) -> str:
    if isinstance(value, str):
        if value.startswith(FORMULA):
            notes["text(s) start with = + - or @, which spreadsheets run as formulas"] += 1
        return value
    if value is None:
        notes["null(s) became empty fields"] += 1
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        notes["nested value(s) were written as JSON"] += 1
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _records(text: str, delimiter: str) -> Iterator[tuple[list[str], int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            yield row, line
            line = reader.line_num + 1
    except csv.Error as error:
        cause = str(error)
        if "field larger" in cause:
            cause = "a field is longer than 131,072 characters, or a quotation mark is not closed"
        elif "unexpected end" in cause:
            cause = "a quotation mark is opened and never closed"
        elif "expected after" in cause:
            cause = 'a closing quotation mark must be followed by the delimiter; inside a field write it twice ("")'
        raise FormatError("CSV", cause, line) from None


def _recognise(text: str) -> str:
    """The delimiter that parts most records alike, judged by the first ones."""
    sample = text[:20_000]
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        widths: list[int] = []
        try:
            for row, _ in _records(sample, delimiter):
                if row:
                    widths.append(len(row))
                if len(widths) >= 50:
                    break
        except FormatError:
            pass
        # The sample may end within a record.
        widths = widths[:-1] if len(text) > len(sample) and len(widths) > 1 else widths
        if not widths:
            continue
        width, alike = Counter(widths).most_common(1)[0]
        score = alike / len(widths) * (width > 1) + width / 10_000
        if score > best_score and width > 1:
            best, best_score = delimiter, score
    return best
