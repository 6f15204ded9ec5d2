"""YAML as text: built from its events under limits, by the rules of YAML 1.2, without any object construction."""

from __future__ import annotations

import datetime as dt
import io
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import yaml

from sanctuary_utils.documents import DEPTH, OUTPUT, Document, FormatError, Scalar, Value, measure, number, quoted

__all__ = ["read_yaml", "write_yaml"]

NODES: Final = 100_000
"""Values that a document may have after its aliases are followed."""
DOCUMENTS: Final = 1_000
TAGS: Final = "tags other than the core ones (!!str, !!int, !!float, !!bool, !!null) are not read"
CORE: Final = "tag:yaml.org,2002:"
WORDS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip  # one glance
BASED: Final = re.compile(r"(?:0o[0-7]++|0x[0-9a-fA-F]++)\Z")
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]++|[0-9]++(?:\.[0-9]*+)?)(?:[eE][-+]?[0-9]++)?\Z")
INFINITE: Final = re.compile(r"(?:([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
OLD: Final = re.compile(
    r"(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|<<|="  # booleans, the merge key and the value of YAML 1.1
    r"|[-+]?[0-9][0-9_,]*+(?:\.[0-9_]*+)?|[-+]?0b[01_]++|[-+]?0x[0-9a-fA-F_]++|[-+]?0[0-7_]++"  # its numbers
    r"|[-+]?[0-9][0-9_]*+(?::[0-5]?[0-9])++(?:\.[0-9_]*+)?"  # to base 60
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?)\Z"  # its dates
)
"""Plain words that YAML 1.1 reads as something else than strings."""
KINDS: Final[dict[str, tuple[type, ...]]] = {
    "int": (int, Decimal), "float": (int, float, Decimal), "bool": (bool,), "null": (type(None),),
}  # fmt: skip  # one glance
OLD_STARTS: Final = "yYnNoO<=+-0123456789"
OLD_OCTAL: Final = re.compile(r"(?:[-+]?0[0-9]++|0o[0-7]++)\Z")


def read_yaml(text: str) -> list[Document]:
    """Read the documents of a YAML stream.

    Plain words are read by the core schema of YAML 1.2, so `no` and `12:30` and dates are strings; merge keys
    (`<<`) are followed; keys become strings.

    Raises:
        FormatError: it is not YAML, or goes past 200 levels or 100,000 values once its aliases are followed.
    """
    try:
        return _Builder().run(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        cause = re.sub(r"[^ -~]", "?", str(error.problem or error.context or "syntax error"))[:120]
        mark = error.problem_mark or error.context_mark
        raise FormatError("YAML", cause, *((mark.line + 1, mark.column + 1) if mark else (0, 0))) from None
    except yaml.YAMLError:
        raise FormatError("YAML", "it has control characters, which YAML writes as escapes in double quotes") from None


def write_yaml(value: Value) -> str:
    """Write YAML in block style; strings that any version of YAML would misread are quoted.

    Raises:
        ToolError: the text would grow too long.
    """
    measure(value, 2, "YAML")
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    events = [yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False), *_events(value)]
    events += [yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()]
    out = io.StringIO()
    # The stubs leave the type of the events open.
    yaml.emit(events, out, dumper, allow_unicode=True, width=2**31 - 1)  # pyright: ignore[reportUnknownMemberType]
    return out.getvalue().removesuffix("...\n")


class _Cost:
    """What following an alias to a value once adds to the document."""

    __slots__ = ("characters", "height", "nodes", "value")

    def __init__(self, value: Value, nodes: int, characters: int, height: int) -> None:
        self.value, self.nodes, self.characters, self.height = value, nodes, characters, height


class _Open(_Cost):
    """A collection that is being read."""

    __slots__ = ("anchor", "awaits_key", "key", "merges", "own")

    def __init__(self, value: dict[str, Value] | list[Value], anchor: str | None) -> None:
        super().__init__(value, 1, 0, 1)
        self.anchor, self.awaits_key = anchor, isinstance(value, dict)
        self.key = ""
        self.merges = False
        self.own: set[str] = set()


class _Merge(str):
    """The plain key `<<`."""

    __slots__ = ()


class _Builder:
    """Builds values from events, counting what the aliases multiply before anything is written out."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, _Cost] = {}
        self.root: Value = None
        self.nodes = self.characters = self.renamed = self.ambiguous = 0

    def run(self, events: Iterator[Any]) -> list[Document]:
        """Build every document of the stream."""
        for event in events:
            try:
                self._take(event)
            except FormatError as fault:
                mark = event.start_mark
                raise FormatError("YAML", fault.cause, mark.line + 1, mark.column + 1) from None
        return self.documents

    def _take(self, event: Any) -> None:
        kind = event.__class__
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
            self._count(1, len(event.value))
            self._add(_Cost(value, 1, len(event.value), 0), event.anchor)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._open(event, {} if kind is yaml.MappingStartEvent else [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            done = self.stack.pop()
            self._add(done, done.anchor)
        elif kind is yaml.AliasEvent:
            self._alias(str(event.anchor))
        elif kind is yaml.DocumentStartEvent:
            self.anchors, self.root, self.renamed, self.ambiguous = {}, None, 0, 0
        elif kind is yaml.DocumentEndEvent:
            if len(self.documents) == DOCUMENTS:
                raise FormatError("YAML", f"the stream has more than {DOCUMENTS:,} documents")
            self.documents.append(Document(self.root, self._notes()))

    def _notes(self) -> list[str]:
        notes: list[str] = []
        if self.renamed:
            notes.append(f"{self.renamed} key(s) that were no strings became strings")
        if self.ambiguous:
            notes.append(
                f"{self.ambiguous} plain word(s), such as no, 010, 12:30 or a date, were read by YAML 1.2; "
                "readers of YAML 1.1 take them for something else"
            )
        return notes

    def _open(self, event: Any, empty: dict[str, Value] | list[Value]) -> None:
        if event.tag and event.tag not in {CORE + "map", CORE + "seq", "!"}:
            raise FormatError("YAML", TAGS)
        if len(self.stack) >= DEPTH:
            raise FormatError("YAML", f"it is nested more than {DEPTH} levels deep")
        if self.stack and self.stack[-1].awaits_key:
            raise FormatError("YAML", "a list or mapping as a key has no counterpart elsewhere")
        self.stack.append(_Open(empty, event.anchor))
        self._count(1, 0)

    def _count(self, nodes: int, characters: int) -> None:
        self.nodes += nodes
        self.characters += characters
        if self.nodes > NODES or self.characters > OUTPUT:
            raise FormatError("YAML", f"with its aliases followed it passes {NODES:,} values or {OUTPUT:,} characters")

    def _alias(self, name: str) -> None:
        if any(entry.anchor == name for entry in self.stack):
            raise FormatError("YAML", f"the alias {quoted(name)} stands inside what it names")
        if name not in self.anchors:
            raise FormatError("YAML", f"the alias {quoted(name)} has no anchor before it")
        target = self.anchors[name]
        if len(self.stack) + target.height > DEPTH:
            raise FormatError("YAML", f"with its aliases followed it is nested more than {DEPTH} levels deep")
        self._count(target.nodes, target.characters)
        self._add(target, None)

    def _add(self, item: _Cost, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = item
        if not self.stack:
            self.root = item.value
            return
        parent = self.stack[-1]
        parent.nodes += item.nodes
        parent.characters += item.characters
        if item.height >= parent.height:
            parent.height = item.height + 1
        if isinstance(parent.value, list):
            parent.value.append(item.value)
        elif parent.awaits_key:
            self._key(parent, item.value)
        elif isinstance(parent.value, dict):
            _set_member(parent, parent.value, item.value)

    def _key(self, parent: _Open, value: Value) -> None:
        if isinstance(value, (dict, list)):
            raise FormatError("YAML", "a list or mapping as a key has no counterpart elsewhere")
        parent.awaits_key = False
        parent.merges = value.__class__ is _Merge
        if not isinstance(value, str):
            self.renamed += 1
        key = value if isinstance(value, str) else _unquoted(value)
        if not parent.merges:
            if key in parent.own:
                raise FormatError("YAML", f"the key {quoted(key)} stands twice in one mapping")
            parent.own.add(key)
        parent.key = key

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        if event.implicit[0]:
            if text == "<<" and self.stack and self.stack[-1].awaits_key:
                return _Merge(text)
            value = _plain(text)
            if isinstance(value, str):
                self.ambiguous += len(text) > 1 and text[0] in OLD_STARTS and OLD.match(text) is not None
            elif value.__class__ is int:
                self.ambiguous += OLD_OCTAL.match(text) is not None
            return value
        tag = (event.tag or "").removeprefix(CORE)
        if tag in {"", "!", "str"}:
            return text
        if tag not in KINDS:
            raise FormatError("YAML", TAGS)
        value = _plain(text)
        if not isinstance(value, KINDS[tag]) or (isinstance(value, bool) and tag != "bool"):
            raise FormatError("YAML", f"what follows !!{tag} is none")
        return number(f"{text}.0", "YAML") if tag == "float" and isinstance(value, int) and FLOAT.match(text) else value


def _set_member(parent: _Open, members: dict[str, Value], value: Value) -> None:
    parent.awaits_key = True
    if not parent.merges:
        members[parent.key] = value
        return
    for source in value if isinstance(value, list) else [value]:
        if not isinstance(source, dict):
            raise FormatError("YAML", "a merge key (<<) takes a mapping or a list of mappings")
        for key, item in source.items():
            # A mapping's own keys win over merged ones, and earlier merged ones over later.
            members.setdefault(key, item)


def _plain(text: str) -> Scalar:
    """A plain word by the core schema of YAML 1.2."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if BASED.match(text):
        if len(text) > 1_000:
            raise FormatError("YAML", "a number in base 8 or 16 has more than 1,000 digits")
        return int(text, 0)
    if FLOAT.match(text):
        return number(text, "YAML")
    if found := INFINITE.match(text):
        return math.nan if found[1] is None else -math.inf if found[1] == "-" else math.inf
    return text


def _events(value: Value) -> Iterator[Any]:
    if isinstance(value, dict):
        yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=not value)
        for key, item in value.items():
            yield _written(key)
            yield from _events(item)
        yield yaml.MappingEndEvent()
    elif isinstance(value, list):
        yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=not value)
        for item in value:
            yield from _events(item)
        yield yaml.SequenceEndEvent()
    else:
        yield _written(value)


def _written(value: Scalar) -> Any:
    if isinstance(value, str):
        plain = value not in WORDS and not any(form.match(value) for form in (BASED, FLOAT, INFINITE, OLD))
        style = "|" if "\n" in value else None
        return yaml.ScalarEvent(None, None, (plain, True), value, style=style)
    return yaml.ScalarEvent(None, None, (True, True), _unquoted(value))


def _unquoted(value: Scalar) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)
