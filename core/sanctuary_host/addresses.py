"""Where other servers are: URLs in settings, refused where they could not work or would lead to the wrong place."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

FORMS: Final[Mapping[str, str]] = {
    "GATEWAY_URL": "http://sanctuary-gateway:4444",
    "VECTOR_DB_URL": "http://sanctuary_vector_db:8000",
    "OLLAMA_URL": "http://sanctuary_ollama:11434",
    "SANCTUARY_ADVERTISE_URL": "http://sanctuary_CLUSTER:8000",
}
"""The variables that hold such URLs, and what each looks like in a fleet of containers."""
WITH_PATH: Final = frozenset({"GATEWAY_URL"})
"""Behind a reverse proxy a gateway may have a path; what else is named here is the root of a server."""
TOKENS: Final[Mapping[str, str]] = {"GATEWAY_URL": "API_TOKEN", "SANCTUARY_ADVERTISE_URL": "SANCTUARY_TOKEN"}
"""Where the secret belongs that somebody wrote into a URL."""

LOOPBACK: Final = re.compile(r"(.*\.)?localhost([46])?(\.localdomain[46]?)?|ip6-(localhost|loopback)")
"""RFC 6761 section 6.3, and the names that Debian's and Red Hat's /etc/hosts have for 127.0.0.1 and ::1."""
NUMERIC: Final = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")
"""URL Standard, "ends in a number": what a resolver reads as an IPv4 address. No top-level domain is a number."""
LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
"""RFC 1123, and the underscores of the fleet's own names."""
DOTS: Final = str.maketrans("\N{IDEOGRAPHIC FULL STOP}\N{HALFWIDTH IDEOGRAPHIC FULL STOP}", "..")
"""What IDNA (RFC 3490 section 3.1) takes for a dot, and NFKC does not."""


def faults_of(environment: Mapping[str, str], *, contained: bool) -> list[str]:
    """One sentence for each variable whose URL is unusable, or wrong in a container. None repeats the URL."""
    found = [_fault(name, environment.get(name, ""), contained=contained) for name in FORMS]
    return [f"{name} {fault}" for name, fault in zip(FORMS, found, strict=True) if fault]


def _fault(name: str, url: str, *, contained: bool) -> str:
    if not url:
        return ""
    form = f"such as {FORMS[name]}"
    if any(character.isspace() or not character.isprintable() for character in url) or "\\" in url:
        return f"holds a space, a control character or a backslash; write a plain URL, {form}"
    if "@" in url.partition("//")[2].partition("/")[0]:
        where = f"put the token into {TOKENS[name]}" if name in TOKENS else "leave them out"
        return f"must not hold a user name or password, which end up in logs; {where}"
    try:
        parts = urlsplit(url)
        host = _host_of(parts)
    except ValueError:
        return f"must be an http or https URL with a host, and a port from 1 to 65535 if any, {form}"
    if "?" in url or "#" in url:
        return f"must not have a query or fragment (? or #); write the server's address alone, {form}"
    if parts.path.strip("/") and name not in WITH_PATH:
        return f"must not have a path; write the server's address alone, {form}"
    if contained and LOOPBACK.fullmatch(host):
        return f"names {host[:64]}, which inside a container is the container itself; use the other one's name, {form}"
    if contained and (NUMERIC.fullmatch(host) or ":" in host):
        return (
            f"names the IP address {host[:64]}, which inside a container is the container itself or changes with every "
            f"start; use the other one's name, {form}"
        )
    return ""


def _host_of(parts: SplitResult) -> str:
    """The host as a resolver would read it: in lower case, ASCII digits, without the last dot; IPv6 without a zone.

    Raises:
        ValueError: the URL is not http or https, or its host or port could not be used.
    """
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or parts.netloc.endswith(":"):
        raise ValueError(parts.scheme)
    if parts.netloc.startswith("["):
        return str(ipaddress.IPv6Address(parts.hostname.partition("%")[0]))
    host = unicodedata.normalize("NFKC", parts.hostname.translate(DOTS)).lower().removesuffix(".")
    if NUMERIC.fullmatch(host):
        try:
            socket.inet_aton(host)
        except OSError:
            raise ValueError(host) from None
        return host
    if not host.isascii():
        host = host.encode("idna").decode()  # UnicodeError is a ValueError
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError(host)
    return host
