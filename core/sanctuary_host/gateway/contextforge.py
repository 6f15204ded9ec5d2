"""The registrar for IBM's ContextForge: what it does in which case, and how it tells a yes from a lie.

The gateway asks the server for its tools each time an entry is sent, so a request that changes an entry is also what
brings its copy up to date. It answers 200 even where it could not ask: success is read back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.forge_api import OK, PENDING_SECONDS, Api, Written, body_of, masked, refused_by_server
from sanctuary_host.gateway.forge_records import STOPPED, Record, ToolRecord, listed, same, stated
from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.quoting import cleaned
from sanctuary_host.gateway.registrar import Done, GatewayError, Plan, Registration

UNFINISHED: Final = frozenset({"pending", "failed", "deleting"})
STOP_SECONDS: Final = 2.0
"""How long switching off may take, while the process ends."""


class ContextForge:
    """Registers with ContextForge 1.0 and its successors.

    Args:
        gateway: the way there.
    """

    name = "contextforge"

    def __init__(self, gateway: Gateway) -> None:
        self._api = Api(gateway)
        self._sent: Entry | None = None
        """What the gateway last took from this process."""
        self._held = False
        """Whether it ever took something."""
        self._working: Done | None = None
        """What it works on since then, having answered 202."""
        self._copied: Entry | None = None
        """What its copy was last seen to equal."""
        self._count = -1
        """How many tools it showed then."""
        self._excuses: tuple[str, tuple[str, ...]] = ("", ())
        """What it said of the tools that it left out, and of which fingerprint."""

    def plan(self, entry: Entry) -> Plan:
        """The request that would register `entry`, with its token masked."""
        return Plan("POST", self._api.address("/gateways"), masked(body_of(entry) | {"visibility": "public"}))

    async def register(self, entry: Entry, known: Registration | None, *, adopt: bool = False) -> Registration:
        """Have the gateway's entry and its copy of the tools equal `entry`.

        Raises:
            GatewayError: it could not be done; nothing of others was touched.
        """
        if known is not None and (record := await self._api.entry(known.id)) is not None:
            return await self._look_after(entry, record, known, adopt=adopt)
        record = await self._find(entry, adopt=adopt)
        if record is None:
            self._forget()
            written = await self._api.create(entry)
            if written is not None:
                return await self._settle(entry, None, written, "created")
            record = await self._find(entry, adopt=adopt)  # somebody was faster
        if record is None:
            raise GatewayError(
                f"the gateway has an entry with the name {entry.name} or the address {entry.endpoint} that its token "
                "does not show (HTTP 409); remove that one at the gateway, or set SANCTUARY_REGISTER_AS",
                "conflict",
                409,
            )
        self._yield_to_others(entry, record, adopt=adopt)
        return await self._take_over(entry, record)

    async def withdraw(self, entry: Entry, known: Registration | None, *, delete: bool) -> bool:
        """Delete the entry; or switch it off within two seconds, marked so that the next start switches it on again.

        An entry that another process of the same server has written since is left on, and so is one that cannot be
        marked. It takes the permission gateways.update, and to delete gateways.delete.

        Raises:
            GatewayError: it could not be done.
        """
        if delete:
            record = await self._ours(entry, known)
            return record is not None and await self._api.delete(record)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self._switch_off(entry, known)
        except TimeoutError:
            raise GatewayError(
                f"the gateway did not switch {entry.name} off within {STOP_SECONDS:g} s; the entry stays", "unreachable"
            ) from None

    async def copy(self, entry: Entry) -> Sequence[Mapping[str, Any]] | None:
        """The gateway's tools of this server, by its own names.

        Raises:
            GatewayError: they could not be read, for which the token needs tools.read.
        """
        record = await self._ours(entry, None)
        return None if record is None else [tool.shown for tool in await self._api.tools(record)]

    async def _find(self, entry: Entry, *, adopt: bool) -> Record | None:
        """The entry of ours, or one that is to become it.

        Raises:
            GatewayError: one that is not ours stands in the way.
        """
        records = await self._api.entries()
        # Names are kept apart among public entries alone, and in each team.
        named = [record for record in records if record.is_named(entry)]
        ours = [record for record in named if record.is_ours(entry)]
        public = [record for record in named if record.visibility == "public"]
        if found := next(iter([*ours, *public]), None):
            if not adopt and found not in ours:
                raise _not_ours(entry, found)
            return _usable(found)
        there = [record for record in records if record.leads_to(entry)]
        moved = [record for record in there if record.is_ours(entry)]
        if there and not moved:
            raise GatewayError(
                f"the gateway has this server's address {entry.endpoint} under the name {cleaned(there[0].name)}, in "
                "an entry that this fleet did not make; remove it there, or set SANCTUARY_REGISTER_AS to that name and "
                "run sanctuary-host register --adopt",
                "conflict",
            )
        return _usable(moved[0]) if moved else None

    async def _ours(self, entry: Entry, known: Registration | None) -> Record | None:
        """The entry, if it is ours."""
        if known is not None:
            record = await self._api.entry(known.id)
            return record if record is not None and record.is_ours(entry) else None
        records = [record for record in await self._api.entries() if record.is_named(entry) and record.is_ours(entry)]
        return _usable(records[0]) if records else None

    async def _take_over(self, entry: Entry, record: Record) -> Registration:
        """At a start: bring an entry up to date even where it looks right."""
        if settled := await self._look_at_work(entry, record):
            return settled
        if not record.enabled:
            if STOPPED not in record.tags:
                return Registration(record.key, 200, "unchanged", paused=True)
            await self._api.switch(record, on=True)  # before the mark goes, lest it stays off if we end in between
        return await self._settle(entry, record, await self._send(entry, record), "adopted")

    async def _look_after(self, entry: Entry, record: Record, known: Registration, *, adopt: bool) -> Registration:
        """At a heartbeat: one look, and more only where something is not as it was."""
        if not record.is_ours(entry) and not adopt:
            raise _not_ours(entry, record)
        if not record.enabled:
            return Registration(record.key, 200, "unchanged", paused=True)
        self._yield_to_others(entry, record, adopt=adopt)
        if self._copied == entry and not record.is_of_process(entry) and not record.shows(entry):
            hole = (
                f"another process at {entry.endpoint} has registered other tools as {entry.name} since; they are left "
                "as they are"
            )
            return Registration(record.key, 200, "unchanged", (hole,))
        if settled := await self._look_at_work(entry, record):
            return settled
        if self._copied != entry or not record.shows(entry) or record.tools != self._count or not record.reachable:
            return await self._settle(entry, record, await self._send(entry, record), "updated")
        if known.holes:
            return await self._read_back(entry, record, 200, "unchanged", ())
        return Registration(record.key, 200, "unchanged")

    def _yield_to_others(self, entry: Entry, record: Record, *, adopt: bool) -> None:
        """Leave an entry that this process had to whoever took it since, lest two take it from each other for ever.

        Raises:
            GatewayError: another server has it.
        """
        if self._held and not adopt and not record.is_of_process(entry) and not record.leads_to(entry):
            raise GatewayError(
                f"another server has taken the entry {entry.name} at the gateway, and this one leaves it to that one; "
                "set SANCTUARY_REGISTER_AS to a name of its own for each of them",
                "conflict",
            )

    async def _look_at_work(self, entry: Entry, record: Record) -> Registration | None:
        """What has become of an entry that the gateway works on; `None` where it works on none of ours.

        Raises:
            GatewayError: `pending`, while it still does.
        """
        if record.status in UNFINISHED:
            doing = "is deleting" if record.status == "deleting" else "has not yet brought in"
            why = f": {cleaned(record.error, (entry.token,))}" if record.error else ""
            remedy = f"; {refused_by_server(entry, why)}" if why else ""
            raise GatewayError(
                f"the gateway {doing} the entry {cleaned(record.name)}{why}{remedy}", "pending", 202, PENDING_SECONDS
            )
        done, self._working = self._working, None
        if done is None or self._sent != entry or not record.shows(entry):
            return None
        return await self._read_back(entry, record, 200, done, ())

    async def _send(self, entry: Entry, record: Record) -> Written:
        """Send all of an entry anew; twice where the first time may have lost a part.

        While it drops a tool that the server has no more, ContextForge 1.0.7 forgets the new name, address, transport
        or credential that came in the same request. It keeps them where there is nothing to drop.
        """
        written = await self._api.update(record, entry)
        unseen = bool(entry.token) and self._sent is None and f"manifest:{entry.fingerprint}" not in record.tags
        if written.status in OK and (unseen or not written.record.shows(entry)):
            written = await self._api.update(record, entry)
        return written

    async def _settle(self, entry: Entry, before: Record | None, written: Written, done: Done) -> Registration:
        """Read back what became of an entry that was sent.

        Raises:
            GatewayError: `pending`, where the gateway only took it; or it could not be read.
        """
        self._forget()
        self._sent, self._held = entry, True
        if written.status not in OK:
            self._working = done
            raise GatewayError(
                f"the gateway has taken the entry {entry.name} and works on it",
                "pending",
                written.status,
                written.after,
            )
        record = await self._api.entry(_usable(before or written.record).key)
        if record is None:
            raise GatewayError(f"the gateway lost the entry {entry.name} meanwhile", "unreachable", 404)
        if not record.shows(entry) or (before is not None and before.seen and before.seen == written.record.seen):
            hole = (
                f"the gateway answered {written.status} but has not read the tools of {entry.name} again; "
                + refused_by_server(entry, "")
            )
            return Registration(record.key, written.status, done, (hole,))
        return await self._read_back(entry, record, written.status, done, written.skipped)

    async def _read_back(
        self, entry: Entry, record: Record, status: int, done: Done, skipped: tuple[str, ...]
    ) -> Registration:
        """See whether the gateway's copy equals ours, mend what sending the entry does not, and name what remains."""
        holes: list[str] = []
        if not record.reachable:
            await self._api.switch(record, on=True)  # it spoke with us, but would call us offline until its next probe
            record = await self._api.entry(record.key) or record
            if not record.reachable:
                holes.append(f"the gateway holds {entry.name} for offline; {refused_by_server(entry, '')}")
        if skipped:
            self._excuses = (entry.fingerprint, skipped)
        stale = False
        # What it has just read for the first time needs no second look.
        if done != "created" or record.tools != len(entry.tools):
            try:
                tools = {tool.name: tool for tool in await self._api.tools(record)}
            except GatewayError as error:
                if error.status != 403:
                    raise
                holes += await self._count_tools(entry, record)
            else:
                holes += await self._missing(entry, record, [tool for tool in _names(entry.tools) if tool not in tools])
                differing = _differing(entry, tools)
                stale = bool(differing)
                holes += differing + await self._mend(entry, tools)
        self._copied = None if stale else entry
        self._count = record.tools
        return Registration(record.key, status, done, tuple(holes))

    async def _count_tools(self, entry: Entry, record: Record) -> list[str]:
        """The holes that can be told without seeing the tools."""
        unseen = (
            "the gateway's token may not see its tools, so it is not known whether its copy of their annotations is "
            "right; give it the permissions tools.read and tools.update"
        )
        if record.tools in {len(entry.tools), -1}:
            return [unseen]
        excuses = await self._ask_for_excuses(entry, record)
        count = f"the gateway has {record.tools} tools of {entry.name} instead of {len(entry.tools)}"
        return [f"{count}{_because(excuses)}", unseen]

    async def _missing(self, entry: Entry, record: Record, names: list[str]) -> list[str]:
        if not names:
            return []
        excuses = await self._ask_for_excuses(entry, record)
        return [f"the gateway left out {listed(names)} of {entry.name}{_because(excuses)}"]

    async def _ask_for_excuses(self, entry: Entry, record: Record) -> tuple[str, ...]:
        if self._excuses[0] != entry.fingerprint:
            try:
                said = await self._api.left_out(record)
            except GatewayError as error:
                if error.kind != "rejected":  # such as 409, while it reads them for somebody else
                    raise
                said = ()
            self._excuses = (entry.fingerprint, said)
        return self._excuses[1]

    async def _mend(self, entry: Entry, tools: Mapping[str, ToolRecord]) -> list[str]:
        """Correct annotations, which the gateway reads once and never again."""
        wrong = [
            tool
            for tool in entry.tools
            if (held := tools.get(str(tool["name"]))) and held.key and not same(stated(tool), stated(held.shown))
        ]
        kept: list[str] = []
        for number, tool in enumerate(wrong):
            name = str(tool["name"])
            try:
                if not same(await self._api.annotate(tools[name], stated(tool)), stated(tool)):
                    kept.append(name)
            except GatewayError as error:
                if error.status != 403:
                    raise
                kept += _names(wrong[number:])
                hole = (
                    f"the gateway shows other annotations than {entry.name} has, of {listed(kept)}; only a token with "
                    "the permissions tools.read and tools.update can correct them"
                )
                return [hole]
        return [f"the gateway does not take the annotations of {listed(kept)} of {entry.name}"] if kept else []

    async def _switch_off(self, entry: Entry, known: Registration | None) -> bool:
        record = await self._ours(entry, known)
        if record is None or (known is not None and not record.is_of_process(entry)):
            return False
        if record.enabled:
            written = await self._api.update(record, entry, STOPPED)
            if STOPPED not in written.record.tags:
                raise GatewayError(
                    f"the gateway did not take the mark by which the next start would switch {entry.name} on again; "
                    "the entry stays on",
                    "unreachable",
                    written.status,
                )
            self._forget()
            await self._api.switch(record, on=False)
        return True

    def _forget(self) -> None:
        self._sent = self._copied = self._working = None
        self._count = -1


def _names(tools: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(tool["name"]) for tool in tools]


def _differing(entry: Entry, tools: Mapping[str, ToolRecord]) -> list[str]:
    """Sentences about tools that the gateway shows otherwise than the server does."""
    holes: list[str] = []
    if gone := tools.keys() - set(_names(entry.tools)):
        holes.append(f"the gateway still shows tools that {entry.name} has no more: {listed(gone)}")
    pairs = [(tool, held.shown) for tool in entry.tools if (held := tools.get(str(tool["name"])))]
    old = [
        str(tool["name"])
        for tool, shown in pairs
        if not all(same(tool.get(key), shown.get(key)) for key in ("inputSchema", "outputSchema"))
    ]
    if old:
        holes.append(f"the gateway shows other schemas than {entry.name} has, of {listed(old)}")
    return holes


def _because(excuses: tuple[str, ...]) -> str:
    return f": {cleaned('; '.join(excuses), length=1_000)}" if excuses else ""


def _usable(record: Record) -> Record:
    """A record whose key can be asked for.

    Raises:
        GatewayError: it cannot.
    """
    if not record.key:
        raise GatewayError(
            f"the gateway shows the entry {cleaned(record.name)} with an id that cannot be put into an address; look "
            "whether GATEWAY_URL leads to ContextForge",
            "rejected",
        )
    return record


def _not_ours(entry: Entry, record: Record) -> GatewayError:
    return GatewayError(
        f"the gateway has an entry named {cleaned(record.name)} that this fleet did not make, and it is left alone; "
        f"run sanctuary-host register --adopt to take it over, or set SANCTUARY_REGISTER_AS to another name than "
        f"{entry.name}",
        "conflict",
    )
