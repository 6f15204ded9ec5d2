"""Errors of syntax: Python, JSON and TOML as their own parsers have it, all else as its grammar does."""

from __future__ import annotations

import json
import re
import sys
import tomllib
import warnings
from dataclasses import dataclass
from typing import Final

from ast_grep_py import SgNode

from sanctuary_filesystem.source import grammar
from sanctuary_filesystem.source.uses import Places

MOST: Final = 50
"""Faults of one file that are told."""
PYTHON: Final = f"Python {sys.version_info.major}.{sys.version_info.minor}"
WITH_COMMENTS: Final = ("tsconfig", "jsconfig", ".eslintrc", "devcontainer", ".swcrc", "launch", "tasks", "settings")
"""Names of files of JSON that may have comments, as may whatever ends with `.jsonc`."""
PLACE: Final = re.compile(r"line (\d+), column (\d+)\)")
EMPTY: Final = frozenset({"string_content", "raw_text", "text", "heredoc_body", "code_fence_content", "null_scalar"})
"""Kinds of nodes that may be empty and miss nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One error; line and column from 1 on."""

    line: int
    column: int
    message: str


def by_standard(content: bytes, text: str, path: str, language: str) -> list[Fault] | None:
    """What the standard library finds; `None` where it does not know the language, or gave up."""
    try:
        if language == "python":
            return _python(content)
        if language == "json" and not _may_comment(path):
            return _json(text)
        if language == "toml":
            return _toml(text)
    except (RecursionError, MemoryError):
        return None
    return None


def by_grammar(root: SgNode, places: Places) -> list[Fault]:
    """What the grammar finds; of errors within each other the innermost."""
    errors = grammar.of_kinds(root, ["ERROR"])
    spans = [(node.range().start.index, node.range().end.index) for node in errors]
    found: list[Fault] = []
    for index, (node, (start, end)) in enumerate(zip(errors, spans, strict=True)):
        if index + 1 < len(spans) and spans[index + 1][0] < end and spans[index + 1][1] <= end:
            continue
        said = " ".join(node.text()[:60].split())
        line, column = places.of(start)
        found.append(Fault(line, column, f"unexpected {said}" if said else "something is missing"))
        if len(found) == MOST:
            return found
    for node in grammar.find(root, [{"regex": "^$"}]):
        kind = node.kind()
        start = node.range().start.index
        if not node.is_leaf() or kind in EMPTY or (node.is_named() and "identifier" not in kind):
            continue
        line, column = places.of(start)
        found.append(Fault(line, column, f"missing {kind.replace('_', ' ')}"))
        if len(found) == MOST:
            break
    return sorted(found, key=lambda one: (one.line, one.column))


def _python(content: bytes) -> list[Fault]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(content, "", "exec", dont_inherit=True)
    except SyntaxError as error:
        why = (error.msg or "it is no Python").partition("\n")[0]
        return [Fault(error.lineno or 1, error.offset or 1, f"{why} ({PYTHON})")]
    except ValueError as error:
        return [Fault(1, 1, f"{error} ({PYTHON})")]
    return []


def _json(text: str) -> list[Fault]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return [Fault(error.lineno, error.colno, error.msg)]
    except ValueError:  # a number with more digits than Python reads
        return []
    return []


def _toml(text: str) -> list[Fault]:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).rpartition(" (at ")
        if numbers := PLACE.fullmatch(place):
            return [Fault(int(numbers[1]), int(numbers[2]), message)]
        return [Fault(text.count("\n") + 1, 1, message or str(error))]
    return []


def _may_comment(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.endswith(".jsonc") or name.startswith(WITH_COMMENTS)
