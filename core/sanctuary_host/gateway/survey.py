"""What a ContextForge gateway has of a server, looked at and left as it is.

`contextforge` acts; this only looks, and shows people what is not ours too: what is in the way, what operators changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.forge_api import Api
from sanctuary_host.gateway.forge_records import STOPPED, Record, ToolRecord
from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.quoting import cleaned
from sanctuary_host.gateway.registrar import GatewayError


@dataclass(frozen=True, slots=True)
class Found:
    """An entry at the gateway that has our name, or our URL.

    Attributes:
        id: the gateway's key.
        name: what the gateway calls it.
        url: where the gateway looks for the server.
        named: it has our name; otherwise it has our URL.
        ours: it carries the marks of this fleet and cluster.
        enabled: nobody has switched it off.
        stopped: the server itself switched it off, and its next start will switch it on.
        reachable: the gateway's last look at the server went well.
        status: `active`, or what the gateway is doing with it.
        reason: what the gateway says of its last failure.
    """

    id: str
    name: str
    url: str
    named: bool
    ours: bool
    enabled: bool
    stopped: bool
    reachable: bool
    status: str
    reason: str

    @property
    def trouble(self) -> str:
        """What keeps callers from the server's tools, in a sentence; empty where nothing does."""
        because = f" (it says: {self.reason})" if self.reason else ""
        if not self.enabled and self.stopped:
            return "the entry was switched off by its server or by `deregister`; the server's next start switches it on"
        if not self.enabled:
            return "the entry is switched off, so that nobody is offered its tools; switch it on at the gateway"
        if self.status != "active":
            return f"the gateway has the entry as {self.status}{because}; it has not finished with it"
        if not self.reachable:
            return f"the gateway does not reach the server at {self.url}{because}; calls of its tools fail"
        return ""


@dataclass(frozen=True, slots=True)
class Touched:
    """A tool that somebody changed at the gateway, which registering leaves so.

    Attributes:
        tool: its own name.
        switched_off: nobody is offered it.
        renamed: the name that it was given at the gateway; empty where it has its own.
        described: its description was edited there.
    """

    tool: str
    switched_off: bool
    renamed: str
    described: bool

    def __str__(self) -> str:
        """A sentence about it."""
        acts = [
            *(["switched off"] if self.switched_off else []),
            *([f"renamed to {self.renamed!r}"] if self.renamed else []),
            *(["given another description"] if self.described else []),
        ]
        return f"{self.tool} was {' and '.join(acts)} at the gateway, where it is left so"


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen.

    Attributes:
        found: the entry of our name, or else one of our URL; `None` where there is neither.
        touched: tools that somebody changed at the gateway.
        hidden: why the tools could not be looked at; empty where they were, or where the entry is not ours.
    """

    found: Found | None
    touched: tuple[Touched, ...] = ()
    hidden: str = ""


async def survey(gateway: Gateway, entry: Entry) -> Survey:
    """Look at what the gateway has.

    Raises:
        GatewayError: it does not answer, refuses the token, or is of another make (`foreign`).
    """
    api = Api(gateway)
    record = _find(await api.entries(), entry)
    if record is None:
        return Survey(None)
    found = Found(
        id=record.key,
        name=cleaned(record.name),
        url=cleaned(record.url),
        named=record.is_named(entry),
        ours=record.is_ours(entry),
        enabled=record.enabled,
        stopped=STOPPED in record.tags,
        reachable=record.reachable,
        status=cleaned(record.status),
        reason=cleaned(record.error, (entry.token,)),
    )
    if not found.ours or not found.named or not found.id:
        return Survey(found)
    try:
        tools = await api.tools(record)
    except GatewayError as error:
        if error.status != 403:
            raise
        return Survey(found, hidden=str(error))
    return Survey(found, tuple(_touched(tools, found)))


def _find(records: Sequence[Record], entry: Entry) -> Record | None:
    """The entry that registering would change, or that would be in its way; in the order in which it would look."""
    named = [record for record in records if record.is_named(entry)]
    ours = [record for record in named if record.is_ours(entry)]
    public = [record for record in named if record.visibility == "public"]
    there = [record for record in records if record.leads_to(entry)]
    moved = [record for record in there if record.is_ours(entry)]
    return next(iter([*ours, *public, *moved, *there]), None)


def _touched(tools: Sequence[ToolRecord], found: Found) -> Iterator[Touched]:
    for tool in tools:
        one = Touched(
            cleaned(tool.name),
            # With the entry itself switched off, all of its tools are.
            switched_off=found.enabled and not tool.enabled,
            renamed=cleaned(tool.called) if tool.called != tool.name else "",
            described=tool.shown.get("description", "") != tool.sent,
        )
        if one.switched_off or one.renamed or one.described:
            yield one
