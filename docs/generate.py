"""Write settings.md, tools.md, the configurations in clients.md and those of deploy/clients/ from the code.

With --check, say whether they are up to date.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_json

from sanctuary_host.commands.show import BUDGET, size_of
from sanctuary_host.config import Config
from sanctuary_host.containment.pool import SIZE
from sanctuary_host.containment.wire import LIMIT
from sanctuary_host.environment import KEPT_IN_WORKERS
from sanctuary_host.fleet.attached import FleetSettings
from sanctuary_host.fleet.clients import CLIENTS, direct, document, render, routed
from sanctuary_host.fleet.configure import COMMAND, GATEWAY, placeholders
from sanctuary_host.jobs import MEMORY, READY_SECONDS
from sanctuary_host.observe.traces import VARIABLES
from sanctuary_host.plugins import DISTRIBUTION, GROUP, Cluster, load
from sanctuary_host.settings import is_secret, variable_of
from sanctuary_host.shapes import is_object
from sanctuary_host.tools import DEFAULT_TIMEOUT, Tool
from sanctuary_host.transport.limits import DEFAULTS

HERE: Final = Path(__file__).parent
NOTE: Final = "<!-- Written by docs/generate.py from the code; run `make docs` after a change. -->"
MIB: Final = 1024 * 1024
SETTINGS_INTRODUCTION: Final = """\
All settings are environment variables. An empty variable counts as not set. A list takes comma-separated words, a
switch `1` or `0`. What does not fit ends the process with status 2 and a sentence that names the variable."""
TOOLS_INTRODUCTION: Final = f"""\
What the clusters of this distribution offer. *Bytes* is what a tool takes in `tools/list`, schemas included; a cluster
stays under {BUDGET:,}. Where a tool *runs*, its deadline and its hints are explained in [plugins.md](plugins.md)."""


def main(words: Sequence[str] | None = None) -> int:
    """Write the pages, or compare them; returns the exit status: 1 where a page is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and end with status 1")
    check: bool = parser.parse_args(words).check
    with tempfile.TemporaryDirectory() as folder:
        clusters = [load_whole(name, folder) for name in own_clusters()]
    status = 0
    pages = {
        "docs/settings.md": settings_page(clusters),
        "docs/tools.md": tools_page(clusters),
        "docs/clients.md": clients_page((HERE / "clients.md").read_text(encoding="utf-8"), clusters),
        "deploy/clients/gateway_routed.json": configuration("claude-code", "gateway", clusters),
        "deploy/clients/legacy_direct.json": configuration("claude-code", "legacy", clusters),
    }
    for name, text in pages.items():
        path = HERE.parent / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before == text:
            continue
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            continue
        status = 1
        old, new = before.splitlines(), text.splitlines()
        diff = difflib.unified_diff(old, new, name, "from the code", lineterm="")
        print("\n".join(diff))
    return status


def load_whole(name: str, folder: str) -> Cluster:
    """A cluster with a folder to write in for each mount, so that none of its tools is left out."""
    mounts = load(name, os.environ).boundary.mounts
    return load(name, {**os.environ, **{mount.setting: f"{folder}:{mount.mode}" for mount in mounts}})


def own_clusters() -> list[str]:
    """The clusters that this distribution itself has plugins for."""
    groups = {entry.group for entry in distribution(DISTRIBUTION).entry_points}
    return sorted(group.removeprefix(GROUP) for group in groups if group.startswith(GROUP))


def configuration(client: str, mode: str, clusters: Sequence[Cluster]) -> str:
    """What `sanctuary-host config --portable` prints, whatever the environment holds."""
    known = CLIENTS[client]
    if mode == "gateway":
        return render(known, document(known, routed(known, GATEWAY), remote=True))
    folders = {one.name: placeholders({mount.setting: mount.kind for mount in one.boundary.mounts}) for one in clusters}
    return render(known, document(known, direct(known, [COMMAND], folders), remote=False))


def clients_page(page: str, clusters: Sequence[Cluster]) -> str:
    """The page of clients, with each block below a line `<!-- config CLIENT MODE -->` as the code writes it today."""

    def block(found: re.Match[str]) -> str:
        client, mode = found.group(1, 2)
        language = "toml" if CLIENTS[client].format == "toml" else "json"
        utils = [cluster for cluster in clusters if cluster.name == "utils"]
        return f"<!-- config {client} {mode} -->\n```{language}\n{configuration(client, mode, utils)}```\n"

    return re.sub(r"<!-- config (\S+) (\S+) -->\n(?:```\w+\n.*?^```\n)?", block, page, flags=re.DOTALL | re.MULTILINE)


def settings_page(clusters: Sequence[Cluster]) -> str:
    """The page of settings."""
    parts = [NOTE, "# Settings", SETTINGS_INTRODUCTION, "## The host", settings_table(Config, "SANCTUARY")]
    for cluster in clusters:
        tables = [mounts_table(cluster)] if cluster.boundary.mounts else []
        tables += [settings_table(model, cluster.name) for model in settings_models(cluster)]
        parts += [f"## The cluster `{cluster.name}`", *tables] if tables else []
    parts += ["## The fleet of `sanctuary-host up`", settings_table(FleetSettings, "SANCTUARY")]
    parts += ["## Variables of others", others_table(), "## Limits that are no settings", limits_table()]
    return "\n\n".join(parts) + "\n"


def mounts_table(cluster: Cluster) -> str:
    """One line for each setting that grants folders."""
    rows: list[list[str]] = []
    for mount in cluster.boundary.mounts:
        value = "`/path[:ro|rw][,name=/path…]`" if mount.mode == "rw" else "`/path[,name=/path…]`"
        meaning = "The folders that its tools work on, to read"
        if mount.mode == "rw":
            meaning += " or, with `:rw`, to write too"
        meaning += "; callers name the further ones `name:path`."
        if mount.kind == "volume":
            value, meaning = "path of a folder", "Where it keeps what is its own."
        rows.append([f"`{mount.setting}`", value, "unset", meaning])
    return table(["variable", "value", "default", "meaning"], rows)


def settings_models(cluster: Cluster) -> list[type[BaseModel]]:
    """The settings models of our own plugins: the classes `…Settings` in their modules."""
    own = [plugin for plugin in cluster.plugins if plugin.distribution == DISTRIBUTION]
    modules = [sys.modules[next(iter(plugin.hooks.values())).__module__] for plugin in own]
    members = [member for module in modules for member in vars(module).values() if isinstance(member, type)]
    models = [one for one in members if issubclass(one, BaseModel) and one.__name__.endswith("Settings")]
    return list(dict.fromkeys(models))


def settings_table(model: type[BaseModel], prefix: str) -> str:
    """One line for each variable, and one for the `_FILE` twin of a secret."""
    rows: list[list[str]] = []
    for field, info in model.model_fields.items():
        name = variable_of(field, info, prefix)
        rows.append([f"`{name}`", value_of(info), default_of(info), info.description or ""])
        if is_secret(info):
            rows.append([f"`{name}_FILE`", "path of a file", "unset", f"The file that holds `{name}`."])
    return table(["variable", "value", "default", "meaning"], rows)


def value_of(info: FieldInfo) -> str:
    """What a setting takes, in words."""
    kinds = [kind for kind in (get_args(info.annotation) or (info.annotation,)) if kind is not type(None)]
    if get_origin(info.annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(info.annotation))
    if get_origin(info.annotation) in {list, tuple, set, frozenset}:
        return "words"
    low = next((one.ge for one in info.metadata if isinstance(one, Ge)), None)
    high = next((one.le for one in info.metadata if isinstance(one, Le)), None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    names: Mapping[Any, str] = {bool: "switch", int: "whole number", float: "number", SecretStr: "secret", Path: "path"}
    return names.get(kinds[0], "text")


def default_of(info: FieldInfo) -> str:
    """A setting's default, in words."""
    if info.is_required():
        return "**required**"
    default = info.get_default(call_default_factory=False)
    if isinstance(default, bool):
        return "on" if default else "off"
    return "unset" if default is None or default in ("", frozenset(), (), []) else f"`{default}`"


def others_table() -> str:
    """Variables that other programs define and that this one follows."""
    kept = ", ".join(f"`{name}`" for name in sorted(KEPT_IN_WORKERS))
    traces = " or ".join(f"`{name}`" for name in VARIABLES)
    rows = [
        [
            traces,
            "Send OpenTelemetry traces there; needs `sanctuary-host[otel]`, which follows its other variables.",
        ],
        ["`OTEL_SDK_DISABLED`", "`true` sends no traces all the same."],
        ["`OTEL_SERVICE_NAME`", "The service's name in traces, `sanctuary_CLUSTER` by default."],
        [
            "`SSL_CERT_FILE` or `SSL_CERT_DIR`",
            "The certificates of authorities to trust in place of the system's, for a gateway with an `https` address.",
        ],
        ["`NO_COLOR`", "Print no colours."],
        ["`SSL_CERT_FILE`, `SSL_CERT_DIR`", "Where the authorities' certificates are, for a GATEWAY_URL with `https`."],
        [kept, "All of the environment that a worker process finds in `os.environ`."],
    ]
    return table(["variable", "effect"], rows)


def limits_table() -> str:
    """The bounds that nobody needs to set."""
    limits = DEFAULTS
    rows = [
        ["one message from a client", f"{limits.message // MIB} MiB"],
        ["streamable HTTP sessions (the longest idle one makes room)", f"{limits.sessions:,}"],
        ["SSE connections", f"{limits.sessions:,}"],
        [
            "HTTP connections (the longest silent one makes room; fewer where descriptors are)",
            f"{limits.connections:,}",
        ],
        ["time that an HTTP connection may be open without a request", f"{limits.silence:g} s"],
        ["idle time of a session without a stream or call", f"{limits.idle:,g} s"],
        ["silence until a waiting client is sent something", f"{limits.keepalive:g} s"],
        ["time that a client may leave what was sent unread", f"{limits.stall:g} s"],
        ["calls in flight on one SSE or stdio connection", f"{limits.pending:,}"],
        ["time that calls get when the server stops", f"{limits.shutdown:g} s"],
        ["worker processes", str(SIZE)],
        ["one message to or from a worker", f"{LIMIT // MIB} MiB"],
        ["deadline of a tool that names none", f"{DEFAULT_TIMEOUT:g} s"],
        ["memory that a call may add to its worker, unless its tool says otherwise", f"{MEMORY} MiB"],
        ["a plugin's answer whether it is ready", f"{READY_SECONDS:g} s"],
    ]
    return table(["what", "limit"], rows)


def tools_page(clusters: Sequence[Cluster]) -> str:
    """The page of tools."""
    parts = [NOTE, "# Tools", TOOLS_INTRODUCTION]
    for cluster in clusters:
        tools = [tool for tool in cluster.listed_tools() if tool.distribution == DISTRIBUTION]
        total = size_of({"tools": [tool.wire() for tool in tools]})
        parts += [f"## The cluster `{cluster.name}`", f"{len(tools)} tools, {total:,} bytes; {cluster.boundary}."]
        for tool in tools:
            parts += tool_parts(tool)
    return "\n\n".join(parts) + "\n"


def tool_parts(tool: Tool) -> Iterator[str]:
    """The section of one tool."""
    hints = tool.annotations
    effect = "reads" if hints["readOnlyHint"] else ("may destroy" if hints["destructiveHint"] else "adds")
    again = "idempotent" if hints["idempotentHint"] else "not idempotent"
    world = "open world" if hints["openWorldHint"] else "closed world"
    place = {"inline": "inline", "loop": "on the event loop", "worker": "in a worker"}[tool.runs]
    yield f"### `{tool.name}`"
    yield tool.description
    size = size_of(tool.wire())
    yield f"*{effect}, {again}, {world}; runs {place}, at most {tool.marks.timeout:g} s; {size:,} bytes*"
    schema = tool.arguments.schema
    required = set(schema.get("required", ()))
    rows = [
        [f"`{name}`", type_of(part, schema), argument_default(part, name in required), part.get("description", "")]
        for name, part in schema.get("properties", {}).items()
    ]
    yield table(["parameter", "type", "default", "meaning"], rows) if rows else "No parameters."
    yield from results_of(tool.output_schema)


def results_of(schema: Mapping[str, Any] | None) -> Iterator[str]:
    """The fields of a tool's result, and those of the objects inside it."""
    if schema is None:
        yield "The result is text or content blocks."
        return
    whole = target(schema, schema)
    yield table(["result field", "type", "meaning"], list(field_rows(whole, schema)))
    for name, definition in schema.get("$defs", {}).items():
        if definition is not whole and definition.get("properties"):
            yield f"Each {name}:"
            yield table(["field", "type", "meaning"], list(field_rows(definition, schema)))


def field_rows(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[list[str]]:
    """One line for each field of an object; one for all of them where their names are not known."""
    for name, part in schema.get("properties", {}).items():
        yield [f"`{name}`", type_of(part, root), part.get("description", "")]
    extra: Any = schema.get("additionalProperties")
    if is_object(extra):
        yield ["any name", type_of(extra, root), ""]


def target(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference names, or the schema itself."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = root.get("$defs", {})[schema["$ref"].rpartition("/")[2]]
    return found


def type_of(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        found = target(schema, root)
        return schema["$ref"].rpartition("/")[2] if "properties" in found else type_of(found, root)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_of(part, root) for part in schema[key]))
    if "enum" in schema:
        return ", ".join(f"`{json(word)}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{json(schema['const'])}`"
    kind = schema.get("type", "anything")
    if kind == "array":
        inner: Mapping[str, Any] = schema.get("items") or {}
        return f"list of {type_of(inner, root)}{bounds(schema, 'minItems', 'maxItems', 'items')}"
    if kind == "string":
        form = schema.get("format")
        return (f"string ({form})" if form else "string") + bounds(schema, "minLength", "maxLength", "characters")
    return str(kind) + bounds(schema, "minimum", "maximum", "")


def bounds(schema: Mapping[str, Any], least: str, most: str, unit: str) -> str:
    """The range that a schema allows, in words after its type."""
    low, high = schema.get(least), schema.get(most)
    text = f"{low} to {high}" if low is not None and high is not None else ""
    text = text or (f"at least {low}" if low is not None else f"at most {high}" if high is not None else "")
    return f", {text} {unit}".rstrip() if text else ""


def argument_default(schema: Mapping[str, Any], required: bool) -> str:  # noqa: FBT001  # a word of the schema
    """The default of a parameter, in words."""
    if required:
        return "**required**"
    default = schema.get("default")
    return "-" if default is None else f"`{json(default)}`"


def json(value: Any) -> str:
    """A value as JSON, strings without their quotes unless they are empty."""
    return value if isinstance(value, str) and value else to_json(value).decode()


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, without a last column that says nothing."""
    if not any(row[-1] for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(" ".join(c.replace("|", "\\|").split()) for c in row) + " |" for row in lines)


if __name__ == "__main__":
    sys.exit(main())
