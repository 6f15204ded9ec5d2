"""What a server tells a gateway of itself, derived from what it serves: there is no second list of tools."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Transport = Literal["streamable-http", "sse"]

FLEET = "sanctuary"
"""What marks an entry as one of this product's fleet."""
PATHS: Mapping[Transport, str] = {"streamable-http": "/mcp", "sse": "/sse"}


@dataclass(frozen=True)
class Entry:
    """One server as a gateway should know it, at one moment.

    Attributes:
        name: under which the gateway lists it, and with which it prefixes its tools, such as `sanctuary_utils`.
        base: the URL under which others reach the server, without a path: `http://sanctuary_utils:8000`.
        transport: which of the two ways in the gateway is to use.
        cluster: what the server serves.
        version: the host's.
        description: a sentence about the server.
        tools: the tools as `tools/list` shows them.
        instance: random for each process; tells two servers of one name apart.
        token: what the gateway must present to this server as a bearer token; empty where none is asked for.
    """

    name: str
    base: str
    transport: Transport
    cluster: str
    version: str
    description: str
    tools: tuple[Mapping[str, Any], ...]
    instance: str
    token: str = field(default="", repr=False)

    @property
    def endpoint(self) -> str:
        """The URL that the gateway is to speak MCP with."""
        return self.base + PATHS[self.transport]

    @property
    def health_check(self) -> str:
        """The URL that says whether the server is well."""
        return f"{self.base}/health"

    @property
    def marks(self) -> tuple[str, str]:
        """The tags by which an entry is known as one of this fleet and this cluster."""
        return f"fleet:{FLEET}", f"cluster:{self.cluster}"

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags: the marks, and what tells an old entry from a new one."""
        return (
            *self.marks,
            f"version:{self.version}",
            f"manifest:{self.fingerprint}",
            f"instance:{self.instance}",
        )

    @cached_property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that change with any name, schema, description or annotation of the tools."""
        text = json.dumps(sorted(self.tools, key=lambda tool: str(tool["name"])), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
