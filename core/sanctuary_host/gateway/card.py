"""What anybody may know of a server before connecting to it: its card, the catalog that leads there, its server.json.

The card and the catalog follow SEP-2127 (the extension `io.modelcontextprotocol/server-card`, as of 2026-07-24) and AI
Catalog 1.0, server.json the official registry's format of 2025-12-11. None of them names a tool: that is for those who
may call.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from sanctuary_host.gateway.entry import PATHS

CARD_PATH: Final = f"{PATHS['streamable-http']}/server-card"
"""Where the extension reserves a place for the card."""
CARD_TYPE: Final = "application/mcp-server-card+json"
CATALOG_TYPE: Final = "application/ai-catalog+json"
CARD_SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
SERVER_SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
NOBODY: Final = "localhost"
"""The namespace of servers whose address has no domain; nobody can own it (RFC 6761)."""
NAMESPACE_LIMIT: Final = 100
CLUSTER_LIMIT: Final = 80
"""Characters of the cluster in a name, which with a namespace of 99 stays below 200."""
TEXT_LIMIT: Final = 100
"""Characters of titles and descriptions."""


@dataclass(frozen=True, slots=True)
class Public:
    """The facts.

    Attributes:
        cluster: what the server serves.
        version: the host's.
        base: the URL under which the reader reaches the server, without a path.
        token: whether callers need one.
        publish_as: the server's reverse-DNS name; empty takes it from `base`.
    """

    cluster: str
    version: str
    base: str
    token: bool
    publish_as: str = ""

    @property
    def name(self) -> str:
        """The server's name in reverse-DNS form, such as `com.example.tools/sanctuary_utils`."""
        return self.publish_as or f"{_namespace(self.base)}/sanctuary_{_plain(self.cluster)[:CLUSTER_LIMIT]}"

    def card(self) -> dict[str, Any]:
        """The server card."""
        versions = {
            "streamable-http": [*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS],
            "sse": list(HANDSHAKE_PROTOCOL_VERSIONS),
        }
        remotes = [{**remote, "supportedProtocolVersions": versions[remote["type"]]} for remote in self._remotes()]
        return {"$schema": CARD_SCHEMA, **self._identity(), "remotes": remotes}

    def catalog(self) -> dict[str, Any]:
        """The catalog with the card as its one entry."""
        namespace, _, name = self.name.partition("/")
        publisher = ".".join(reversed(namespace.split(".")))
        entry = {
            "identifier": f"urn:air:{publisher}:mcp:{name}",
            "type": CARD_TYPE,
            "url": f"{self.base}{CARD_PATH}",
        }
        return {"specVersion": "1.0", "entries": [entry]}

    def server_json(self) -> dict[str, Any]:
        """The server's entry for the official registry. It offers no package: those would start another server."""
        return {"$schema": SERVER_SCHEMA, **self._identity(), "remotes": self._remotes()}

    def _identity(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": f"Sanctuary {self.cluster}"[:TEXT_LIMIT],
            "description": f"Tools of the cluster {self.cluster}, served by sanctuary-host"[:TEXT_LIMIT],
            "version": self.version,
        }

    def _remotes(self) -> list[dict[str, Any]]:
        remotes: list[dict[str, Any]] = [{"type": kind, "url": self.base + path} for kind, path in PATHS.items()]
        if self.token:
            token = {"description": "The token that the server's operator gave you", "isRequired": True}
            header = {
                "name": "Authorization",
                "isRequired": True,
                "isSecret": True,
                "value": "Bearer {token}",
                "variables": {"token": {**token, "isSecret": True}},
            }
            remotes = [{**remote, "headers": [header]} for remote in remotes]
        return remotes


def _namespace(base: str) -> str:
    host = (urlsplit(base).hostname or "").rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = _plain(host).replace("_", "-").split(".")
        if len(labels) > 1 and all(labels) and len(host) < NAMESPACE_LIMIT:
            return ".".join(reversed(labels))
    return NOBODY


def _plain(text: str) -> str:
    """The text with nothing in it that a name may not hold."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)
