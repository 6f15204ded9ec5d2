"""The gateway's copy of the tools: what it lacks, what it shows otherwise, and what of that can be mended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.equal import same, stated
from sanctuary_host.gateway.forge_api import Api
from sanctuary_host.gateway.forge_records import Record, ToolRecord, listed
from sanctuary_host.gateway.quoting import cleaned
from sanctuary_host.gateway.registrar import GatewayError


class CopiedTools:
    """The copy at one gateway.

    Args:
        api: the way there.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._excuses: tuple[str, tuple[str, ...]] = ("", ())
        """What the gateway said of the tools that it left out, and of which fingerprint."""

    def heard(self, entry: Entry, excuses: tuple[str, ...]) -> None:
        """Keep what the gateway said of tools that it left out: it says so only while it reads them."""
        self._excuses = (entry.fingerprint, excuses)

    async def visible(self, record: Record) -> dict[str, ToolRecord] | None:
        """The gateway's tools by their names; `None` where its token may not see them."""
        try:
            return {tool.name: tool for tool in await self._api.tools(record)}
        except GatewayError as error:
            if error.status != 403:
                raise
            return None

    async def compare(
        self, entry: Entry, record: Record, tools: Mapping[str, ToolRecord] | None
    ) -> tuple[list[str], list[str]]:
        """Mend what sending the entry does not; returns sentences about what another sending may mend, and the others.

        Args:
            entry: the server.
            record: the entry at the gateway.
            tools: its tools; `None` where the token may not see them.
        """
        if tools is None:
            return [], await self._count_tools(entry, record)
        missing = await self._missing(entry, record, [name for name in _names(entry.tools) if name not in tools])
        return _differing(entry, tools), missing + await self._mend(entry, tools)

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
        if not all(same(tool.get(key) or {}, shown.get(key) or {}) for key in ("inputSchema", "outputSchema"))
    ]
    if old:
        holes.append(f"the gateway shows other schemas than {entry.name} has, of {listed(old)}")
    return holes


def _because(excuses: tuple[str, ...]) -> str:
    return f": {cleaned('; '.join(excuses), length=1_000)}" if excuses else ""
