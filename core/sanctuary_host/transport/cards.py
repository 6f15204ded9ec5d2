"""What a server shows of itself to those who look for one: its card, and the catalog that leads there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from sanctuary_host.gateway.card import CARD_TYPE, CATALOG_TYPE, Public
from sanctuary_host.plugins import Cluster
from sanctuary_host.transport.guard import Guard
from sanctuary_host.transport.messages import RefusedError, encode

METHODS: Final = "GET, HEAD, OPTIONS"
HEADERS: Final = {
    hdrs.CACHE_CONTROL: "public, max-age=3600",
    hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Content-Type, If-None-Match",
    hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: "ETag",
}
"""What the extension demands of whoever serves a card: pages of any origin may read it, and anybody may keep it."""


class Cards:
    """The answers, for which nobody needs a token; what they say is in `gateway.card`.

    Args:
        cluster: what is served.
        guard: whose names for this server count here too.
        token: whether callers need one.
        advertised: the base URL that the operator advertises. It is shown where it begins with https, for then somebody
            stands before this server, whom nothing else tells of. Otherwise readers are shown the URL that they called,
            so that no name of an inner network leaves it.
        publish_as: the server's reverse-DNS name; empty takes it from the base URL.
    """

    def __init__(self, cluster: Cluster, guard: Guard, *, token: bool, advertised: str, publish_as: str) -> None:
        self._cluster = cluster
        self._guard = guard
        self._token = token
        self._advertised = advertised.rstrip("/") if urlsplit(advertised).scheme == "https" else ""
        self._publish_as = publish_as

    async def card(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /mcp/server-card`, and `GET /.well-known/mcp/server-card.json`, where older clients look.

        Raises:
            RefusedError: it was asked in a wrong way.
        """
        return self._answer(request, self._public(request).card(), CARD_TYPE)

    async def catalog(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /.well-known/ai-catalog.json`.

        Raises:
            RefusedError: it was asked in a wrong way.
        """
        return self._answer(request, self._public(request).catalog(), CATALOG_TYPE)

    def _public(self, request: web.Request) -> Public:
        self._guard.check_host(request)
        if request.method not in METHODS.split(", "):
            raise RefusedError("this address takes GET", status=405, headers={hdrs.ALLOW: METHODS})
        base = self._advertised or f"http://{request.host}"
        return Public(self._cluster.name, self._cluster.version, base, self._token, self._publish_as)

    @staticmethod
    def _answer(request: web.Request, document: Mapping[str, Any], content_type: str) -> web.Response:
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers=HEADERS)
        body = encode(document)
        tag = hashlib.sha256(body).hexdigest()[:16]
        headers = {**HEADERS, hdrs.ETAG: f'"{tag}"'}
        if any(known.value in {tag, "*"} for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers, content_type=content_type)
