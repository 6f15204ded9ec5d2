"""The registrar for IBM's ContextForge: what it does in which case, and how it tells a yes from a lie.

The gateway asks the server for its tools each time an entry is sent, so a request that changes an entry is also what
brings its copy up to date. It answers 200 even where it could not ask: success is read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.forge_api import OK, PENDING_SECONDS, Api, Written, body_of, masked
from sanctuary_host.gateway.forge_records import STOPPED, Record, ToolRecord
from sanctuary_host.gateway.forge_refusals import refused_by_server
from sanctuary_host.gateway.forge_tools import CopiedTools
from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.quoting import cleaned
from sanctuary_host.gateway.registrar import Done, GatewayError, Plan, Registration

UNFINISHED: Final = frozenset({"pending", "failed", "deleting"})


class ContextForge:
    """Registers with ContextForge 1.0 and its successors.

    Args:
        gateway: the way there.
        splay: seconds within which servers start that use the same gateway, 0 for a few or one.
    """

    name = "contextforge"

    def __init__(self, gateway: Gateway, splay: float = 0.0) -> None:
        self._api = Api(gateway, splay)
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
        self._tools = CopiedTools(self._api)

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
            await self._api.give_way()
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
        """Delete the entry; or switch it off, marked so that the next start switches it on again.

        An entry is left on that another process of the same server has written since, that cannot be marked, or of
        which an operator has switched single tools off, as they would come back with the others. Switching off takes
        the permissions gateways.update and tools.read, deleting gateways.delete.

        Raises:
            GatewayError: it could not be done.
        """
        if delete:
            record = await self._ours(entry, known)
            return record is not None and await self._api.delete(record)
        return await self._switch_off(entry, known)

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
            name = self._api.quoted(there[0].name, entry)
            raise GatewayError(
                f"the gateway has this server's address {entry.endpoint} under the name {name}, in "
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
            why = f": {self._api.quoted(record.error, entry)}" if record.error else ""
            remedy = f"; {refused_by_server(entry, why)}" if why else ""
            raise GatewayError(
                f"the gateway {doing} the entry {cleaned(record.name)}{why}{remedy}", "pending", 202, PENDING_SECONDS
            )
        done, self._working = self._working, None
        if done is None or self._sent != entry or not record.shows(entry):
            return None
        return await self._read_back(entry, record, 202, done, ())

    async def _send(self, entry: Entry, record: Record) -> Written:
        """Send all of an entry anew; twice where the first time may have lost a part.

        While it drops a tool that the server has no more, ContextForge 1.0.7 forgets the new name, address, transport
        or credential that came in the same request, and what is new of other tools. It keeps them where there is
        nothing to drop.
        """
        await self._api.give_way()
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
        first = self._sent != entry
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
        settled = await self._read_back(entry, record, written.status, done, written.skipped)
        if first and self._copied is None:  # see `_send`
            return await self._settle(entry, record, await self._send(entry, record), done)
        return settled

    async def _read_back(
        self, entry: Entry, record: Record, status: int, done: Done, skipped: tuple[str, ...]
    ) -> Registration:
        """See whether the gateway's copy equals ours, mend what sending the entry does not, and name what remains."""
        holes: list[str] = []
        if skipped:
            self._tools.heard(entry, skipped)
        # What it has just read for the first time needs no second look; what it reads in its own time (202) does, as
        # ContextForge 1.0.7 then leaves the output schemas out.
        fresh = done == "created" and status in OK and record.tools == len(entry.tools) and record.reachable
        tools = None if fresh else await self._tools.visible(record)
        if not record.reachable:
            record = await self._call_reachable(record, tools)
            if not record.reachable:
                holes.append(
                    f"the gateway holds {entry.name} for offline until its own next look; it is not told otherwise "
                    "where an operator has switched tools off, as that would switch them on, nor where its token may "
                    "not see them (tools.read)"
                )
        stale = False
        if not fresh:
            differing, others = await self._tools.compare(entry, record, tools)
            stale = bool(differing)
            holes += differing + others
        self._copied = None if stale else entry
        self._count = record.tools
        return Registration(record.key, status, done, tuple(holes))

    async def _call_reachable(self, record: Record, tools: Mapping[str, ToolRecord] | None) -> Record:
        """Have the gateway, which has just spoken with us, offer the tools again before its next probe.

        Switching an entry also switches all of its tools, so it is left where that would undo what an operator did.
        """
        if tools is None or not all(tool.enabled for tool in tools.values()):
            return record
        await self._api.switch(record, on=True)
        return await self._api.entry(record.key) or record

    async def _switch_off(self, entry: Entry, known: Registration | None) -> bool:
        record = await self._ours(entry, known)
        if record is None or (known is not None and not record.is_of_process(entry)):
            return False
        if record.enabled:
            if not all(tool.enabled for tool in await self._api.tools(record)):
                raise GatewayError(
                    f"an operator has switched single tools of {entry.name} off at the gateway, which could not be "
                    "told any more once all are off; the entry stays on",
                    "rejected",
                )
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
