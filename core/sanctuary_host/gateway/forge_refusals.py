"""What ContextForge means when it refuses an entry, in sentences with the remedy."""

from __future__ import annotations

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.forge_records import listed, slug_of
from sanctuary_host.gateway.lint import FULL_NAME_LIMIT
from sanctuary_host.gateway.registrar import GatewayError


def refused_by_server(entry: Entry, said: str) -> str:
    """Why the gateway does not get through to the server, as far as its words tell."""
    if "401" in said or "403" in said:
        return (
            f"what answers at {entry.endpoint} does not accept the token that this server asks for; look whether "
            "SANCTUARY_ADVERTISE_URL leads to this server and not to another, or a proxy"
        )
    if "421" in said:
        return (
            f"{entry.endpoint} leads to a server that does not know this name of its own; set SANCTUARY_ADVERTISE_URL"
        )
    return (
        f"look whether the gateway can reach {entry.endpoint} from where it runs; SANCTUARY_ADVERTISE_URL must be an "
        "address that leads from there to here"
    )


def unreached(entry: Entry, said: str) -> str:
    """A 502: it could not connect to the server, or did not understand it."""
    return f"the gateway could not speak with this server (HTTP 502{said}); {refused_by_server(entry, said)}"


def refused_tool(entry: Entry, said: str) -> str:
    """A 400: for one tool that it cannot process, ContextForge refuses all of the server."""
    room = FULL_NAME_LIMIT - len(slug_of(entry.name)) - 1
    long = [str(tool["name"]) for tool in entry.tools if len(str(tool["name"])) > room]
    if long:
        return (
            f"the gateway refuses the whole server (HTTP 400{said}) because with {entry.name} in front of them names "
            f"of tools have more than {FULL_NAME_LIMIT} characters: {listed(long)}; shorten them or "
            "SANCTUARY_REGISTER_AS"
        )
    return (
        f"the gateway could not process the tools of {entry.name} (HTTP 400{said}); sanctuary-host check names those "
        "that it cannot take, such as one with a pattern in its schema that is no regular expression of Python's, and "
        "the gateway's log says which it was"
    )


def invalid(entry: Entry, said: str) -> GatewayError:
    """A 422: what the gateway says of it when it has EXPOSE_ERROR_DETAILS, and what it may be when it has not."""
    text = said.lower()
    if "dns" in text or "resol" in text:
        return GatewayError(
            f"the gateway cannot resolve the name in {entry.endpoint} (HTTP 422{said}); it may take a moment after "
            "the start, and else SANCTUARY_ADVERTISE_URL must be a name that the gateway knows, on a network of both",
            "unreachable",
            422,
        )
    settings = (
        "set SSRF_ALLOWED_NETWORKS at the gateway to the networks of your servers, such as "
        '["172.16.0.0/12","10.89.0.0/16"] for docker and podman, or SSRF_ALLOW_LOCALHOST=true where it runs beside them'
    )
    if "ssrf" in text or "private" in text or "localhost" in text or "loopback" in text:
        return GatewayError(
            f"the gateway may not connect to {entry.endpoint} (HTTP 422{said}); {settings}", "rejected", 422
        )
    if not said or "error occurred" in text:
        return GatewayError(
            f"the gateway refuses {entry.endpoint} without saying why (HTTP 422{said}); most likely it cannot resolve "
            f"the name, or may not connect to that network: {settings}, and EXPOSE_ERROR_DETAILS=true to be told",
            "unreachable",  # a name that it does not know yet looks the same
            422,
        )
    return GatewayError(f"the gateway refuses the entry as invalid (HTTP 422{said})", "rejected", 422)
