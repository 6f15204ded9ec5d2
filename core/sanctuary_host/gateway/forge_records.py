"""ContextForge's records, read without trust: what has the wrong type counts as absent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from sanctuary_host.gateway.entry import Entry, Transport
from sanctuary_host.gateway.quoting import cleaned
from sanctuary_host.shapes import is_array, is_object

TRANSPORTS: Final[Mapping[Transport, str]] = {"streamable-http": "STREAMABLEHTTP", "sse": "SSE"}
STOPPED: Final = "sanctuary:stopped"
"""The tag of an entry that its own server switched off as it stopped, so that its next start may switch it on."""
KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What a key of the gateway's must look like before it is put into a URL; its own are 32 hexadecimal digits."""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
TEXT_LIMIT: Final = 65_536
"""Characters of a field that is looked at; ContextForge's longest, a description, has 8,192."""
SHOWN: Final = 20
"""Names that a sentence lists."""


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as the gateway shows it.

    Attributes:
        key: the gateway's own; empty where it is none that could be asked for.
        name: as it is shown.
        slug: by which the gateway keeps names apart, in our spelling.
        url: of the server, in our spelling.
        transport: by the gateway's name.
        tags: their texts.
        auth: the kind of credential that the gateway presents; empty for none.
        visibility: who sees it: `public`, `team` or `private`.
        enabled: the operator's switch.
        reachable: what the gateway's probes found.
        status: `active`, `pending` or `deleting`.
        seen: when the gateway last spoke with the server.
        tools: how many it has copied; -1 where it does not say.
        error: why it could not speak with the server, if it says so.
    """

    key: str
    name: str
    slug: str
    url: str
    transport: str
    tags: frozenset[str]
    auth: str
    visibility: str
    enabled: bool
    reachable: bool
    status: str
    seen: str
    tools: int
    error: str

    def is_ours(self, entry: Entry) -> bool:
        """Whether it carries both marks."""
        return self.tags.issuperset(entry.marks)

    def is_named(self, entry: Entry) -> bool:
        """Whether the gateway takes both names for the same."""
        return self.slug == slug_of(entry.name)

    def leads_to(self, entry: Entry) -> bool:
        """Whether it has the server's address."""
        return self.url == plain_url(entry.endpoint)

    def is_of_process(self, entry: Entry) -> bool:
        """Whether this process, and not another of the same server, wrote it last."""
        return f"instance:{entry.instance}" in self.tags

    def shows(self, entry: Entry) -> bool:
        """Whether all that can be seen of the entry in it is as it should be."""
        return (
            self.name == entry.name
            and self.leads_to(entry)
            and self.transport.upper() == TRANSPORTS[entry.transport]
            and self.tags.issuperset((*entry.marks, f"manifest:{entry.fingerprint}"))
            and STOPPED not in self.tags
            and (self.auth == "bearer") == bool(entry.token)
        )


@dataclass(frozen=True, slots=True)
class ToolRecord:
    """A tool as the gateway shows it.

    Attributes:
        key: the gateway's own; empty where it is none that could be asked for.
        name: the server's own name for it.
        shown: in the form of `tools/list`.
        enabled: the operator's switch.
        called: the name that it has at the gateway, without the server's.
        sent: the description that the server gave, where an operator has written another.
    """

    key: str
    name: str
    shown: Mapping[str, Any]
    enabled: bool
    called: str
    sent: str


def read_record(value: Any) -> Record | None:
    """An entry; `None` where the value is no object."""
    if not is_object(value):
        return None
    name = _text(value, "name")
    count = value.get("toolCount")
    return Record(
        key=_key(value),
        name=name,
        slug=slug_of(_text(value, "slug") or name),
        url=plain_url(_text(value, "url")),
        transport=_text(value, "transport"),
        tags=frozenset(_tags(value.get("tags"))),
        auth=_text(value, "authType"),
        visibility=_text(value, "visibility") or "public",
        enabled=value.get("enabled") is not False,
        reachable=value.get("reachable") is not False,
        status=_text(value, "status") or "active",
        seen=_text(value, "lastSeen"),
        tools=count if isinstance(count, int) else -1,
        error=_text(value, "lastError"),
    )


def read_tool(value: Any) -> ToolRecord | None:
    """A tool; `None` where the value is none."""
    if not is_object(value) or not (name := _text(value, "originalName")):
        return None
    shown: dict[str, Any] = {"name": name, "description": _text(value, "description")}
    for key in ("title", "inputSchema", "outputSchema", "annotations"):
        if value.get(key) not in (None, {}):
            shown[key] = value[key]
    return ToolRecord(
        _key(value),
        name,
        shown,
        enabled=value.get("enabled") is not False,
        called=_text(value, "customName") or name,
        sent=_text(value, "originalDescription") if "originalDescription" in value else shown["description"],
    )


def slug_of(name: str) -> str:
    """By what ContextForge keeps names apart: case and separators do not count."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def plain_url(url: str) -> str:
    """A URL in one spelling: ContextForge writes `localhost` for 127.0.0.1, and people write the rest as they like."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return url
    host = "localhost" if host == "127.0.0.1" else host
    at = "" if port in {None, DEFAULT_PORTS.get(parts.scheme)} else f":{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}{at}{parts.path.rstrip('/')}{query}"


def listed(names: Iterable[str]) -> str:
    """Names for a sentence."""
    ordered = sorted(names)
    more = len(ordered) - SHOWN
    text = ", ".join(cleaned(name, length=128) for name in ordered[:SHOWN])
    return f"{text} and {more} more" if more > 0 else text


def _key(value: Mapping[str, Any]) -> str:
    key = _text(value, "id")
    return key if KEY.fullmatch(key) else ""


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) and len(found) <= TEXT_LIMIT else ""


def _tags(value: Any) -> Iterable[str]:
    """The texts of tags, which older versions show as they are, and newer ones as objects."""
    if is_array(value):
        for tag in value:
            text = tag.get("id") if is_object(tag) else tag
            if isinstance(text, str) and len(text) <= TEXT_LIMIT:
                yield text
