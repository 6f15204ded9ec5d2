"""How what was found is told: grouped by file, in few words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sanctuary_filesystem.source.languages import LANGUAGES

SPLIT: Final = re.compile(r"::|[#/\\]")
DOTTED: Final = re.compile(r"[*.\s]+")
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


def symbol_items(rows: Iterable[Sequence[Any]], query: str) -> list[str]:
    """Definitions whose names fit."""
    parts = [re.escape(part) for part in SPLIT.sub(".", query).split("*")]
    wanted = re.compile("[^.]*".join(parts)), re.compile(".*".join(parts), re.DOTALL)
    items: list[str] = []
    for word, names, path, start, end, signature in rows:
        fitting = [name for name in names if _fits(wanted, name, path)]
        if fitting:
            items.append(f"{lines_of(start, end)} {word} {'.'.join((*path, *fitting[:1]))}: {signature}")
    return items


def _fits(wanted: tuple[re.Pattern[str], re.Pattern[str]], name: str, path: Sequence[str]) -> bool:
    by_path, by_name = wanted
    parts = SPLIT.sub(".", ".".join((*path, name))).split(".")
    tails = (".".join(parts[place:]) for place in range(len(parts) - 1, -1, -1))
    return by_name.fullmatch(name) is not None or any(by_path.fullmatch(tail) for tail in tails)


def literal_of(query: str) -> list[str]:
    """What must stand in a file that defines a name that fits: the longest part of the name without wildcards."""
    last = SPLIT.sub(".", query).rpartition(".")[2] or query
    return [max(DOTTED.split(last), key=len)]


def reference_items(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Uses of a name."""
    return [
        f"{line}:{column} {f'({word} defined) ' if word else f'in {inside}: ' if inside else ''}{text}"
        for line, column, word, inside, text in rows
    ]


def match_items(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Matches of a pattern, with what its variables captured."""
    items: list[str] = []
    for line, column, last, shown, captured in rows:
        more = last - line + 1 - len(shown)
        lines = [*shown, *([f"… {more:,} more lines"] if more > 0 else [])]
        variables = [f"{name}={value}" for name, value in captured[:CUT]]
        head = f"{line}:{column}{f' to {last}' if last > line else ''} {lines[0]}"
        items.append("\n    ".join([head, *lines[1:], *(["; ".join(variables)] if variables else [])]))
    return items


def fault_items(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Errors of syntax."""
    return [f"{line}:{column} {message} | {text}" for line, column, message, text in rows]


def measure_items(found: dict[str, Any], *, all_of_them: bool) -> list[str]:
    """Measures of a file."""
    items = [counts(found)]
    worst = found["worst"] if all_of_them else [row for row in found["worst"][:1] if row[0] > 1]
    items += [
        f"{name}, line {start}: complexity {complexity}, {length} lines" for complexity, length, start, name in worst
    ]
    return ["\n".join(items)]


def counts(found: dict[str, Any]) -> str:
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
