"""What a gateway needs before it takes a server, told before it refuses with a sentence that says less."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import json
import socket
import time
from typing import Any, Final
from urllib.parse import urlsplit

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.shapes import is_array, is_object

NEEDED: Final = ("gateways.create", "gateways.read", "gateways.update")
"""Permissions of ContextForge without which a server cannot be registered."""
USEFUL: Final = ("tools.read", "tools.update")
"""Permissions without which changed annotations can neither be seen nor brought up to date."""
SOON: Final = 3 * 86_400
"""Seconds of a token's life that are worth a word."""
RESOLVING: Final = 3.0
PREFIXES: Final = {4: 16, 6: 64}
"""Length of the prefix that is shown for a network of which one address is known."""


def of_the_token(token: str) -> tuple[list[str], list[str]]:
    """What a token says of itself, if it is one that does: why it will be refused, and what else is worth knowing.

    Nothing is verified: that is the gateway's work.
    """
    claims = _claims(token)
    if claims is None:
        return [], [f"the token must hold {', '.join(NEEDED)} at the gateway; {' and '.join(USEFUL)} for annotations"]
    faults: list[str] = []
    hints: list[str] = []
    ends = claims.get("exp")
    if isinstance(ends, (int, float)):
        left = ends - time.time()
        if left <= 0:
            faults.append("the token has expired; make a new one and put it into API_TOKEN, or API_TOKEN_FILE")
        elif left < SOON:
            hints.append(f"the token expires in {left / 3600:.1f} h; put the next one into the file of API_TOKEN_FILE")
    scopes = claims.get("scopes")
    granted = scopes.get("permissions") if is_object(scopes) else None
    if is_array(granted) and granted and "*" not in granted:
        if missing := [one for one in NEEDED if one not in granted]:
            faults.append(f"the token lacks {', '.join(missing)}")
        if missing := [one for one in USEFUL if one not in granted]:
            hints.append(
                f"the token lacks {', '.join(missing)}, without which changed annotations and drift cannot be seen or "
                "brought up to date"
            )
    return faults, hints


def _claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return dict(claims) if is_object(claims) else None


async def of_the_network(entry: Entry, gateway: str) -> list[str]:
    """What the gateway must be allowed, so that it reaches the server at its advertised URL."""
    host = urlsplit(entry.base).hostname or ""
    hints = [f"the gateway must reach {entry.endpoint}: it asks the server for its tools before it answers"]
    try:
        async with asyncio.timeout(RESOLVING):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        address = ipaddress.ip_address(str(found[0][4][0]))
    except (OSError, ValueError, UnicodeError, TimeoutError):
        hints.append(
            f"{host} is not known here; where the gateway runs it must be, and the gateway's SSRF_ALLOWED_NETWORKS "
            "must hold its network"
        )
        return hints
    if address.is_loopback:
        hints.append("for a loopback address the gateway (ContextForge) must run with SSRF_ALLOW_LOCALHOST=true")
        if not _is_near(urlsplit(gateway).hostname or ""):
            hints.append(
                f"the gateway is elsewhere, where {host} is itself: set SANCTUARY_ADVERTISE_URL to how it reaches this "
                "machine"
            )
    elif address.is_link_local or address in ipaddress.ip_network("100.64.0.0/10"):
        hints.append(f"{address} is in a network that ContextForge never calls; advertise another address")
    elif address.is_private:
        network = ipaddress.ip_network(f"{address}/{PREFIXES[address.version]}", strict=False)
        hints.append(
            f"for {address} the gateway (ContextForge) must run with SSRF_ALLOWED_NETWORKS='[\"{network}\"]', or a "
            "narrower network"
        )
    return hints


def _is_near(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
