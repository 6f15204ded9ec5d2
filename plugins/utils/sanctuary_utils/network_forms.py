"""Addresses as text: URLs, IP addresses and networks, e-mail. Nothing is looked up and nothing is sent."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlsplit

import idna
from pydantic import JsonValue

from sanctuary_host import ToolError
from sanctuary_utils.findings import Analysis, invalid, valid

__all__ = ["check_email", "check_ip", "check_url"]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ftp": 21, "ssh": 22, "ws": 80, "wss": 443}
ATOM: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]++(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]++)*+\Z"
)
LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")
# What ends in a number is read as an IPv4 address by browsers, in whatever notation.
NUMERIC_END: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?\Z")
PARAMETERS: Final = 200


def check_url(text: str) -> Analysis:
    """Take a URL apart. A password in it is not repeated."""
    url = text.strip()
    if len(url) > 10_000:
        return invalid("URL", "it has more than 10,000 characters")
    if found := re.search(r"[\s\x00-\x1f\x7f\\]", url):
        return invalid(
            "URL", f"white space, a backslash or a control character at {found.start() + 1}; escape it with %"
        )
    if wrong := re.search(r"%(?![0-9A-Fa-f]{2})", url):
        return invalid("URL", f"the % at character {wrong.start() + 1} has no two hexadecimal digits after it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return invalid("URL", "the port must be 0 to 65535" if "ort" in str(error) else "its host is no valid address")
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*+:", url):
        return invalid("URL", "the scheme, such as https:, is missing")
    facts: dict[str, JsonValue] = {"scheme": parts.scheme}
    if parts.netloc:
        try:
            facts |= _host_facts(parts)
        except ToolError as error:
            return invalid("URL", str(error))
    elif parts.scheme in DEFAULT_PORTS:
        return invalid("URL", f"{parts.scheme} needs // and a host")
    default = DEFAULT_PORTS.get(parts.scheme)
    facts |= {"port": port if port is not None else default, "port_is_default": port in {None, default}}
    facts |= {"path": parts.path, "query": parts.query, "fragment": parts.fragment}
    if not parts.netloc:
        del facts["port"], facts["port_is_default"]
    pairs = parse_qsl(parts.query, keep_blank_values=True) if parts.query.count("&") <= PARAMETERS else []
    items: list[JsonValue] = [{"name": name, "value": value} for name, value in pairs]
    return valid(f"a valid {parts.scheme} URL", facts, items)


def _host_facts(parts: SplitResult) -> dict[str, JsonValue]:
    host = parts.hostname or ""
    facts: dict[str, JsonValue] = {"host": host}
    if not host and parts.scheme != "file":
        raise ToolError("the host is missing")
    if "@" in parts.netloc:
        facts |= {"user": parts.username, "has_password": parts.password is not None}
    if ":" in host or NUMERIC_END.search(host):
        try:
            facts["host_is"] = _kind(ipaddress.ip_address(host.partition("%")[0]))
        except ValueError:
            raise ToolError("the host looks like an IP address and is none") from None
    elif host:
        facts |= _domain(host)
    return facts


def check_email(text: str) -> Analysis:
    """Take an e-mail address apart by its form; whether the mailbox exists is not known."""
    address = text.strip()
    local, at, domain = address.rpartition("@")
    if not at:
        return invalid("e-mail address", "the @ is missing")
    if len(local.encode()) > 64 or len(address.encode()) > 254:
        return invalid("e-mail address", "it is longer than 254 bytes, or than 64 before the @")
    quoted_form = re.fullmatch(r'"(?:[^"\\\x00-\x1f]|\\[ -~])*"', local)
    if not quoted_form and not ATOM.match(local):
        return invalid("e-mail address", "the part before the @ is empty, has a forbidden character or a misplaced dot")
    if domain.startswith("[") and domain.endswith("]"):
        try:
            ipaddress.ip_address(domain[1:-1].removeprefix("IPv6:"))
        except ValueError:
            return invalid("e-mail address", "the address in brackets is no IP address")
        facts: dict[str, JsonValue] = {"local": local, "domain": domain}
        return valid("a valid e-mail address by its form", facts)
    try:
        names = _domain(domain)
    except ToolError as error:
        return invalid("e-mail address", str(error))
    if "_" in domain:
        return invalid("e-mail address", "the domain has an underscore")
    if "." not in domain:
        return invalid("e-mail address", "the domain has no dot")
    note = "only the form was checked; whether the mailbox exists is not known"
    return valid("a valid e-mail address by its form", {"local": local, "domain": domain, **names, "note": note})


def _domain(name: str) -> dict[str, JsonValue]:
    """The two spellings of a domain name that is not plain ASCII, or nothing."""
    if len(name) > 253:
        raise ToolError("the domain is longer than 253 characters")
    bare = name.removesuffix(".")
    try:
        if not bare.isascii():
            ascii_form = idna.encode(bare, uts46=True).decode()
            return {"domain_ascii": ascii_form}
        decoded = idna.decode(bare) if "xn--" in bare.lower() else ""
    except (idna.IDNAError, UnicodeError):
        raise ToolError("the domain is no valid internationalized name") from None
    if not all(LABEL.match(label) for label in bare.split(".")):
        raise ToolError("the domain has an empty part, one over 63 characters, or one with a forbidden character")
    return {"domain_unicode": decoded} if decoded else {}


def check_ip(text: str, other: str) -> Analysis:
    """Say what an IP address, a network or a range is, and whether it holds another address or network."""
    form = text.strip()
    try:
        if "-" in form:
            first, _, last = form.partition("-")
            return _range(ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip()))
        if "/" not in form:
            plain, _, zone = form.partition("%")
            address = ipaddress.ip_address(plain)
            facts = _address_facts(address)
            facts |= {"zone": zone[:60]} if zone else {}
            if other:
                facts["in_other"] = _contains(_second(other), address)
            return valid(f"IPv{address.version} address, {_kind(address)}", facts)
        network = ipaddress.ip_network(form, strict=False)
    except ValueError:
        return invalid("IP address, network (192.0.2.0/24) or range (a-b)", _ip_cause(form))
    facts = _network_facts(network, form)
    if other:
        facts["contains_other"] = _holds(network, other.strip())
    return valid(f"IPv{network.version} network {network} of {network.num_addresses:,} addresses", facts)


def _ip_cause(form: str) -> str:
    if re.search(r"(?:^|\.)0[0-9]", form):
        return "a part has a leading zero, which some programs read as octal"
    if ":" in form and form.count("::") > 1:
        return ":: stands twice"
    return "it is neither four numbers up to 255 nor groups of hexadecimal digits; a prefix goes to 32, or 128 for IPv6"


def _address_facts(address: Address) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {
        "version": address.version,
        "kind": _kind(address),
        "compressed": address.compressed,
        "exploded": address.exploded,
        "integer": str(int(address)),
        "is_global": address.is_global,
        "is_private": address.is_private,
        "reverse_name": address.reverse_pointer,
    }
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        facts["ipv4_mapped"] = str(address.ipv4_mapped)
    return facts


def _kind(address: Address) -> str:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return f"IPv4-mapped, {_kind(address.ipv4_mapped)}"
    kinds = (
        (address.is_unspecified, "unspecified"),
        (address.is_loopback, "loopback"),
        (address.is_link_local, "link-local"),
        (address.is_multicast, "multicast"),
        (address in ipaddress.ip_network("100.64.0.0/10"), "shared (carrier NAT)"),
        (address.is_reserved, "reserved"),
        (address.is_private, "private or for special use"),
    )
    return next((kind for applies, kind in kinds if applies), "public")


def _network_facts(network: Network, form: str) -> dict[str, JsonValue]:
    plain = network.version == 4 and network.prefixlen < 31
    first, last = network.network_address, network.broadcast_address
    facts: dict[str, JsonValue] = {
        "network": str(network),
        "netmask": str(network.netmask),
        "first": str(first),
        "last": str(last),
        "addresses": str(network.num_addresses),
        "usable_hosts": str(network.num_addresses - 2 if plain else network.num_addresses),
        "is_private": network.is_private,
        "is_global": network.is_global,
    }
    if plain:
        facts |= {"broadcast": str(last), "first_host": str(first + 1), "last_host": str(last - 1)}
    written = form.partition("/")[0]
    if ipaddress.ip_address(written) != first:
        facts["note"] = f"the address has host bits set; its network is {network}"
    return facts


def _holds(network: Network, other: str) -> bool:
    inner = _second(other)
    return _contains(network, inner.network_address) and _contains(network, inner.broadcast_address)


def _second(other: str) -> Network:
    try:
        return ipaddress.ip_network(other.strip(), strict=False)
    except ValueError:
        raise ToolError("other must be an IP address or network, such as 10.0.0.0/8") from None


def _contains(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


def _range(first: Address, last: Address) -> Analysis:
    if isinstance(first, ipaddress.IPv4Address) and isinstance(last, ipaddress.IPv4Address) and first <= last:
        networks: list[JsonValue] = [str(network) for network in ipaddress.summarize_address_range(first, last)]
    elif isinstance(first, ipaddress.IPv6Address) and isinstance(last, ipaddress.IPv6Address) and first <= last:
        networks = [str(network) for network in ipaddress.summarize_address_range(first, last)]
    else:
        return invalid("IP range", "both ends must be of one version, the lower one first")
    count = int(last) - int(first) + 1
    facts: dict[str, JsonValue] = {"first": str(first), "last": str(last), "addresses": str(count)}
    return valid(f"a range of {count:,} addresses in {len(networks)} network(s)", facts, networks)
