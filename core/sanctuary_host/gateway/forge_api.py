"""ContextForge's REST interface, as far as a server needs it: each refusal becomes a sentence with its remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.equal import stated
from sanctuary_host.gateway.forge_records import (
    TRANSPORTS,
    Record,
    ToolRecord,
    read_record,
    read_tool,
)
from sanctuary_host.gateway.forge_refusals import invalid, refused_tool, unreached
from sanctuary_host.gateway.http import Answer, Gateway, wait_asked
from sanctuary_host.gateway.pacing import Pace
from sanctuary_host.gateway.quoting import cleaned
from sanctuary_host.gateway.registrar import GatewayError
from sanctuary_host.shapes import is_array, is_object

T = TypeVar("T")

ROOTS: Final = ("/v1", "")
"""Where the interface lies: since 1.0 under /v1; the bare paths are what older ones have, and newer ones give up."""
PAGE: Final = 500
"""Records asked for at once: ContextForge's PAGINATION_MAX_PAGE_SIZE."""
PAGES: Final = 40
TOOL_PAGES: Final = 4
"""Of one server, and with their schemas in memory at once."""
CURSOR: Final = re.compile(r"[!-~]{1,2000}")
"""What may be put into the address of the next page; ContextForge's own are base64 of some 100 characters."""
EXCUSES: Final = 128
"""Sentences about tools that were left out, of which some are shown."""
PENDING_SECONDS: Final = 5.0
"""Between two looks at an entry that the gateway works on; its own GATEWAY_ASYNC_LIFECYCLE_POLL_INTERVAL."""
PERMISSIONS: Final = "gateways.create, gateways.read and gateways.update"
OK: Final = frozenset({200, 201})
ABSENT: Final = frozenset({404, 405})
WRITTEN: Final = frozenset({200, 201, 202, 400, 403, 404, 409, 422, 502})


@dataclass(frozen=True, slots=True)
class Written:
    """What the gateway answered to an entry that was sent.

    Attributes:
        status: of HTTP: 202 means that it works on it.
        record: the entry as it is now.
        skipped: what the gateway says of tools that it left out.
        after: seconds after which to look again, where it works on it.
    """

    status: int
    record: Record
    skipped: tuple[str, ...]
    after: float


class Api:
    """The interface at one gateway.

    Args:
        gateway: the way there.
        splay: seconds within which servers start that use the same gateway, 0 for a few or one.
    """

    def __init__(self, gateway: Gateway, splay: float = 0.0) -> None:
        self._gateway = gateway
        self._root: str | None = None
        self._pace = Pace(splay)

    def address(self, path: str) -> str:
        """The URL of a path of the interface."""
        return self._gateway.url + self._path(path)

    async def entries(self) -> list[Record]:
        """All entries that the token may see, those that are switched off among them.

        Raises:
            GatewayError: they could not be had; `foreign` where this is another make of gateway.
        """
        for root in ROOTS if self._root is None else (self._root, *(one for one in ROOTS if one != self._root)):
            found = await self._pages(root, "gateways", {"include_inactive": "true"}, read_record)
            if found is not None:
                self._root = root
                return found
        self._root = None
        raise GatewayError(
            f"{self._gateway.url} has no list of gateways at /v1/gateways or /gateways, so it is no ContextForge; "
            "correct GATEWAY_URL or SANCTUARY_REGISTRAR",
            "foreign",
            404,
        )

    async def entry(self, key: str) -> Record | None:
        """One entry; `None` where there is none.

        Raises:
            GatewayError: it could not be had.
        """
        answer = await self._get(self._path(f"/gateways/{key}"), OK | {403, 404})
        # ContextForge 1.0.7 answers 403 where a token of few permissions asks for an entry that is gone; whether the
        # token may look at all is seen when the entry is then looked for among all.
        return None if answer.status in {403, 404} else self._record(answer)

    async def give_way(self) -> None:
        """Wait while the gateway labours, before it is sent an entry."""
        await self._pace.give_way(self._look)

    async def _look(self) -> None:
        await self._get(self._path("/gateways?limit=1"), OK | ABSENT | {403})

    async def create(self, entry: Entry) -> Written | None:
        """Make an entry; `None` where one is there that the gateway takes for the same.

        Raises:
            GatewayError: it was not made.
        """
        answer = await self._ask("POST", "/gateways", body_of(entry) | {"visibility": "public"}, accept=WRITTEN)
        return None if answer.status == 409 else self._written(answer, entry)

    async def update(self, record: Record, entry: Entry, *tags: str) -> Written:
        """Send all of an entry anew, which has the gateway read the tools again.

        Args:
            record: what is there.
            entry: what it is to become.
            tags: beside those of the entry.

        Raises:
            GatewayError: it was not taken.
        """
        body = body_of(entry)
        body["tags"] += tags
        if record.auth and not entry.token:
            body["auth_type"] = ""  # what makes it forget a credential; null would leave it
        answer = await self._ask("PUT", f"/gateways/{record.key}", body, accept=WRITTEN)
        if answer.status == 409:
            raise GatewayError(
                f"the gateway refuses to change the entry {cleaned(record.name)} "
                f"(HTTP 409{self._said(answer, entry)}): another entry has the name {entry.name} or "
                f"the address {entry.endpoint}; remove that one at the gateway, or set SANCTUARY_REGISTER_AS",
                "conflict",
                409,
            )
        return self._written(answer, entry)

    async def switch(self, record: Record, *, on: bool) -> None:
        """Switch an entry on or off; on has the gateway take it for reachable at once.

        Raises:
            GatewayError: it was not switched.
        """
        query = f"activate={'true' if on else 'false'}"
        answer = await self._ask("POST", f"/gateways/{record.key}/state?{query}", accept=OK | {403})
        self._permitted(answer, "gateways.update")

    async def delete(self, record: Record) -> bool:
        """Delete an entry, its tools and their places in virtual servers; says whether it was there.

        Raises:
            GatewayError: it was not deleted.
        """
        answer = await self._ask("DELETE", f"/gateways/{record.key}", accept=OK | {202, 204, 403, 404})
        self._permitted(answer, "gateways.delete")
        return answer.status != 404

    async def tools(self, record: Record) -> list[ToolRecord]:
        """The tools of an entry, those that are switched off among them.

        Raises:
            GatewayError: they could not be had.
        """
        query = {"gateway_id": record.key, "include_inactive": "true"}
        found = await self._pages(
            self._root or "",
            "tools",
            query,
            lambda value: read_tool(value) if is_object(value) and value.get("gatewayId") == record.key else None,
            TOOL_PAGES,
        )
        if found is None:
            raise GatewayError(f"{self._gateway.url} shows no list of tools at {self._path('/tools')}", "rejected", 404)
        return found

    async def annotate(self, tool: ToolRecord, annotations: Mapping[str, Any]) -> dict[str, Any]:
        """Set a tool's annotations, which the gateway reads from a server only once; returns them as they are then.

        Raises:
            GatewayError: they were not set.
        """
        body = {"annotations": dict(annotations)}
        answer = await self._ask("PUT", f"/tools/{tool.key}", body, accept=OK | {403})
        self._permitted(answer, "tools.update")
        return stated(answer.body) if is_object(answer.body) else {}

    async def left_out(self, record: Record) -> tuple[str, ...]:
        """What the gateway says of tools that it leaves out, which it says when it reads them again.

        Raises:
            GatewayError: it says nothing.
        """
        answer = await self._ask("POST", f"/gateways/{record.key}/tools/refresh", accept=OK)
        return self._sentences(answer.body, "validationErrors")

    def _path(self, path: str) -> str:
        return (ROOTS[0] if self._root is None else self._root) + path

    async def _ask(self, method: str, path: str, body: Any = None, *, accept: frozenset[int]) -> Answer:
        return await self._gateway.request(method, self._path(path), body, accept=accept)

    async def _get(self, path: str, accept: frozenset[int]) -> Answer:
        """Ask for what takes the gateway little, and take the time."""
        async with self._pace.measured():
            return await self._gateway.request("GET", path, accept=accept)

    async def _pages(
        self, root: str, what: str, query: Mapping[str, str], read: Callable[[Any], T | None], pages: int = PAGES
    ) -> list[T] | None:
        """All records of a kind that can be read; `None` where there is no such list."""
        found: list[T] = []
        cursor = ""
        for _ in range(pages):
            asked = {**query, "limit": str(PAGE), "include_pagination": "true"} | ({"cursor": cursor} if cursor else {})
            answer = await self._get(f"{root}/{what}?{urlencode(asked)}", OK | ABSENT | {403})
            self._permitted(answer, f"{what}.read")
            page = answer.body.get(what) if is_object(answer.body) else answer.body
            if answer.status in ABSENT or not is_array(page):
                return None
            if len(found) + len(page) > PAGE * pages:
                raise GatewayError(
                    f"{self._gateway.url} shows more than {PAGE * pages:,} {what}, which no ContextForge does; look "
                    "whether GATEWAY_URL leads to the gateway",
                    "rejected",
                    answer.status,
                )
            found += (one for value in page if (one := read(value)) is not None)
            following = answer.body.get("nextCursor") if is_object(answer.body) else None
            if not isinstance(following, str) or not CURSOR.fullmatch(following) or following == cursor:
                break
            cursor = following
        return found

    def _permitted(self, answer: Answer, permission: str) -> None:
        """Have a 403 said.

        Raises:
            GatewayError: it is one.
        """
        if answer.status == 403:
            raise GatewayError(
                f"the gateway's token lacks the permission {permission} (HTTP 403{self._gateway.quoted(answer.body)}); "
                f"give it one with {PERMISSIONS}"
                + ("" if permission in PERMISSIONS else f", and {permission} for this"),
                "unauthorized",
                403,
                wait_asked(answer.headers, 0.0),
            )

    def _record(self, answer: Answer) -> Record:
        record = read_record(answer.body)
        if record is None:
            raise GatewayError(
                f"{self._gateway.url} answered with something that is no record (HTTP {answer.status}); look whether "
                "GATEWAY_URL leads to the gateway, or to something in front of it",
                "unreachable",
                answer.status,
            )
        return record

    def quoted(self, text: str, entry: Entry) -> str:
        """A text that the gateway keeps, fit to be shown."""
        return self._gateway.quoted(text, entry.token).removeprefix(": ")

    def _said(self, answer: Answer, entry: Entry) -> str:
        return self._gateway.quoted(answer.body, entry.token)

    def _sentences(self, body: Any, key: str) -> tuple[str, ...]:
        found = body.get(key) if is_object(body) else None
        texts = found if is_array(found) else ()
        return tuple(self._gateway.quoted(text).removeprefix(": ") for text in texts[:EXCUSES] if isinstance(text, str))

    def _written(self, answer: Answer, entry: Entry) -> Written:
        """What an answer to an entry that was sent means.

        Raises:
            GatewayError: the entry was not taken.
        """
        if answer.status in {200, 201, 202}:
            after = wait_asked(answer.headers, PENDING_SECONDS)
            return Written(answer.status, self._record(answer), self._sentences(answer.body, "skippedTools"), after)
        said = self._said(answer, entry)
        match answer.status:
            case 400:
                raise GatewayError(refused_tool(entry, said), "rejected", 400)
            case 403 if "owner" in said.lower():
                text = (
                    f"the gateway lets only its owner change the entry {entry.name} (HTTP 403{said}); use a token of "
                    "the user who made it, or an administrator's"
                )
                raise GatewayError(text, "unauthorized", 403)
            case 422:
                raise invalid(entry, said)
            case 502 if "initialize" in said:
                raise GatewayError(unreached(entry, said), "unreachable", 502, wait_asked(answer.headers, 0.0))
            case 404:
                raise GatewayError(f"the gateway lost the entry {entry.name} meanwhile", "unreachable", 404)
            case _:
                self._permitted(answer, PERMISSIONS)
                text = (
                    f"{self._gateway.url} failed (HTTP {answer.status}{said}); its own log says more, and where it is "
                    "for a tool that it cannot process, sanctuary-host check names it"
                )
                raise GatewayError(text, "unreachable", answer.status, wait_asked(answer.headers, 0.0))


def body_of(entry: Entry) -> dict[str, Any]:
    """What ContextForge is told of a server; the tools are not in it, as it asks the server itself."""
    body: dict[str, Any] = {
        "name": entry.name,
        "url": entry.endpoint,
        "transport": TRANSPORTS[entry.transport],
        "description": entry.description,
        "tags": list(entry.tags),
    }
    if entry.token:
        body |= {"auth_type": "bearer", "auth_token": entry.token}
    return body


def masked(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body for people to read."""
    return {key: "********" if key == "auth_token" else value for key, value in body.items()}
