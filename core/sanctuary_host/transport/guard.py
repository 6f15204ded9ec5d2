"""Who may talk to this server over HTTP, and how a request must look; whatever does not fit gets a sentence."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import os
from collections.abc import Iterable
from typing import Final

from aiohttp import hdrs, web
from mcp_types import PARSE_ERROR
from multidict import istr

from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.messages import Message, RefusedError, decode

SESSION_ID: Final = istr("Mcp-Session-Id")
PROTOCOL_VERSION: Final = istr("MCP-Protocol-Version")
CORRELATION_ID: Final = istr("X-Correlation-Id")
LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
BOTH: Final = f"{JSON}, {EVENTS}"
"""What nearly every client accepts, in the spelling of the SDKs."""

_SINGLE: Final = frozenset({b"host", b"origin", b"authorization", b"mcp-session-id", b"content-type"})
_REMEMBERED: Final = 64
"""`Host` headers that are known to be good, so that they need not be taken apart again."""


class Guard:
    """The conditions that each request must meet.

    Args:
        token: what callers must present as a bearer token; `None` lets everybody in.
        hosts: names under which this server is known, besides those of the loopback interface. A browser that was
            lured here by somebody else's name for our address says that name, and is refused.
        limits: how much a request may hold, and how long it may take.
    """

    def __init__(self, token: str | None, hosts: Iterable[str], limits: Limits) -> None:
        self._token = None if token is None else token.encode()
        self._hosts = frozenset(name for host in (*LOOPBACK, *hosts) for name in _spellings(host))
        self._limits = limits
        self._known: set[str] = set()
        self._salt = os.urandom(16)

    def admit(self, request: web.Request) -> None:
        """Check where a request comes from and who sends it.

        Raises:
            RefusedError: it is not let in.
        """
        self.check_host(request)
        self._check_once(request)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not self._is_own_origin(origin):
            raise RefusedError("pages of this origin may not call this server", status=403)
        if self._token is not None:
            self._check_token(request.headers.get(hdrs.AUTHORIZATION), self._token)

    def check_host(self, request: web.Request) -> None:
        """Check that the client calls this server by a name of its own.

        Raises:
            RefusedError: it uses another.
        """
        host = request.headers.get(hdrs.HOST, "")
        if host in self._known:
            return
        name = _name_of(host)
        if name is not None and name in self._hosts:
            if len(self._known) < _REMEMBERED:
                self._known.add(host)
            return
        if name is None or not _is_address_of(name, request):
            raise RefusedError(
                "this server is not known by the name in the Host header; call it by a name that it was given",
                status=421,
            )

    def owner(self, request: web.Request) -> bytes:
        """What tells callers apart: a digest of the credential that they send, whatever it is."""
        credential = request.headers.get(hdrs.AUTHORIZATION)
        if credential is None:
            return b""
        return hashlib.blake2b(credential.encode("utf-8", "surrogateescape"), digest_size=16, key=self._salt).digest()

    async def read(self, request: web.Request) -> Message:
        """The message in a request's body.

        Raises:
            RefusedError: there is none, or it is too large or too slow.
        """
        content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
        if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
            raise RefusedError(f"send the message as Content-Type: {JSON}", status=415)
        if (request.content_length or 0) > self._limits.message:
            raise self._too_large()
        try:
            if request.content.is_eof():
                body = await request.read()
            else:
                async with asyncio.timeout(self._limits.stall):
                    body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise self._too_large() from None
        except TimeoutError:
            raise RefusedError("the request's body did not arrive in time", status=408) from None
        except (ValueError, web.RequestPayloadError):
            # Such as a body that is not compressed as its Content-Encoding says.
            raise RefusedError("the request's body cannot be read", code=PARSE_ERROR) from None
        return decode(body)

    def _too_large(self) -> RefusedError:
        return RefusedError(f"a message may have {self._limits.message} bytes, and this one has more", status=413)

    def _is_own_origin(self, origin: str) -> bool:
        scheme, separator, host = origin.partition("://")
        return bool(separator) and scheme.lower() in {"http", "https"} and _name_of(host) in self._hosts

    @staticmethod
    def _check_once(request: web.Request) -> None:
        # Two readers of a header that comes twice may each believe another of its values.
        seen: set[bytes] = set()
        for raw, _ in request.raw_headers:
            name = raw.lower()
            if name in _SINGLE:
                if name in seen:
                    raise RefusedError(f"the header {name.decode()} came twice")
                seen.add(name)

    @staticmethod
    def _check_token(header: str | None, token: bytes) -> None:
        challenge = {"WWW-Authenticate": "Bearer"}
        if header is None:
            raise RefusedError(
                "this server asks for a token; send Authorization: Bearer TOKEN", status=401, headers=challenge
            )
        scheme, _, given = header.partition(" ")
        right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token)
        if scheme.lower() != "bearer" or not right:
            raise RefusedError(
                "the token is not the one that this server asks for",
                status=401,
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )


def accepts(request: web.Request) -> tuple[bool, bool]:
    """Whether the client takes JSON, and whether it takes server-sent events. No `Accept` means that it takes all."""
    accept = request.headers.get(hdrs.ACCEPT)
    if accept is None or accept == BOTH:
        return True, True
    kinds: set[str] = set()
    for item in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        if not any(parameter.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for parameter in parameters):
            kinds.add(kind)
    return not kinds.isdisjoint({JSON, "application/*", "*/*"}), not kinds.isdisjoint({EVENTS, "text/*", "*/*"})


def _spellings(host: str) -> set[str]:
    """A host's name as clients may write it: container names have underscores, and some clients want dashes."""
    name = host.lower().rstrip(".")
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    return {name, name.replace("_", "-"), name.replace("-", "_")} if name else set()


def _name_of(host: str) -> str | None:
    """The name in a `Host` header, without its port; `None` where it is malformed."""
    if host.startswith("["):
        name, bracket, port = host.partition("]")
        name += bracket
        if port and not port.startswith(":"):
            return None
        port = port[1:]
    else:
        name, _, port = host.partition(":")
    if not name or (port and not (port.isascii() and port.isdigit())):
        return None
    return name.lower()


def _is_address_of(name: str, request: web.Request) -> bool:
    """Whether `name` is the very address that the client connected to: no name was resolved, so none was forged."""
    try:
        called = ipaddress.ip_address(name.strip("[]"))
        local = request.transport.get_extra_info("sockname") if request.transport is not None else None
        return local is not None and called == ipaddress.ip_address(local[0])
    except (ValueError, IndexError, TypeError):
        return False
