"""Where a name is used, by syntax: in code, and neither in comments nor in texts."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from ast_grep_py import SgNode

from sanctuary_filesystem.source import grammar
from sanctuary_filesystem.source.outline import Symbol

NAMING: Final = frozenset({
    *("name", "variable_name", "word", "variable", "constructor", "constant", "instance_variable", "class_variable"),
    *("global_variable", "hash_key_symbol", "simple_symbol", "module_id", "class_name", "id_name", "tag_name"),
    "field_name",
    *("attribute_name", "keyframes_name", "feature_name", "property_name", "anchor_name", "alias_name"),
    "string_scalar",
    *("metavariable", "alias"),
})  # fmt: skip
"""Kinds of nodes that are names, beside those whose kind ends with `identifier`."""
OPAQUE: Final = {"c": "preproc_arg", "cpp": "preproc_arg", "elixir": "alias"}
"""Kinds of nodes, by language, whose parts the grammar does not tell: names in them are found as words."""
SPECIAL: Final = re.compile(r"([^\w\s])")


def uses_of(root: SgNode, name: str, language: str) -> list[int]:
    """Where a name is used, in characters, in order."""
    escaped = SPECIAL.sub(r"\\\1", name)
    found: set[int] = set()
    for node in grammar.find(root, [{"regex": f"^{escaped}$"}]):
        kind = node.kind()
        if kind.endswith("identifier") or kind in NAMING:
            found.add(node.range().start.index)
    if language in OPAQUE:
        word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
        for node in grammar.of_kinds(root, [OPAQUE[language]]):
            start = node.range().start.index
            found.update(start + one.start() for one in word.finditer(node.text()))
    return sorted(found)


def defined_at(symbols: Iterable[Symbol], name: str) -> dict[int, Symbol]:
    """Where a file defines a name, in characters."""
    return {start: one for one in symbols for text, start in one.names if text == name}


class Places:
    """Lines and columns of places in a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(one.end() for one in re.finditer("\n", text))]

    def of(self, place: int) -> tuple[int, int]:
        """Line and column, both from 1 on."""
        line = bisect_right(self._starts, place)
        return line, place - self._starts[line - 1] + 1

    def line(self, number: int, around: int = 1, most: int = 160) -> str:
        """A line without its indentation; of a long one what is around a column."""
        number = min(max(number, 1), len(self._starts))
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self._text)
        if end - start <= most:
            return self._text[start:end].strip()
        first = max(start, min(start + around - 1 - most // 2, end - most))
        cut = self._text[first : first + most].strip()
        return f"{'…' if first > start else ''}{cut}{'…' if first + most < end else ''}"

    @property
    def count(self) -> int:
        """How many lines there are; a line end at the end of the text begins none."""
        return len(self._starts) - (self._starts[-1] == len(self._text) and len(self._starts) > 1)
