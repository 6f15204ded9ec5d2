"""The definitions of one file, nested as they are, each with its lines and its signature on one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ast_grep_py import Rule, SgNode

from sanctuary_filesystem.source import grammar
from sanctuary_filesystem.source.kinds import DEFINING, ELIXIR_CALLS, UNWRAPPED, WRAPPING, Wrapping
from sanctuary_filesystem.source.names import Found, Name

SIGNATURE: Final = 160
"""Characters of a signature that are shown,"""
VALUE: Final = 100
"""and of a variable with its value."""
READ: Final = 1200
"""Characters of a definition in which its signature is looked for."""
KEYS: Final = 3
"""Levels of the keys of JSON, YAML and Nix that an outline shows."""
CALLABLE: Final = frozenset({"function", "method", "constructor", "modifier", "test"})
"""What has code within it: variables in there are nobody else's business."""
CONTAINING: Final = frozenset({
    *("class", "interface", "struct", "enum", "trait", "impl", "object", "protocol", "extension", "union", "record"),
    "mixin",
    *("contract", "library", "actor", "instance"),
})  # fmt: skip
"""What has methods and fields."""
VALUES: Final = frozenset({"variable", "constant", "field", "key", "member"})
"""What has no body that its signature would have to leave out."""
BODIES: Final = frozenset({
    *("class_body", "function_body", "enum_class_body", "do_block", "block", "class_declarations"),
    "instance_declarations",
    *("block_start", "compound_statement", "declaration_list", "field_declaration_list", "enumerator_list"),
    "accessor_list",
    *("computed_property", "willset_didset_block", "arrow_expression_clause", "template_body", "statement_block"),
    "enum_body",
    *("keyframe_block_list", "match", "getter", "setter"),
    *("with_body", "constructor_body", "field_initializer_list"),
})  # fmt: skip
"""Kinds of nodes that begin where a signature ends, where the grammar has no field for them."""
ANNOTATION: Final = re.compile(r"(?:@(?!interface\b)[\w.:]+|#\[|\[(?=[A-Z]))")
"""What may stand before a definition and is no part of its signature, or begins it."""
ANNOTATED: Final = frozenset({"java", "kotlin", "scala", "dart", "swift", "csharp", "php", "rust"})
BRACED: Final = frozenset({"kotlin", "zig", "go"})
"""Languages of whose definitions the grammar does not always tell the body."""
KEYWORD_DO: Final = re.compile(r",\s*do:.*", re.DOTALL)
TRAILING: Final = re.compile(r"(?:[\s{=:;,]|=>|\bdo|\bwhere|\bend|,\s*do)+$")
LEVEL: Final = re.compile(r"\s*(#{1,6})")


@dataclass(frozen=True, slots=True)
class Symbol:
    """One definition.

    Attributes:
        word: what kind of thing it is, such as `method`.
        names: its names, and where each begins, in characters.
        path: the names of what it is in, outermost first.
        start, end: its lines, counted from 1.
        signature: on one line.
        depth: how many definitions it is in.
        span: where it begins and ends, in characters.
    """

    word: str
    names: tuple[Name, ...]
    path: tuple[str, ...]
    start: int
    end: int
    signature: str
    depth: int
    span: tuple[int, int]

    @property
    def name(self) -> str:
        """With what it is in, such as `Box.area`."""
        return ".".join((*self.path, ", ".join(name for name, _ in self.names)))


@dataclass(slots=True)
class _Open:
    """A definition or scope that the walk is in."""

    end: int
    word: str
    names: tuple[str, ...]


@dataclass(slots=True)
class _Wrap:
    """A node around a definition that is to come."""

    start: int
    end: int
    lines: tuple[int, int]
    mode: Wrapping


def symbols_of(root: SgNode, text: str, language: str) -> list[Symbol]:
    """All definitions of a file, in the order of the text."""
    found = list(_walk(root, text, language))
    if language == "markdown":
        return _nest(found, text)
    if language == "haskell":
        return _join(found)
    return found


def _walk(root: SgNode, text: str, language: str) -> Iterator[Symbol]:
    defining, wrapping = DEFINING[language], WRAPPING.get(language, UNWRAPPED)
    opened: list[_Open] = []
    wraps: list[_Wrap] = []
    seen: set[tuple[Any, ...]] = set()
    for node in _nodes(root, language, defining, wrapping):
        place = node.range()
        start, end = place.start.index, place.end.index
        while opened and opened[-1].end <= start:
            opened.pop()
        while wraps and wraps[-1].end <= start:
            wraps.pop()
        kind = node.kind()
        last = place.end.line + (place.end.column > 0 or place.end.line == place.start.line)
        lines = (place.start.line + 1, max(last, place.start.line + 1))
        if kind in wrapping and kind not in defining:
            wraps.append(_Wrap(start, end, lines, wrapping[kind]))
            continue
        found = _settled(defining[kind](node), kind, language, opened)
        if found is _DROPPED or found is None:
            opened.append(_Open(end, "scope" if found is None else "dropped", ()))
            if found is None or kind not in _TRANSPARENT:
                wraps.clear()
            continue
        first, lines = _unwrapped(wraps, text, start, lines)
        wraps.clear()
        path = (*(".".join(one.names) for one in opened if one.names), *([found.owner] if found.owner else []))
        names = tuple(_cleaned(name) for name in found.names)
        if found.word in VALUES:
            key = (path, names[0][0])
            if key in seen and found.word != "key":
                continue
            seen.add(key)
        signature = _signature(node, text, (first, end), found.word, language)
        depth = sum(bool(one.names) for one in opened)
        yield Symbol(found.word, names, path, *lines, signature, depth, (min(first, start), end))
        if found.word != "member":
            opened.append(_Open(end, found.word, tuple(name for name, _ in names[:1])))


_DROPPED: Final = Found("dropped", ())
_TRANSPARENT: Final = frozenset({"pair", "assignment", "assignment_expression"})


def _nodes(root: SgNode, language: str, defining: Mapping[str, Any], wrapping: Mapping[str, Wrapping]) -> list[SgNode]:
    if language == "elixir":
        rule: Rule = {"kind": "call", "has": {"field": "target", "regex": ELIXIR_CALLS}}
        return grammar.find(root, [rule])
    return grammar.of_kinds(root, {**defining, **wrapping})


def _settled(found: Found | None, kind: str, language: str, opened: Sequence[_Open]) -> Found | None:
    """What a definition is where it stands: a function in a class is a method, a variable in a function nothing."""
    if found is None:
        return None
    around = next((one for one in reversed(opened) if one.word not in VALUES and one.word != "dropped"), None)
    inside = "" if around is None else around.word
    word = found.word
    if inside in CALLABLE or inside == "scope":
        if (word in VALUES and word != "member") or kind == "declaration":
            top_list = language == "yaml" and not any(one.names for one in opened)
            return found if top_list else _DROPPED
    elif inside in CONTAINING:
        word = {"function": "method", "variable": "field"}.get(word, word)
    if word == "key" and sum(bool(one.names) for one in opened) >= KEYS:
        return _DROPPED
    if language == "hcl" and word == "variable" and opened and opened[-1].names != ("locals",):
        return _DROPPED
    if word in {"variable", "field"} and all(name.isupper() and len(name) > 1 for name, _ in found.names):
        word = "constant"
    return Found(word, found.names, found.owner)


def _unwrapped(wraps: Sequence[_Wrap], text: str, start: int, lines: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """Where the signature begins, and the lines of all of it, for what stands in wrappers."""
    first = start
    for wrap in reversed(wraps):
        if wrap.mode == "word" and len(text[wrap.start : min(first, wrap.start + SIGNATURE)].split()) != 1:
            break
        if wrap.mode != "range":
            first = wrap.start
        lines = (min(lines[0], wrap.lines[0]), max(lines[1], wrap.lines[1]))
    return first, lines


def _cleaned(name: Name) -> Name:
    text, start = name
    if text[:1] in {'"', "'"} and len(text) > 1:
        return text[1:-1], start + 1
    return " ".join(text.split())[:SIGNATURE], start


def _signature(node: SgNode, text: str, span: tuple[int, int], word: str, language: str) -> str:
    """The text from the start of a definition up to its body, on one line."""
    start, end = span
    stop = end if word in VALUES else min(_body(node, end), end)
    said = text[start : min(stop, start + READ)]
    if word == "key":
        said = said.partition("\n")[0]
    elif language in BRACED and word not in VALUES and stop == end:
        said = said.partition("{")[0]
    elif language == "elixir":
        said = KEYWORD_DO.sub("", said)
    if language in ANNOTATED:
        said = _bare(said)
    said = TRAILING.sub("", " ".join(said.split()))
    most = VALUE if word in VALUES else SIGNATURE
    return said if len(said) <= most else f"{said[: most - 1]}…"


def _body(node: SgNode, end: int) -> int:
    """Where the body of a definition begins, or that of the value that it names."""
    value = node.field("value") or node.field("right")
    for one in (node, value):
        if one is None:
            continue
        body = one.field("body")
        if body is not None and body.kind() != "ordered_field_declaration_list":
            end = min(end, body.range().start.index)
        for part in one.children():
            kind = part.kind()
            if kind in BODIES or (kind == "comment" and body is not None):
                return min(end, part.range().start.index)
    return end


def _bare(text: str) -> str:
    """A signature without the annotations before it."""
    text = text.lstrip()
    while found := ANNOTATION.match(text):
        rest = text[found.end() :]
        if found[0].endswith("["):
            rest = _after(rest, "[", "]", 1)
        elif rest.startswith("("):
            rest = _after(rest, "(", ")", 0)
        if not rest.strip():
            break
        text = rest.lstrip()
    return text


def _after(text: str, opening: str, closing: str, depth: int) -> str:
    """What follows a bracket's partner; nothing where it has none."""
    for place, one in enumerate(text):
        depth += (one == opening) - (one == closing)
        if depth == 0:
            return text[place + 1 :]
    return ""


def _nest(found: Sequence[Symbol], text: str) -> list[Symbol]:
    """Headings, each with the lines up to the next one that is not below it."""
    levels: list[int] = []
    for one in found:
        mark = LEVEL.match(text, one.span[0])
        under = text[one.span[0] : one.span[1]].rstrip()
        levels.append(len(mark[1]) if mark else 1 if under.endswith("=") else 2)
    ends = [0] * len(found)
    whole = text.count("\n") + (not text.endswith("\n"))
    open_: list[int] = []
    nested: list[Symbol] = []
    for index, (one, level) in enumerate(zip(found, levels, strict=True)):
        while open_ and levels[open_[-1]] >= level:
            ends[open_.pop()] = one.start - 1
        path = tuple(found[above].names[0][0] for above in open_)
        nested.append(replace(one, path=path, depth=len(path), signature=f"{'#' * level} {one.names[0][0]}".rstrip()))
        open_.append(index)
    for index in open_:
        ends[index] = whole
    return [replace(one, end=max(end, one.start)) for one, end in zip(nested, ends, strict=True)]


def _join(found: Sequence[Symbol]) -> list[Symbol]:
    """Functions of Haskell with their signatures and all of their equations."""
    joined: list[Symbol] = []
    last: dict[tuple[str, ...], int] = {}
    for one in found:
        before = last.get(one.path)
        if before is not None and one.word in CALLABLE and joined[before].names[0][0] == one.names[0][0]:
            old = joined[before]
            joined[before] = replace(old, end=one.end, span=(old.span[0], one.span[1]))
            continue
        last[one.path] = len(joined)
        joined.append(one)
    return joined
