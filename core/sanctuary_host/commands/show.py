"""`sanctuary-host tools` and `sanctuary-host check`: what a cluster offers, and whether all of it is sound."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from sanctuary_host.commands.find import find_tool
from sanctuary_host.commands.table import paint, table
from sanctuary_host.folders import as_granted, unset_folders
from sanctuary_host.gateway.lint import losses
from sanctuary_host.plugins import Cluster
from sanctuary_host.settings import SettingsError

WORDS_LIMIT: Final = 60
"""Characters of a list of words in a table."""
BUDGET: Final = 12 * 1024
"""Bytes of a cluster's `tools/list` beyond which a model pays more for reading tools than for using them."""


def size_of(wire: Any) -> int:
    """Bytes of something as the wire carries it."""
    return len(json.dumps(wire, ensure_ascii=False, separators=(",", ":")).encode())


def show_tools(cluster: Cluster, name: str | None, *, as_json: bool) -> int:
    """Print the tools of a cluster, or one of them with its parameters; exit status 0.

    Raises:
        UsageError: the cluster has no such tool.
    """
    if name:
        return show_tool(cluster, name, as_json=as_json)
    tools = cluster.listed_tools()
    if as_json:
        print(json.dumps([tool.wire() for tool in tools], indent=2, ensure_ascii=False))
        return 0
    rows: list[list[str]] = []
    for tool in tools:
        hints = tool.annotations
        effect = "reads" if hints["readOnlyHint"] else ("destroys" if hints["destructiveHint"] else "writes")
        rows.append([tool.name, effect, tool.runs, f"{tool.marks.timeout:g} s", tool.description.splitlines()[0]])
    print(table(["TOOL", "EFFECT", "RUNS", "LIMIT", "WHAT IT DOES"], rows))
    return 0


def show_tool(cluster: Cluster, name: str, *, as_json: bool) -> int:
    """Print one tool with its parameters and the fields of its result; exit status 0.

    Raises:
        UsageError: the cluster has no such tool.
    """
    tool = find_tool(cluster, name)
    wire = tool.wire()
    if as_json:
        print(json.dumps(wire, indent=2, ensure_ascii=False))
        return 0
    print(f"{paint(tool.name, 'bold')}\n\n{tool.description}\n")
    schema = tool.arguments.schema
    rows = [
        [key, _type_of(field), "required" if key in schema.get("required", ()) else _default_of(field), _about(field)]
        for key, field in schema["properties"].items()
    ]
    print(table(["PARAMETER", "TYPE", "DEFAULT", "MEANING"], rows) if rows else "It takes no parameters.")
    fields = (tool.output_schema or {}).get("properties", {})
    if fields:
        rows = [[key, _type_of(field), _about(field)] for key, field in fields.items()]
        print("\n" + table(["RESULT", "TYPE", "MEANING"], rows))
    return 0


def _type_of(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        words = ", ".join(str(word) for word in field["enum"] if word != "")
        return words if len(words) <= WORDS_LIMIT else f"{words[:WORDS_LIMIT].rpartition(',')[0]}, …"
    if "anyOf" in field:
        return " or ".join(_type_of(option) for option in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {_type_of(field.get('items', {}))}"
    return str(field.get("type") or field.get("const") or field.get("$ref", "any").rpartition("/")[2])


def _default_of(field: Mapping[str, Any]) -> str:
    return json.dumps(field.get("default"), ensure_ascii=False)


def _about(field: Mapping[str, Any]) -> str:
    return str(field.get("description", ""))


def check(cluster: Cluster, server: str, environment: Mapping[str, str], *, as_json: bool) -> int:
    """Print what is wrong with a cluster's plugins, or would be lost at a gateway; exit status 1 where anything is.

    Args:
        cluster: what is checked.
        server: its name at the gateway.
        environment: whether it has what it works on.
        as_json: print JSON.
    """
    wires = [tool.wire() for tool in cluster.listed_tools()]
    sizes = {str(wire["name"]): size_of(wire) for wire in wires}
    total = size_of({"tools": wires})
    faults = list(cluster.faults) if wires or cluster.faults else ["it offers no tool"]
    try:
        boundary = as_granted(cluster.boundary, environment)
    except SettingsError:  # which is among the faults
        boundary = cluster.boundary
    resources = [resource.wire() for resource in cluster.resources]
    faults += losses(server, wires, resources, [prompt.wire() for prompt in cluster.prompts.values()])
    if as_json:
        report = {
            "cluster": cluster.name,
            "ok": not faults,
            "faults": faults,
            "boundary": str(boundary),
            "port": cluster.boundary.port,
            "folders": {mount.setting: mount.kind for mount in cluster.boundary.mounts},
            "unset": list(unset_folders(cluster.boundary, environment)),
            "plugins": [{"name": plugin.name, "distribution": plugin.distribution} for plugin in cluster.plugins],
            "tools": sizes,
            "bytes": total,
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return 1 if faults else 0
    print(table(["TOOL", "BYTES"], [[name, f"{size:,}"] for name, size in sizes.items()]))
    over = f", over the {BUDGET:,} that models read gladly" if total > BUDGET else ""
    print(f"\n{cluster.name}: {len(sizes)} tools, {total:,} bytes of tools/list{over}; {boundary}")
    for plugin in cluster.plugins:
        print(f"{paint('✓', 'green')} plugin {plugin}")
    if unset := unset_folders(cluster.boundary, environment):
        print(paint(f"{' and '.join(unset)} is not set: it has no folder to work on", "yellow"))
    for fault in faults:
        print(f"{paint('✗', 'red')} {fault}", file=sys.stderr)
    return 1 if faults else 0
