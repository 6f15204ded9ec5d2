"""How what was found is told: grouped by file, in few words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sanctuary_filesystem.source.languages import LANGUAGES
from sanctuary_filesystem.source.measures import Measures
from sanctuary_filesystem.source.outline import Symbol

SPLIT: Final = re.compile(r"::|[#/\\]")
WILD: Final = re.compile(r"[*\s]+")
CUT: Final = 8
"""Captured variables of a match that are told."""


def lines_of(start: int, end: int) -> str:
    """A range of lines."""
    return f"{start}" if start == end else f"{start}-{end}"


def outline_items(rows: Iterable[Sequence[Any]], *, nested: bool) -> list[str]:
    """Definitions with their lines."""
    return [
        f"{lines_of(start, end)} {'  ' * depth}{signature}"
        for start, end, depth, signature in rows
        if nested or depth == 0
    ]


def symbol_items(symbols: Iterable[Symbol], query: str) -> list[str]:
    """Definitions whose names fit."""
    parts = [re.escape(part) for part in SPLIT.sub(".", query).split("*")]
    wanted = re.compile("[^.]*".join(parts)), re.compile(".*".join(parts), re.DOTALL)
    items: list[str] = []
    for one in symbols:
        name = next((name for name, _ in one.names if _fits(wanted, name, one.path)), None)
        if name is not None:
            items.append(f"{lines_of(one.start, one.end)} {one.word} {'.'.join((*one.path, name))}: {one.signature}")
    return items


def _fits(wanted: tuple[re.Pattern[str], re.Pattern[str]], name: str, path: Sequence[str]) -> bool:
    by_path, by_name = wanted
    parts = SPLIT.sub(".", ".".join((*path, name))).split(".")
    tails = (".".join(parts[place:]) for place in range(len(parts) - 1, -1, -1))
    return by_name.fullmatch(name) is not None or any(by_path.fullmatch(tail) for tail in tails)


def literal_of(query: str) -> str:
    """What must stand in a file that defines a name that fits: the longest part of the name without wildcards."""
    return max(WILD.split(last_of(query)), key=len)


def last_of(query: str) -> str:
    """The last part of a name with dots, colons or slashes."""
    return SPLIT.sub(".", query).rpartition(".")[2] or query


def reference_item(line: int, column: int, word: str, inside: str, text: str) -> str:
    """A use of a name: what it defines, or the function that it is in, and its line."""
    return f"{line}:{column} {f'({word} defined) ' if word else f'in {inside}: ' if inside else ''}{text}"


def match_item(line: int, column: int, last: int, shown: Sequence[str], captured: Sequence[tuple[str, str]]) -> str:
    """A match of a pattern, with what its variables captured."""
    more = last - line + 1 - len(shown)
    lines = [*shown, *([f"… {more:,} more lines"] if more > 0 else [])]
    variables = [f"{name}={value}" for name, value in captured[:CUT]]
    head = f"{line}:{column}{f' to {last}' if last > line else ''} {lines[0]}"
    return "\n    ".join([head, *lines[1:], *(["; ".join(variables)] if variables else [])])


def fault_item(line: int, column: int, message: str, text: str) -> str:
    """An error of syntax."""
    return f"{line}:{column} {message} | {text}"


def measure_item(found: Measures, *, all_of_them: bool) -> str:
    """Measures of a file."""
    worst = found.worst if all_of_them else [row for row in found.worst[:1] if row[0] > 1]
    return "\n".join(
        [
            counts(found.counts()),
            *(f"{name}, line {start}: complexity {value}, {length} lines" for value, length, start, name in worst),
        ]
    )


def counts(found: Mapping[str, int]) -> str:
    """Lines, functions, complexity and nesting."""
    said = f"{found['lines']:,} lines: {found['code']:,} code, {found['comment']:,} comment, {found['blank']:,} blank"
    if not found["functions"]:
        return said
    return f"{said}; {found['functions']:,} functions, complexity {found['complexity']:,}, nesting {found['depth']}"


def languages() -> list[str]:
    """All languages and how they are told from files' names."""
    return [
        f"{one.name}: {' '.join((*one.endings, *one.names))}{'' if one.grammar else ' (check and metrics only)'}"
        for one in LANGUAGES.values()
    ]
