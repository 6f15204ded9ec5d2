"""What a gateway would silently drop, alter or refuse, found before it does.

The rules are ContextForge's. Each was tried on a running one (1.0.7.post20260921, default settings) with something that
breaks it and something just inside it: what breaks it vanishes, or is altered, while registration reports success.
Where they come from there: `mcpgateway.common.validators` and `schemas`, with the patterns and limits of `config`.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from sanctuary_host.shapes import is_array, is_object

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_LIMIT: Final = 64
"""Characters; several clients take no more."""
FULL_NAME_LIMIT: Final = 128
"""Characters of a tool's name behind the server's slug; one tool beyond it, and the whole registration fails (400)."""
TEXT_LIMIT: Final = 8_192
"""Characters of a description; the rest is cut off."""
DEPTH_LIMIT: Final = 30
"""Objects and arrays within each other in an input schema; output schemas of 60 passed."""

SHELL_WORDS: Final = re.compile(r"&&|\|\||\$\(")
"""For these a tool is dropped, a resource or prompt is not."""
TAGS: Final = (
    "applet|area|audio|base|body|canvas|embed|form|frame|frameset|head|html|iframe|img|link|map|meta|object|script|source|"
    "style|svg|track|video"
)
REFUSED: Final = (
    re.compile(rf"<(?:{TAGS})\b|</+(?:{TAGS})>", re.IGNORECASE),
    re.compile(
        r"(?:^|[\s\"'`<>=])(?:javascript:|vbscript:|data:[^,]*(?:javascript|vbscript)|on[a-z]+\s*=|<\s*script\b)",
        re.IGNORECASE,
    ),
    re.compile(r"[\"'];.*alert\s*\(|-->\s*<[^>]+>|[\"'].*//[\"']|<<[A-Z]+>", re.IGNORECASE),
    re.compile(r"String\.fromCharCode|javascript:.*\(", re.IGNORECASE),
)
"""Markup, scripts and what looks like either: `the only = sign` is an event handler to the gateway."""
MARKUP: Final = re.compile(r"<[A-Za-z/!?][^<>]{0,40}>?")
"""What its HTML parser takes for markup and leaves out: `<iso date>` vanishes, `a < b` stays. What is never closed
stays where the gateway's Python is an older one (measured on 3.11.7); cpython's gh-135661 changed that."""
ENTITY: Final = re.compile(r"&#?\w+;?")

NAME_OF_OTHERS: Final = re.compile(r"[A-Za-z0-9_. -]{1,255}")
URI: Final = re.compile(r"[A-Za-z0-9_.:/?=&%{}-]{1,255}")
MIME_TYPES: Final = re.compile(
    r"application/(json|octet-stream|pdf|xml|x-[\w.+-]+)|image/(gif|jpeg|png)|text/(css|html|javascript|markdown|plain)|"
    r"text/x-[\w.+-]+|[\w.-]+/[\w.-]+\+[\w.+-]+"
)
"""What a resource may hold: no `text/csv`, no `audio/wav`, no `application/yaml`."""

TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
OLDER: Final = re.compile(r"https?://json-schema\.org/draft(-0[467]|/2019-09)/schema#?")
"""Versions of JSON Schema that allow what 2020-12 does not; the gateway checks by the one that a schema names."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _are_words(value: Any) -> bool:
    return is_array(value) and all(isinstance(word, str) for word in value) and len(set(value)) == len(value)


def _are_types(value: Any) -> bool:
    return value in TYPES if isinstance(value, str) else _are_words(value) and bool(value) and TYPES.issuperset(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_schema(value: Any) -> bool:
    return isinstance(value, bool) or is_object(value)


def _are_schemas(value: Any) -> bool:
    return is_array(value) and bool(value) and all(map(_is_schema, value))


def _are_named_schemas(value: Any) -> bool:
    return is_object(value) and all(map(_is_schema, value.values()))


NAMED_SCHEMAS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
SCHEMAS: Final = frozenset(
    {
        *("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"),
        *("unevaluatedItems", "unevaluatedProperties", "contentSchema"),
    }
)
LISTS_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(("minContains", "maxContains"), _is_count),
    **dict.fromkeys(("title", "description", "format", "pattern", "contentMediaType", "contentEncoding"), _is_text),
    **dict.fromkeys(("$schema", "$ref", "$dynamicRef", "$comment"), _is_text),
    **dict.fromkeys(("deprecated", "readOnly", "writeOnly", "uniqueItems"), _is_switch),
    **dict.fromkeys(SCHEMAS, _is_schema),
    **dict.fromkeys(LISTS_OF_SCHEMAS, _are_schemas),
    **dict.fromkeys(NAMED_SCHEMAS, _are_named_schemas),
    **dict.fromkeys(("enum", "examples"), is_array),
    "$id": lambda value: isinstance(value, str) and re.fullmatch(r"[^#]*#?", value) is not None,
    **dict.fromkeys(
        ("$anchor", "$dynamicAnchor"),
        lambda value: isinstance(value, str) and re.fullmatch(r"[A-Za-z_][-A-Za-z0-9._]*", value) is not None,
    ),
    "dependentRequired": lambda value: is_object(value) and all(map(_are_words, value.values())),
    "$vocabulary": lambda value: is_object(value) and all(map(_is_switch, value.values())),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "required": _are_words,
    "type": _are_types,
}
"""What may stand behind a word of a schema (JSON Schema 2020-12). pydantic's own fit; `json_schema_extra` may not."""


def faults_of(name: str, description: str, schema: Mapping[str, Any] | None = None) -> list[str]:
    """Sentences about a tool that no client of a gateway would ever see; none means that it is kept."""
    faults: list[str] = []
    if not NAME.fullmatch(name):
        faults.append(f"{name[:NAME_LIMIT]!r} is not a usable name; use letters, digits, _ . - and start with a letter")
    if len(name) > NAME_LIMIT:
        faults.append(f"{name[:NAME_LIMIT]}… has {len(name)} characters; {NAME_LIMIT} is what every client accepts")
    if len(description) > TEXT_LIMIT:
        faults.append(f"{name}: its description has {len(description)} characters; gateways cut at {TEXT_LIMIT}")
    found = SHELL_WORDS.search(description)
    if word := found.group() if found else refused_in(description):
        faults.append(f"{name}: its description contains {word!r}, for which gateways drop the tool; reword it")
    if schema is not None and (depth := _depth(schema)) > DEPTH_LIMIT:
        faults.append(f"{name}: its schema is nested {depth} deep; gateways drop tools beyond {DEPTH_LIMIT}")
    return faults


def collisions(names: Iterable[str]) -> list[str]:
    """Sentences about names that become the same once a gateway has made them slugs."""
    by_slug: dict[str, list[str]] = {}
    for name in names:
        by_slug.setdefault(slug_of(name), []).append(name)
    return [
        f"{' and '.join(same)} are one name to a gateway, which turns _ and . into -; rename one"
        for same in by_slug.values()
        if len(same) > 1
    ]


def losses(
    server: str,
    tools: Iterable[Mapping[str, Any]],
    resources: Iterable[Mapping[str, Any]] = (),
    prompts: Iterable[Mapping[str, Any]] = (),
) -> list[str]:
    """Sentences about what a gateway would refuse, lose or alter of a server that otherwise serves well.

    Args:
        server: the name under which it registers.
        tools: as `tools/list` shows them.
        resources: as `resources/list` and `resources/templates/list` show them.
        prompts: as `prompts/list` shows them.
    """
    faults: list[str] = []
    prefix = slug_of(server)
    for tool in tools:
        name = str(tool["name"])
        if (length := len(prefix) + 1 + len(name)) > FULL_NAME_LIMIT:
            faults.append(
                f"{name} has {length} characters behind {prefix}-; beyond {FULL_NAME_LIMIT} the gateway refuses the "
                "whole server: shorten it or SANCTUARY_REGISTER_AS"
            )
        faults += (f"{name}: its {fault}" for fault in _alterations(str(tool.get("description", ""))))
        schema = tool.get("inputSchema", {})
        invalid = dict.fromkeys(fault for part in _schemas(schema) for fault in _invalid(part, _rules_of(schema)))
        faults += (f"{name}: {fault}, for which the gateway refuses the whole server" for fault in invalid)
    named = [(str(prompt["name"]), "prompt", prompt) for prompt in prompts]
    faults += collisions(name for name, _, _ in named)
    for resource in resources:
        uri = str(resource.get("uri", resource.get("uriTemplate", "")))
        named.append((str(resource["name"]), "resource", resource))
        if not URI.fullmatch(uri) or ".." in uri or _is_encoded_twice(uri):
            faults.append(
                f"{uri[:80]!r} is a URI that gateways drop; use 255 letters, digits and _ - . : / ? = & % {{ }}"
            )
        mime = str(resource.get("mimeType", "")).partition(";")[0].strip()
        if mime and not MIME_TYPES.fullmatch(mime):
            faults.append(f"{uri[:80]}: gateways drop a resource of the type {mime}; text/plain is one that they keep")
    for name, kind, entry in named:
        description = str(entry.get("description", ""))
        if not NAME_OF_OTHERS.fullmatch(name):
            faults.append(
                f"{name[:80]!r} is no name of a {kind} to gateways; use 255 letters, digits, spaces and _ . -"
            )
        if word := refused_in(description):
            faults.append(f"{name}: its description contains {word!r}, for which gateways drop the {kind}; reword it")
        faults += (f"{name}: its {fault}" for fault in _alterations(description))
    return faults


def slug_of(name: str) -> str:
    """What a gateway makes of a server's or tool's name."""
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")


def refused_in(text: str) -> str:
    """The first words of a text for which a gateway drops what they describe; empty where there are none."""
    decoded = unquote(text)
    for pattern in REFUSED:
        if found := pattern.search(decoded):
            return found.group().strip()[:40]
    return text[text.index("%") :][:9] if _is_encoded_twice(text) else ""


def _alterations(text: str) -> Iterator[str]:
    if len(text) > TEXT_LIMIT:
        yield f"description has {len(text)} characters; gateways cut at {TEXT_LIMIT}"
    if text != text.strip():
        yield "description begins or ends with white space, which gateways cut off"
    if (markup := MARKUP.search(text)) and not refused_in(text):
        yield f"description contains {markup.group()!r}, which gateways take for markup and leave out; reword it"
    for entity in ENTITY.findall(text):
        if (decoded := html.unescape(entity)) != entity:
            yield f"description contains {entity[:40]!r}, which gateways turn into {decoded[:40]!r}; write that"


def _is_encoded_twice(text: str) -> bool:
    decoded = unquote(text)
    return unquote(decoded) != decoded


def _schemas(value: Any) -> Iterator[Mapping[str, Any]]:
    """A schema and those inside it."""
    if is_array(value):
        for item in value:
            yield from _schemas(item)
    if is_object(value):
        yield value
        for word, part in value.items():
            if word in NAMED_SCHEMAS and is_object(part):
                for inner in part.values():
                    yield from _schemas(inner)
            elif word in SCHEMAS or word in LISTS_OF_SCHEMAS:
                yield from _schemas(part)


def _rules_of(schema: Any) -> Mapping[str, Callable[[Any], bool]]:
    named = str(schema.get("$schema")) if is_object(schema) else ""
    return {} if OLDER.fullmatch(named) else FITS


def _invalid(schema: Mapping[str, Any], rules: Mapping[str, Callable[[Any], bool]]) -> Iterator[str]:
    """Why one schema is none to the gateway, which checks it with Python's `jsonschema`, and patterns with `re`."""
    named = schema.get("patternProperties", {})
    for pattern in (schema.get("pattern"), *(named if is_object(named) else ())):
        if isinstance(pattern, str) and not _compiles(pattern):
            yield f"its schema has the pattern {pattern[:60]!r}, which Python's re cannot read"
    for word, fits in rules.items():
        if word in schema and not fits(schema[word]):
            yield f"its schema has the {word} {schema[word]!r:.60}, which JSON Schema does not allow"


def _compiles(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():  # about what a later Python may read otherwise, such as [[:alpha:]]
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _depth(value: Any) -> int:
    if is_object(value):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if is_array(value):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0
