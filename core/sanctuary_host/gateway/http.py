"""The one door to a gateway: a request goes out, and a JSON answer or a sentence comes back."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, Self
from urllib.parse import SplitResult, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from sanctuary_host.gateway.quoting import cleaned, quoted
from sanctuary_host.gateway.registrar import GatewayError, Kind

CONNECT_SECONDS: Final = 5.0
SECONDS: Final = 90.0
"""A gateway asks our server before it answers, and ContextForge waits 30 s for its database."""
REPLY_LIMIT: Final = 8 << 20
"""Bytes: ten times a list of 500 entries, which is the most that one request asks for."""
PARTS_LIMIT: Final = 300_000
"""Values in a reply; a list of 500 entries has 40,000. Reading one takes the loop's time, and 100 bytes."""
AFTER_LIMIT: Final = 3_600.0
"""Seconds: the longest lock-out that is believed; ContextForge's own is 900."""
AFTER_DEFAULT: Final = 60.0
"""Seconds after a 429 that names none, or none that makes sense."""


class Credential(Protocol):
    """What the door presents; `token.Token` is one."""

    value: str

    async def reread(self) -> bool:
        """Look whether there is a new one by now, and say so."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with one of the statuses that the caller understands.

    Attributes:
        status: of HTTP.
        body: parsed from JSON; `None` where it is empty or something else.
        headers: of the reply.
    """

    status: int
    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Gateway:
    """A gateway at an address.

    Args:
        url: its address, perhaps with a path in front of its own ones.
        token: what it asks for; empty for none.

    Attributes:
        url: the address, without what may be secret in it.
    """

    def __init__(self, url: str, token: Credential) -> None:
        self._token = token
        self._parts, self._fault = _split(url)
        self.url = cleaned(urlunsplit(self._parts))
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """The door itself; it opens with the first request."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    def __repr__(self) -> str:
        """Nothing that must not be seen."""
        return f"Gateway({self.url!r})"

    async def close(self) -> None:
        """Drop the connections; a later request opens new ones."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        form: Mapping[str, str] | None = None,
        accept: frozenset[int],
    ) -> Answer:
        """Ask the gateway; a 401 has the token read anew, and where it changed the question is put once more.

        Args:
            method: of HTTP.
            path: from the gateway's address on, such as `/v1/gateways?limit=1`; what is variable in it is quoted.
            body: sent as JSON.
            form: sent as `application/x-www-form-urlencoded`, in place of a body.
            accept: the statuses that the caller understands.

        Raises:
            GatewayError: anything else came back, or nothing.
        """
        if self._fault:
            raise GatewayError(self._fault, "rejected")
        answer = await self._send(method, path, body, form)
        if answer.status == 401 and await self._token.reread():
            answer = await self._send(method, path, body, form)
        if answer.status in accept:
            return answer
        raise self._refusal(method, path, answer)

    async def _send(self, method: str, path: str, body: Any, form: Mapping[str, str] | None) -> Answer:
        session = self._session = self._session or _session()
        url = URL(urlunsplit(self._parts) + path, encoded=True)
        headers = {"Accept": "application/json"}
        if self._token.value:
            headers["Authorization"] = f"Bearer {self._token.value}"
        try:
            async with session.request(
                method, url, json=body, data=form, headers=headers, allow_redirects=False
            ) as response:
                text = bytearray()
                async for piece in response.content.iter_chunked(1 << 16):
                    text += piece
                    if len(text) > REPLY_LIMIT:
                        raise self._excess(method, path, response.status, f"{REPLY_LIMIT >> 20} MiB")
                if sum(map(text.count, (b"{", b"[", b","))) > PARTS_LIMIT:
                    raise self._excess(method, path, response.status, f"{PARTS_LIMIT:,} values")
                return Answer(response.status, _parsed(bytes(text)), response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._silence(error) from None  # its texts may hold the whole URL
        except ValueError:
            raise GatewayError(
                "the token for the gateway holds characters that HTTP cannot carry; correct API_TOKEN or the file that "
                "API_TOKEN_FILE names",
                "unauthorized",
            ) from None

    def _excess(self, method: str, path: str, status: int, what: str) -> GatewayError:
        """That an answer is too large to be read."""
        return GatewayError(
            f"{self.url} answered {method} {_plain(path)} with more than {what}; look whether GATEWAY_URL leads to the "
            "gateway",
            "rejected",
            status,
        )

    def _silence(self, error: Exception) -> GatewayError:
        """Why there was no answer."""
        host = cleaned(self._parts.hostname or "")
        match error:
            case aiohttp.ClientConnectorDNSError():
                why = f"the name {host} cannot be resolved; look whether the gateway runs, and at GATEWAY_URL"
            case aiohttp.ClientConnectorCertificateError():
                why = (
                    f"this machine does not trust its certificate ({_distrust(error)}); let SSL_CERT_FILE name the "
                    "file of its issuer's certificate, renew it, or correct GATEWAY_URL"
                )
            case aiohttp.ClientSSLError() | aiohttp.ClientConnectorSSLError():
                why = "it does not speak TLS there as expected; GATEWAY_URL may need http:// instead of https://"
            case aiohttp.ClientConnectorError():
                code = error.os_error.errno
                reason = os.strerror(code).lower() if code is not None and code > 0 else "no connection"
                why = f"it cannot be connected to ({reason}); look whether it runs, and at GATEWAY_URL"
            case aiohttp.ConnectionTimeoutError():
                why = f"no connection within {CONNECT_SECONDS:g} s; look whether it runs, and at GATEWAY_URL"
            case TimeoutError():
                why = f"no complete answer within {SECONDS:g} s"
            case aiohttp.ClientConnectionResetError() | aiohttp.ServerDisconnectedError():
                why = "it hung up before it had answered"
            case aiohttp.ClientPayloadError() | aiohttp.ClientOSError():
                why = "it hung up in the middle of its answer"
            case aiohttp.ClientResponseError():
                why = "what listens there does not speak HTTP; GATEWAY_URL may need https:// or another port"
            case _:
                why = f"the connection failed ({type(error).__name__})"
        return GatewayError(f"the gateway at {self.url} does not answer: {why}", "unreachable")

    def _refusal(self, method: str, path: str, answer: Answer) -> GatewayError:
        """What an answer means that the caller does not understand."""
        status, said = answer.status, self.quoted(answer.body)
        asked = f"{method} {_plain(path)}"
        after = wait_asked(answer.headers, 0.0)
        kind: Kind = "rejected"
        match status:
            case 401 if not self._token.value:
                kind = "unauthorized"
                text = f"{self.url} asks for a token (HTTP 401); set API_TOKEN, or API_TOKEN_FILE to its file"
            case 401:
                kind = "unauthorized"
                text = (
                    f"{self.url} does not accept the token (HTTP 401{said}); it may have expired or be another "
                    "gateway's: renew it in API_TOKEN_FILE, which is read again, or in API_TOKEN"
                )
            case 403:
                kind = "unauthorized"
                text = f"the token may not {asked} at {self.url} (HTTP 403{said}); permit it at the gateway"
            case 429:
                kind, after = "busy", after or AFTER_DEFAULT
                text = (
                    f"{self.url} takes no more requests for {after:.0f} s (HTTP 429{said}); where a whole fleet shares "
                    "an address, raise its limit, or SANCTUARY_SPLAY and SANCTUARY_HEARTBEAT"
                )
            case _ if 300 <= status < 400:
                text = (
                    f"{self.url} redirects to {self._target(answer)} (HTTP {status}); set GATEWAY_URL to the final "
                    "address, as a token is never sent on"
                )
            case 404 | 405:
                kind = "foreign"
                text = f"{self.url} does not know {asked} (HTTP {status}); correct GATEWAY_URL, or SANCTUARY_REGISTRAR"
            case _ if status >= 500:
                kind = "unreachable"
                text = f"{self.url} failed at {asked} (HTTP {status}{said}); its own log says more"
            case _:
                text = f"{self.url} did not take {asked} (HTTP {status}{said})"
        return GatewayError(text, kind, status, after)

    def quoted(self, body: Any, *secrets: str) -> str:
        """What a reply's body says in words, as `: …`, without this door's token and what else is secret."""
        return quoted(body, (self._token.value, *secrets))

    def _target(self, answer: Answer) -> str:
        """Where a redirection leads, without what may be secret in it."""
        try:
            to = urlsplit(answer.headers.get("Location", ""))
            place = f"{to.scheme}://{to.hostname}{f':{to.port}' if to.port else ''}" if to.hostname else ""
        except ValueError:
            return "elsewhere"
        return cleaned(place + to.path, (self._token.value,)) or "elsewhere"


def wait_asked(headers: Mapping[str, str], otherwise: float) -> float:
    """Seconds that `Retry-After` asks for, a number or a date; at least 1 and at most an hour.

    Args:
        headers: of the reply.
        otherwise: where it says nothing, or nothing that makes sense, such as a date in the past.
    """
    text = headers.get("Retry-After", "").strip()[:64]
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return otherwise
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    if math.isnan(seconds) or seconds < 0:
        return otherwise
    return min(max(seconds, 1.0), AFTER_LIMIT)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # A connection that idles between two heartbeats may be gone when a POST needs it, and is not worth keeping.
        connector=aiohttp.TCPConnector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=SECONDS, connect=CONNECT_SECONDS),
        headers={"User-Agent": "sanctuary-host"},
        trust_env=False,
    )


def _split(url: str) -> tuple[SplitResult, str]:
    """An address's parts, without a slash at the end, and what is wrong with it."""
    try:
        parts = urlsplit(url.strip())
        URL(parts.geturl()).port  # noqa: B018  # raises where it is no number
    except ValueError:
        return urlsplit(""), "GATEWAY_URL is no address; it looks like http://sanctuary-gateway:4444"
    shown = SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return shown, "GATEWAY_URL must be an http or https address, such as http://sanctuary-gateway:4444"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return shown, "GATEWAY_URL must hold no user, password or query; the gateway's token goes into API_TOKEN"
    return shown, ""


def _distrust(error: aiohttp.ClientConnectorCertificateError) -> str:
    """What OpenSSL has against a certificate, such as `certificate has expired`."""
    return cleaned(str(getattr(error.certificate_error, "verify_message", "")).rstrip(".")) or "it gives no reason"


def _plain(path: str) -> str:
    return path.partition("?")[0]


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
