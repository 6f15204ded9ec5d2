"""`sanctuary-host call`: one tool, by the same path that clients' calls take, without a server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from pydantic_core import from_json, to_json

from sanctuary_host.audited import Audit
from sanctuary_host.calls import Calls, UnknownError
from sanctuary_host.commands.find import UsageError, find_tool
from sanctuary_host.commands.table import paint
from sanctuary_host.containment.confinement import Confinement
from sanctuary_host.containment.pool import Pool
from sanctuary_host.containment.steps import Watch
from sanctuary_host.containment.zygote import Zygote
from sanctuary_host.jobs import work_of
from sanctuary_host.observe.audit import Trail
from sanctuary_host.plugins import Cluster
from sanctuary_host.results import Reply
from sanctuary_host.shapes import is_object


def call_tool(
    cluster: Cluster,
    confinement: Confinement,
    open_trail: Callable[[], Trail | None],
    name: str,
    words: Sequence[str],
    *,
    as_json: bool,
) -> int:
    """Call a tool and print its reply; exit status 1 where the reply is an error.

    Args:
        cluster: what is loaded.
        confinement: what confines the process that calls it.
        open_trail: opens the audit trail, once the workers' fork is done.
        name: the tool.
        words: `key=value` for each argument, or one JSON object; `-` reads that object from standard input.
        as_json: print the structured content, or the whole reply where it has none, as JSON.

    Raises:
        UsageError: no such tool, or words that are no arguments.
    """
    arguments = _arguments(words, find_tool(cluster, name).arguments.schema.get("properties", {}))
    zygote = Zygote.start(work_of(cluster), confinement.worker, cluster.kept)
    trail = open_trail()
    confinement.seal_host()
    reply = asyncio.run(_call(cluster, zygote, trail, name, arguments))
    _print(reply, as_json=as_json)
    return 1 if reply.is_error else 0


async def _call(
    cluster: Cluster, zygote: Zygote, trail: Trail | None, name: str, arguments: Mapping[str, Any]
) -> Reply:
    audit = Audit(cluster, trail, "command") if trail is not None else None
    async with trail.kept() if trail is not None else nullcontext(), Pool(zygote, tell=_tell) as pool:
        try:
            with Watch() as watch:
                calls = Calls(cluster, pool, audit=audit, watch=watch)
                return await calls.call_tool(name, arguments, voice=_Teller())
        except UnknownError as error:
            raise UsageError(str(error)) from None


def _arguments(words: Sequence[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    if len(words) == 1 and (words[0] == "-" or words[0].startswith("{")):
        text = sys.stdin.read() if words[0] == "-" else words[0]
        try:
            found = json.loads(text)
        except ValueError as error:
            raise UsageError(f"the arguments are not JSON: {error}") from None
        if not is_object(found):
            raise UsageError('the arguments must be a JSON object, such as {"zones": ["Europe/Berlin"]}')
        return dict(found)
    arguments: dict[str, Any] = {}
    for word in words:
        key, separator, text = word.partition("=")
        if not separator or not key:
            raise UsageError(f"{word!r} is no argument; write key=value, or all arguments as one JSON object")
        arguments[key] = _value(text, properties.get(key, {}))
    return arguments


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    """A word as what the schema asks for: as it stands for a string, else as JSON or comma-separated words."""
    kinds = {schema.get("type")} | {option.get("type") for option in schema.get("anyOf", ())}
    if "string" in kinds or "const" in schema or "enum" in schema:
        if "array" in kinds and text.startswith("["):
            return _json_or(text, text)
        return text
    if "array" in kinds and not text.startswith("["):
        return [_json_or(part.strip(), part.strip()) for part in text.split(",")]
    return _json_or(text, text)


def _json_or(text: str, other: Any) -> Any:
    try:
        return from_json(text)
    except ValueError:
        return other


def _print(reply: Reply, *, as_json: bool) -> None:
    wire = reply.wire()
    if as_json:
        shown = reply.structured if reply.structured is not None and not reply.is_error else wire
        print(to_json(shown, indent=2, inf_nan_mode="null").decode())
        return
    for block in wire.get("content", ()):
        text = block.get("text")
        if text is None:
            text = f"[{block.get('type')} {block.get('mimeType', '')}]"
        print(paint(text, "red", sys.stderr) if reply.is_error else text, file=sys.stderr if reply.is_error else None)


def _tell(printed: str) -> None:
    """What the tool printed, on standard error."""
    print(paint(printed, "dim", sys.stderr), file=sys.stderr)


class _Teller:
    """Progress and log messages of the call, on standard error."""

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        of = f" of {total:g}" if total is not None else ""
        print(paint(f"{done:g}{of} {message or ''}".rstrip(), "dim", sys.stderr), file=sys.stderr)

    def log(self, level: str, data: Any) -> None:
        print(paint(f"{level}: {data}", "dim", sys.stderr), file=sys.stderr)
