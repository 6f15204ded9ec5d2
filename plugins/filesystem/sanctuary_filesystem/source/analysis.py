"""What is done with one file in the process apart: a request and the bytes of a file become JSON."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from ast_grep_py import SgNode

from sanctuary_filesystem.forms import form_of
from sanctuary_filesystem.source import answers, faults, grammar, measures, patterns
from sanctuary_filesystem.source.languages import LANGUAGES
from sanctuary_filesystem.source.outline import CALLABLE, Symbol, symbols_of
from sanctuary_filesystem.source.uses import Places, defined_at, uses_of

Request = Mapping[str, Any]
T = TypeVar("T")

SHOWN: Final = 6
"""Lines of a match that are shown,"""
WIDE: Final = 200
"""characters of each,"""
CAPTURED: Final = 100
"""and of what a variable captured."""
FEW: Final = 5
"""Errors of syntax that are told of a file among others."""
LONGEST: Final = 2 << 20
"""Characters that are put into one file."""


def text_of(content: bytes) -> str | None:
    """A file's text; `None` where it is none."""
    form = form_of(content)
    if form is None:
        return None
    try:
        return content[len(form.mark) :].decode(form.encoding)
    except UnicodeDecodeError:
        return None


def work(request: Request, content: bytes) -> Any:
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


def _outline(request: Request, text: str, _content: bytes, language: str) -> Any:
    rows = [
        (one.start, one.end, one.depth, one.signature)
        for one in symbols_of(grammar.parse(text, language), text, language)
        if one.word != "member"
    ]
    items = answers.outline_items(rows, nested=request["alone"])
    return {**_some(request, items), "lines": Places(text).count}


def _symbols(request: Request, text: str, _content: bytes, language: str) -> Any:
    found = symbols_of(grammar.parse(text, language), text, language)
    return _some(request, answers.symbol_items(found, request["query"]))


def _references(request: Request, text: str, _content: bytes, language: str) -> Any:
    root = grammar.parse(text, language)
    uses = uses_of(root, request["query"], language)
    here = _slice(request, uses)
    if not here:
        return {"items": [], "total": len(uses)}
    symbols = symbols_of(root, text, language)
    defined = defined_at(symbols, request["query"])
    places = Places(text)
    items: list[str] = []
    for use, inside in zip(here, _within(symbols, here), strict=True):
        line, column = places.of(use)
        word = defined[use].word if use in defined else ""
        items.append(answers.reference_item(line, column, word, inside, places.line(line, column)))
    return {"items": items, "total": len(uses)}


def _slice(request: Request, rows: Sequence[T]) -> Sequence[T]:
    """Those that are to be told in this answer."""
    return rows[request["skip"] : request["skip"] + request["limit"]]


def _some(request: Request, items: Sequence[str]) -> dict[str, Any]:
    return {"items": _slice(request, items), "total": len(items)}


def _within(symbols: Sequence[Symbol], places: Sequence[int]) -> list[str]:
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


def _search(request: Request, text: str, _content: bytes, language: str) -> Any:
    found = patterns.matches_of(grammar.parse(text, language), request["query"], language)
    places = Places(text)
    items: list[str] = []
    for match in _slice(request, found):
        (line, column), (last, _) = places.of(match.start), places.of(max(match.end - 1, match.start))
        if last == line:
            shown = [places.line(line, column)]
        else:
            shown = [one.rstrip()[:WIDE] for one in text[match.start : match.end].split("\n", SHOWN)[:SHOWN]]
        captured = [(name, _cut(text[span[0] : span[1]]) if span else "") for name, span in match.captured.items()]
        items.append(answers.match_item(line, column, last, shown, captured))
    return {"items": items, "total": len(found)}


def _cut(text: str) -> str:
    line = " ".join(text[: 4 * CAPTURED].split())
    return line if len(line) <= CAPTURED else f"{line[: CAPTURED - 1]}…"


def _check(request: Request, text: str, content: bytes, language: str) -> Any:
    places = Places(text)
    found = faults.by_standard(content, text, request["path"], language)
    guessed = found is None
    if found is None:
        if not LANGUAGES[language].grammar:
            return {"refused": "grammar", "why": "it is nested too deeply"}
        found = faults.by_grammar(grammar.parse(text, language), places)
    items = [answers.fault_item(one.line, one.column, one.message, places.line(one.line, one.column)) for one in found]
    if len(items) > FEW and not request["alone"]:
        items[FEW:] = [f"… {len(items) - FEW:,} more errors; check the file by itself"]
    return {**_some(request, items), "guessed": guessed and bool(items)}


def _metrics(request: Request, text: str, _content: bytes, language: str) -> Any:
    if LANGUAGES[language].grammar:
        root = grammar.parse(text, language)
        found = measures.measures_of(root, text, language, symbols_of(root, text, language))
    else:
        found = measures.measures_of(None, text, language, [])
    return {**_some(request, [answers.measure_item(found, all_of_them=request["alone"])]), "measures": found.counts()}


def _rewrite(request: Request, text: str, content: bytes, language: str) -> Any:
    root = grammar.parse(text, language)
    matches = patterns.matches_of(root, request["query"], language, with_fixed=True)
    taken = patterns.outermost(matches)
    form = form_of(content)
    assert form is not None
    replacement: str = request["replacement"]
    edits: list[tuple[int, int, str]] = []
    length = 0
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
        length += len(said)
        if length > LONGEST:
            return {"refused": "grammar", "why": f"the result would be longer than {LONGEST:,} characters"}
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
