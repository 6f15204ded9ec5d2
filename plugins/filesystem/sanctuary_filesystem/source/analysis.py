"""What is done with one file in the process apart: a request and the bytes of a file become JSON."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any, Final

from ast_grep_py import SgNode

from sanctuary_filesystem.forms import form_of
from sanctuary_filesystem.source import faults, grammar, measures, patterns
from sanctuary_filesystem.source.languages import LANGUAGES
from sanctuary_filesystem.source.outline import CALLABLE, Symbol, symbols_of
from sanctuary_filesystem.source.uses import Places, defined_at, uses_of

SHOWN: Final = 6
"""Lines of a match that are shown,"""
CAPTURED: Final = 100
"""characters of what a variable captured,"""
MATCHES: Final = 20_000
"""and matches of one file that are told of."""


def text_of(content: bytes) -> str | None:
    """A file's text; `None` where it is none."""
    form = form_of(content)
    if form is None:
        return None
    try:
        return content[len(form.mark) :].decode(form.encoding)
    except UnicodeDecodeError:
        return None


def work(request: Mapping[str, Any], content: bytes) -> Any:
    """Do what is asked: a mapping with `refused` and a reason where it cannot be done."""
    text = text_of(content)
    if text is None:
        return {"refused": "binary"}
    language: str = request["language"]
    try:
        return ACTIONS[request["action"]](request, text, content, language)
    except grammar.PatternError as error:
        return {"refused": "pattern", "why": str(error)}
    except ValueError as error:
        return {"refused": "grammar", "why": str(error)}


def _outline(_request: Mapping[str, Any], text: str, _content: bytes, language: str) -> Any:
    rows = [
        (one.start, one.end, one.depth, one.signature)
        for one in symbols_of(grammar.parse(text, language), text, language)
        if one.word != "member"
    ]
    return {"rows": rows, "lines": Places(text).count}


def _symbols(_request: Mapping[str, Any], text: str, _content: bytes, language: str) -> Any:
    found = symbols_of(grammar.parse(text, language), text, language)
    return {
        "rows": [(one.word, [n for n, _ in one.names], one.path, one.start, one.end, one.signature) for one in found]
    }


def _references(request: Mapping[str, Any], text: str, _content: bytes, language: str) -> Any:
    root = grammar.parse(text, language)
    uses = uses_of(root, request["query"], language)
    if not uses:
        return {"rows": []}
    symbols = symbols_of(root, text, language)
    defined = defined_at(symbols, request["query"])
    places = Places(text)
    rows: list[tuple[int, int, str, str, str]] = []
    for use in uses[:MATCHES]:
        line, column = places.of(use)
        rows.append((line, column, defined[use].word if use in defined else "", "", places.line(line, column)))
    inside = _within(symbols, uses[:MATCHES])
    return {"rows": [(*row[:3], name, row[4]) for row, name in zip(rows, inside, strict=True)]}


def _within(symbols: list[Symbol], places: list[int]) -> list[str]:
    """For each place the function that it is in."""
    functions = [one for one in symbols if one.word in CALLABLE]
    names: list[str] = []
    open_: list[Symbol] = []
    following = 0
    for place in places:
        while following < len(functions) and functions[following].span[0] <= place:
            open_.append(functions[following])
            following += 1
        while open_ and open_[-1].span[1] <= place:
            open_.pop()
        names.append(open_[-1].name if open_ else "")
    return names


def _search(request: Mapping[str, Any], text: str, _content: bytes, language: str) -> Any:
    found = patterns.matches_of(grammar.parse(text, language), request["query"], language)
    places = Places(text)
    rows: list[Any] = []
    for match in found[:MATCHES]:
        (line, column), (last, _) = places.of(match.start), places.of(max(match.end - 1, match.start))
        shown = [places.line(line, column)] if last == line else text[match.start : match.end].split("\n")[:SHOWN]
        captured = [(name, _cut(text[span[0] : span[1]]) if span else "") for name, span in match.captured.items()]
        rows.append((line, column, last, [one.rstrip()[:200] for one in shown], captured))
    return {"rows": rows}


def _cut(text: str) -> str:
    line = " ".join(text[: 4 * CAPTURED].split())
    return line if len(line) <= CAPTURED else f"{line[: CAPTURED - 1]}…"


def _check(request: Mapping[str, Any], text: str, content: bytes, language: str) -> Any:
    found = faults.by_standard(content, text, request["path"], language)
    if found is None:
        if not LANGUAGES[language].grammar:
            return {"refused": "grammar", "why": "it is nested too deeply"}
        found = faults.by_grammar(grammar.parse(text, language), Places(text))
    places = Places(text)
    rows = [
        (one.line, one.column, one.message, places.line(min(max(one.line, 1), len(text.split(chr(10)))), one.column))
        for one in found
    ]
    return {"rows": rows}


def _metrics(_request: Mapping[str, Any], text: str, _content: bytes, language: str) -> Any:
    if not LANGUAGES[language].grammar:
        return measures.measures_of(None, text, language, []).plain()
    root = grammar.parse(text, language)
    return measures.measures_of(root, text, language, symbols_of(root, text, language)).plain()


def _rewrite(request: Mapping[str, Any], text: str, content: bytes, language: str) -> Any:
    root = grammar.parse(text, language)
    matches = patterns.matches_of(root, request["query"], language, with_fixed=True)
    taken = patterns.outermost(matches)
    form = form_of(content)
    assert form is not None
    replacement: str = request["replacement"]
    edits: list[tuple[int, int, str]] = []
    new = codecs.getincrementalencoder(form.encoding)()
    for match in taken:
        one = patterns.replaced(text, match, replacement)
        if one.text == text[one.start : one.end]:
            continue
        said = one.text
        if form.newline == "CRLF":
            said = said.replace("\r\n", "\n").replace("\n", "\r\n")
        elif form.newline == "CR":
            said = said.replace("\n", "\r")
        try:
            new.encode(said)
        except UnicodeEncodeError:
            return {"refused": "encoding", "why": form.encoding}
        edits.append((one.start, one.end, said))
    broken = _errors(root, text, language, edits) if edits else 0
    return {
        "edits": _in_bytes(text, edits, form.encoding, len(form.mark)),
        "nested": len(matches) - len(taken),
        "broken": broken,
    }


def _errors(root: SgNode, text: str, language: str, edits: list[tuple[int, int, str]]) -> int:
    """How many more errors of syntax there would be."""
    pieces: list[str] = []
    last = 0
    for start, end, said in edits:
        pieces += [text[last:start], said]
        last = end
    changed = "".join([*pieces, text[last:]])
    before = len(grammar.of_kinds(root, ["ERROR"]))
    return len(grammar.of_kinds(grammar.parse(changed, language), ["ERROR"])) - before


def _in_bytes(text: str, edits: list[tuple[int, int, str]], encoding: str, mark: int) -> list[tuple[int, int, str]]:
    """Edits whose places are counted in bytes."""
    found: list[tuple[int, int, str]] = []
    at, place = 0, mark
    for start, end, said in edits:
        first = place + len(text[at:start].encode(encoding))
        at, place = end, first + len(text[start:end].encode(encoding))
        found.append((first, place, said))
    return found


ACTIONS: Final = {
    "outline": _outline, "symbols": _symbols, "references": _references, "search": _search, "check": _check,
    "metrics": _metrics, "rewrite": _rewrite,
}  # fmt: skip
