"""How a gateway's copy of a server's tools differs from the tools: what it lacks, has too many of, or has otherwise.

What ContextForge (1.0.7) does to every tool and takes nothing away with is no difference: white space around a
description, tags such as `<b>`, `{}` for missing annotations, `null` members of annotations, the order of keys, `1.0`
for `1`. Titles, icons and `_meta` are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Final, Literal

from sanctuary_host.gateway.equal import same, stated
from sanctuary_host.gateway.lint import TEXT_LIMIT

What = Literal["missing", "extra", "description", "input schema", "output schema", "annotations"]
FORMATTING: Final = frozenset({"b", "br", "code", "em", "i", "kbd", "li", "ol", "p", "pre", "strong", "tt", "u", "ul"})
"""Tags that say how text looks, and nothing else."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which the gateway's copy of a tool is not the tool.

    Attributes:
        tool: the tool's name.
        what: which part differs; `missing` is a tool that the gateway lacks, `extra` one that only it has.
        ours: the part as the server has it, `None` where it has none.
        theirs: the part as the gateway has it, `None` where it has none.
        lasting: why the gateway will keep it so however often the server registers; empty where registering mends it.
    """

    tool: str
    what: What
    ours: Any
    theirs: Any
    lasting: str = ""


def differences(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> tuple[Difference, ...]:
    """Compare tools as `tools/list` shows them with a gateway's copy of them, by the same names.

    Returns:
        One for each part of a tool that differs, in the order of `ours`; none means that nothing is lost.
    """
    kept = {str(tool["name"]): tool for tool in theirs}
    own = {str(tool["name"]): tool for tool in ours}
    found: list[Difference] = []
    for name, tool in own.items():
        copy = kept.get(name)
        found += [Difference(name, "missing", tool, None)] if copy is None else _parts(name, tool, copy)
    found += [Difference(name, "extra", None, copy) for name, copy in kept.items() if name not in own]
    return tuple(found)


def _parts(name: str, tool: Mapping[str, Any], copy: Mapping[str, Any]) -> list[Difference]:
    found: list[Difference] = []
    ours, theirs = (str(side.get("description") or "").strip() for side in (tool, copy))
    if ours != theirs and theirs != (kept := _without_tags(ours, FORMATTING)):
        cut = ours[:TEXT_LIMIT]
        lasting = ""
        if theirs == cut.strip() or (theirs == _as_text(cut) and len(cut) < len(ours)):
            lasting = f"the gateway cuts descriptions at {TEXT_LIMIT:,} characters; shorten it"
        elif theirs == _as_text(ours) != kept:
            lasting = "the gateway takes what looks like HTML out of descriptions; write it without <…> and &…;"
        found.append(Difference(name, "description", ours, theirs, lasting))
    schemas: tuple[tuple[What, str], ...] = (("input schema", "inputSchema"), ("output schema", "outputSchema"))
    for what, key in schemas:
        if not same(tool.get(key) or {}, copy.get(key) or {}):
            found.append(Difference(name, what, tool.get(key), copy.get(key)))
    hints, known = stated(tool), stated(copy)
    if not same(hints, known):
        found.append(Difference(name, "annotations", hints, known))
    return found


class _Stripper(HTMLParser):
    """Collects text without some tags: as ContextForge does it, or leaving everything else as it was written."""

    def __init__(self, tags: frozenset[str] | None) -> None:
        super().__init__(convert_charrefs=tags is None)
        self.tags = tags
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  # the parser's
        if self.tags is not None and tag not in self.tags:
            self.text.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self.tags is not None and tag not in self.tags:
            self.text.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_entityref(self, name: str) -> None:
        self.text.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.text.append(f"&#{name};")


def _without_tags(text: str, tags: frozenset[str] | None) -> str:
    stripper = _Stripper(tags)
    stripper.feed(text)
    stripper.close()
    return "".join(stripper.text).strip()


def _as_text(description: str) -> str:
    """A description as the gateway keeps it: no tags, and no entities."""
    return _without_tags(description, None)
