"""Conversions among JSON, YAML, TOML and CSV, each with a note for everything that it could not keep."""

from __future__ import annotations

import datetime as dt

from sanctuary_host import ToolError
from sanctuary_utils.csv_text import read_table, table_to_value, write_csv
from sanctuary_utils.documents import Document, Scalar, Value, replace_scalars
from sanctuary_utils.json_text import read_json, write_json
from sanctuary_utils.text_words import Format
from sanctuary_utils.toml_text import read_toml, write_toml
from sanctuary_utils.yaml_text import read_yaml, write_yaml

__all__ = ["convert", "minify", "pretty", "read"]


def read(text: str, form: Format, delimiter: str = "") -> Document:
    """Read one document of a format.

    Raises:
        FormatError: the text is not of that format.
        ToolError: it holds no or several documents.
    """
    if form == "json":
        return read_json(text)
    if form == "toml":
        return read_toml(text)
    if form == "csv":
        return table_to_value(read_table(text, delimiter))
    documents = read_yaml(text)
    if len(documents) != 1:
        raise ToolError(f"the YAML stream holds {len(documents)} documents; give one of them at a time")
    return documents[0]


def convert(text: str, source: Format, target: Format, delimiter: str, indent: int) -> Document:
    """The text of the same content in another format.

    Raises:
        FormatError: the text is not of the source format.
        ToolError: the target cannot hold the content.
    """
    document = read(text, source, delimiter)
    value, notes = document.value, list(document.notes)
    if target != "toml" and source == "toml":
        value = _dates_as_strings(value, notes)
    if target == "json":
        return Document(write_json(value, indent), notes)
    if target == "yaml":
        return Document(write_yaml(value), notes)
    written = write_toml(value) if target == "toml" else write_csv(value, delimiter)
    return Document(written.value, notes + written.notes)


def pretty(text: str, indent: int) -> Document:
    """JSON over several lines, its numbers unchanged."""
    document = read_json(text)
    return Document(write_json(document.value, indent), document.notes)


def minify(text: str) -> Document:
    """JSON without white space, its numbers unchanged."""
    document = read_json(text)
    return Document(write_json(document.value, None), document.notes)


def _dates_as_strings(value: Value, notes: list[str]) -> Value:
    count = 0

    def replace(item: Scalar) -> Scalar:
        nonlocal count
        if isinstance(item, (dt.date, dt.time)):
            count += 1
            return item.isoformat()
        return item

    converted = replace_scalars(value, replace)
    if count:
        notes.append(f"{count} date(s) or time(s) became strings")
    return converted
