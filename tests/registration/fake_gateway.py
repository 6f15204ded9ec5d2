"""A gateway that behaves like ContextForge 1.0.7 where registration can see it, small enough to start for each test.

async with FakeGateway() as fake:
    ...  # register with fake.url and fake.token
    assert fake.entry("sanctuary_utils")["toolCount"] == 9
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import re
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
from aiohttp import web

PAGE = 50
EVERYTHING = frozenset({"*"})
REGISTRAR = frozenset({"gateways.create", "gateways.read", "gateways.update"})
"""The permissions that registering needs."""
OPAQUE = {"detail": "An error occurred, please try again."}
OFFERED = "2025-11-25"
FORGOTTEN = ("name", "slug", "url", "description", "transport", "visibility", "authType", "authToken")


@dataclass(frozen=True)
class Seen:
    """A request as the gateway got it."""

    method: str
    path: str
    status: int
    body: Any
    query: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


@dataclass
class Script:
    """What to do with a request in place of an answer of one's own."""

    status: int = 0
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False
    act: bool = False
    stall: asyncio.Event | None = None
    method: str = ""
    path: str = ""


class UpstreamError(Exception):
    """The server that was to be registered did not answer as MCP asks."""


class RefusedError(Exception):
    """The request is answered with this status and body."""

    def __init__(self, status: int, body: Any, **headers: str) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers


def slug_of(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "-", name.lower()).strip("-")


class FakeGateway:
    """The gateway. Its state is open to tests: read it, and change it as an operator or an accident would.

    Attributes:
        token: one that may do everything.
        tokens: what each token may do; remove one and it has expired.
        entries: the records of the registered servers, by id, with the keys that replies show.
        tools: the records of their tools, by id.
        secrets: the headers that it presents to each server, by the entry's id.
        requests: every request, in order, with the status that it got.
        versioned: whether `/v1/…` exists.
        bare: whether the paths without `/v1` exist.
        details: EXPOSE_ERROR_DETAILS; without it a 422 says nothing.
        unknown_hosts: names that its DNS does not know (yet).
        blocked_hosts: names that its guard against forged requests forbids.
        routes: what it reaches under another base URL, such as `{"http://sanctuary_utils:8000": served.origin}`.
        looks: GATEWAY_ASYNC_LIFECYCLE_ENABLED: how many looks at an entry show it pending before it was tried; None: it
            is tried at once, within the request.
        budget: requests until 429; None for any number.
        lying: a PUT of an entry answers 200 and does nothing.
    """

    def __init__(self, *, prefix: str = "") -> None:
        self.token = f"admin-{uuid.uuid4().hex}"
        self.tokens: dict[str, frozenset[str]] = {self.token: EVERYTHING}
        self.entries: dict[str, dict[str, Any]] = {}
        self.tools: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.requests: list[Seen] = []
        self.versioned = self.bare = self.details = True
        self.unknown_hosts: set[str] = set()
        self.blocked_hosts: set[str] = set()
        self.routes: dict[str, str] = {}
        self.looks: int | None = None
        self.budget: int | None = None
        self.lying = False
        self.most_at_once = 0
        self._at_once = 0
        self._violations = 0
        self._prefix = prefix
        self._port = 0
        self._scripts: deque[Script] = deque()
        self._looked: dict[str, int] = {}
        self._clock = itertools.count()
        self._runner: web.AppRunner | None = None
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """What GATEWAY_URL would be."""
        return f"http://127.0.0.1:{self._port}{self._prefix}"

    async def start(self) -> None:
        """Listen; after `stop` again on the same port."""
        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End; what it knows stays, as in a database."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def wipe(self) -> None:
        """Lose the database."""
        for table in (self.entries, self.tools, self.secrets, self._looked):
            table.clear()

    def grant(self, *permissions: str) -> str:
        """A token that may do this; without any, what registering needs."""
        token = f"scoped-{uuid.uuid4().hex}"
        self.tokens[token] = frozenset(permissions) or REGISTRAR
        return token

    def answer_next(self, *scripts: int | Script) -> None:
        """Answer the next requests so; a number stands for a status with an empty object.

        A script that names a method or a part of a path waits for such a request.
        """
        self._scripts.extend(Script(one, {}) if isinstance(one, int) else one for one in scripts)

    def entry(self, name: str) -> dict[str, Any]:
        """The one entry of this name."""
        (found,) = [entry for entry in self.entries.values() if entry["name"] == name]
        return found

    def tools_of(self, name: str) -> dict[str, dict[str, Any]]:
        """The records of the tools of a server, by their own names."""
        key = self.entry(name)["id"]
        return {tool["originalName"]: tool for tool in self.tools.values() if tool["gatewayId"] == key}

    def asked(self, method: str = "", part: str = "") -> list[Seen]:
        """The requests of a method whose path contains a text."""
        return [seen for seen in self.requests if method in {"", seen.method} and part in seen.path]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it is so, looked at after each answer."""
        async with asyncio.timeout(30), self._arrived:
            await self._arrived.wait_for(condition)

    def put_in(self, name: str, url: str, *tags: str, **fields: Any) -> dict[str, Any]:
        """An entry that somebody else made."""
        entry = self._record(name, url) | {"tags": _labels(tags)} | fields
        self.entries[entry["id"]] = entry
        return entry

    # How a request is answered

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            status, reply, headers = await self._play(request, body)
        except RefusedError as refused:
            status, reply, headers = refused.status, refused.body, refused.headers
        except UpstreamError as error:
            status, reply, headers = 502, {"message": str(error)}, {}
        finally:
            self._at_once -= 1
        self.requests.append(Seen(request.method, request.path, status, body, dict(request.query)))
        async with self._arrived:
            self._arrived.notify_all()
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(reply, (bytes, str)):
            data = reply.encode() if isinstance(reply, str) else reply
            return web.Response(status=status, body=data, headers={"Content-Type": "text/html", **headers})
        return web.json_response(reply, status=status, headers=dict(headers))

    async def _play(self, request: web.Request, body: Any) -> tuple[int, Any, Mapping[str, str]]:
        script = next(
            (one for one in self._scripts if one.method in {"", request.method} and one.path in request.path), None
        )
        if script is None:
            return await self._serve(request, body)
        self._scripts.remove(script)
        if script.stall is not None:
            await script.stall.wait()
        done = await self._serve(request, body) if script.act else None
        if script.hang_up:
            return 0, None, {}
        if done is not None and not script.status:
            return done
        return script.status, script.body, script.headers

    async def _serve(self, request: web.Request, body: Any) -> tuple[int, Any, Mapping[str, str]]:
        self._count()
        path = request.path.removeprefix(self._prefix)
        if not request.path.startswith(self._prefix):
            raise RefusedError(404, {"detail": "Not Found"})
        if not (self.versioned if path.startswith("/v1/") else self.bare):
            raise RefusedError(404, {"detail": "Not Found"})
        parts = path.removeprefix("/v1").strip("/").split("/")
        route: tuple[str, Callable[..., Awaitable[Any]]] | None = {
            ("GET", "gateways", 1): ("gateways.read", self._list),
            ("POST", "gateways", 1): ("gateways.create", self._create),
            ("GET", "gateways", 2): ("gateways.read", self._show),
            ("PUT", "gateways", 2): ("gateways.update", self._update),
            ("DELETE", "gateways", 2): ("gateways.delete", self._delete),
            ("POST", "gateways", 3): ("gateways.update", self._switch),
            ("POST", "gateways", 4): ("gateways.update", self._refresh),
            ("GET", "tools", 1): ("tools.read", self._list_tools),
            ("PUT", "tools", 2): ("tools.update", self._update_tool),
        }.get((request.method, parts[0], len(parts)))
        if route is None:
            known = parts[0] in {"gateways", "tools"} and len(parts) < 3
            raise RefusedError(405 if known else 404, {"detail": "Method Not Allowed" if known else "Not Found"})
        permission, act = route
        self._authorize(request, permission)
        reply = await act(parts[1] if len(parts) > 1 else "", body, request.query)
        status = (
            202 if isinstance(reply, dict) and reply.get("status") == "pending" and request.method != "GET" else 200
        )
        return status, copy.deepcopy(reply), {"Retry-After": "5"} if status == 202 else {}

    def _count(self) -> None:
        if self.budget is None:
            return
        if self.budget > 0:
            self.budget -= 1
            return
        self._violations += 1
        locked = self._violations > 5
        text = "Locked out" if locked else "Rate limit exceeded"
        raise RefusedError(429, {"detail": text}, **{"Retry-After": "900" if locked else "60"})

    def _authorize(self, request: web.Request, permission: str) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise RefusedError(401, {"detail": "Authorization token required"})
        if token not in self.tokens:
            raise RefusedError(401, {"detail": "Invalid authentication credentials"})
        if not self.tokens[token] & {"*", permission}:
            raise RefusedError(403, {"detail": "Access denied"})

    # Entries

    async def _list(self, _: str, __: Any, query: Mapping[str, str]) -> Any:
        shown = [
            entry for entry in self.entries.values() if entry["enabled"] or query.get("include_inactive") == "true"
        ]
        for entry in shown:
            await self._look(entry)
        limit = int(query.get("limit", PAGE)) or len(shown)
        if query.get("include_pagination") != "true":
            return shown[:limit]
        first = int(query.get("cursor", "0"))
        more = first + limit < len(shown)
        return {"gateways": shown[first : first + limit], "nextCursor": str(first + limit) if more else None}

    async def _show(self, key: str, _: Any, __: Mapping[str, str]) -> Any:
        entry = self._find(key)
        await self._look(entry)
        return entry

    async def _look(self, entry: dict[str, Any]) -> None:
        """Show an entry once more; one that waits is tried when it was looked at often enough."""
        if entry["status"] != "pending":
            return
        self._looked[entry["id"]] = self._looked.get(entry["id"], 0) + 1
        if self.looks is not None and self._looked[entry["id"]] <= self.looks:
            return
        entry["registrationAttempts"] += 1
        self._looked[entry["id"]] = 0
        try:
            await self._pull(entry)
        except UpstreamError as error:
            entry |= {"lastError": str(error), "nextRetryAt": self._now()}
        else:
            entry |= {"status": "active", "reachable": True, "lastError": None}

    async def _create(self, _: str, body: Any, __: Mapping[str, str]) -> Any:
        self._validate(body, {"name", "url"})
        wanted = self._record(body["name"], body["url"]) | _fields(body)
        pending = [entry for entry in self.entries.values() if entry["slug"] == wanted["slug"]]
        if pending and pending[0]["status"] == "pending":
            return pending[0]
        self._be_unique(wanted, body)
        key = wanted["id"]
        self.secrets[key] = _credentials(body)
        if self.looks is not None:
            self.entries[key] = wanted | {"status": "pending", "reachable": False}
            return self.entries[key]
        try:
            skipped = await self._pull(wanted)
        except (UpstreamError, RefusedError):
            del self.secrets[key]
            raise
        self.entries[key] = wanted
        return wanted | {"toolCount": 0, "skippedTools": skipped}

    async def _update(self, key: str, body: Any, _: Mapping[str, str]) -> Any:
        self._validate(body, set())
        entry = self._find(key, {"message": "Gateway not found"})
        if entry["status"] == "pending" or self.lying:
            return entry
        wanted = entry | _fields(body) | {"updatedAt": self._now(), "version": entry["version"] + 1}
        if "name" in body:
            wanted["slug"] = slug_of(body["name"])
        self._be_unique(wanted, body)
        before = self.secrets.get(key, {})
        # What is not sent again is forgotten, though the entry goes on to say that there is a credential.
        self.secrets[key] = _credentials(body)
        moved = before != self.secrets[key] or any(
            entry[one] != wanted[one] for one in ("url", "transport", "authType")
        )
        if self.looks is not None:
            entry |= wanted | {"status": "pending", "reachable": False, "registrationAttempts": 0, "lastError": None}
            return entry
        held = self._tools_held(key)
        try:
            await self._pull(wanted)
        except UpstreamError:
            if moved:
                self.secrets[key] = before
                raise
        if held - self._tools_held(key):
            # Where it drops a tool, it forgets what else came with the request, but for the tags.
            wanted |= {one: entry[one] for one in FORGOTTEN}
            self.secrets[key] = before
        entry |= wanted
        return entry

    async def _switch(self, key: str, _: Any, query: Mapping[str, str]) -> Any:
        if key not in self.entries:
            raise RefusedError(400, {"detail": f"Failed to set gateway state: Gateway not found: {key}"})
        entry = self.entries[key]
        on = query.get("activate", "true") == "true"
        changes = entry["enabled"] != on or not entry["reachable"]
        entry |= {"enabled": on, "reachable": True}
        for tool in self.tools.values():
            if tool["gatewayId"] == key:
                tool["enabled"] = on
        if on and changes:
            with suppress(UpstreamError):
                await self._pull(entry)
        return {"status": "success", "message": f"Gateway {key} {'activated' if on else 'deactivated'}"}

    async def _refresh(self, key: str, _: Any, __: Mapping[str, str]) -> Any:
        entry = self._find(key)
        faults: list[str] = []
        error = None
        if entry["enabled"] and entry["reachable"]:
            try:
                faults = await self._pull(entry)
            except UpstreamError as reason:
                error = str(reason)
        return {"gatewayId": key, "success": error is None, "error": error, "validationErrors": faults}

    async def _delete(self, key: str, _: Any, __: Mapping[str, str]) -> Any:
        self._find(key)
        del self.entries[key]
        self.secrets.pop(key, None)
        self.tools = {one: tool for one, tool in self.tools.items() if tool["gatewayId"] != key}
        return {"status": "success", "message": f"Gateway {key} deleted"}

    # Tools

    async def _list_tools(self, _: str, __: Any, query: Mapping[str, str]) -> Any:
        found = [
            tool for tool in self.tools.values() if query.get("gateway_id", tool["gatewayId"]) == tool["gatewayId"]
        ]
        found = [tool for tool in found if tool["enabled"] or query.get("include_inactive") == "true"]
        return found[: int(query.get("limit", PAGE)) or len(found)]

    async def _update_tool(self, key: str, body: Any, _: Mapping[str, str]) -> Any:
        if key not in self.tools:
            raise RefusedError(404, {"detail": f"Tool not found: {key}"})
        self.tools[key] |= {one: body[one] for one in ("annotations", "description") if one in body}
        return self.tools[key]

    async def _pull(self, entry: dict[str, Any]) -> list[str]:
        """Bring the tools of an entry up to date, as MCP shows them; returns what was left out."""
        offered = await pull(self._reach(entry["url"]), entry["transport"], self.secrets.get(entry["id"], {}))
        if any(len(entry["slug"]) + 1 + len(tool["name"]) > 128 for tool in offered):
            raise RefusedError(400, {"message": "Unable to process input"})
        faults = {tool["name"]: fault for tool in offered if (fault := _fault(tool))}
        mine = {tool["originalName"]: tool for tool in self.tools.values() if tool["gatewayId"] == entry["id"]}
        kept = {tool["name"]: tool for tool in offered if tool["name"] not in faults}
        for name in mine.keys() - kept.keys():
            del self.tools[mine[name]["id"]]
        for name, tool in kept.items():
            old = mine.get(name)
            text = tool.get("description") or ""
            new = {
                "inputSchema": tool["inputSchema"],
                "outputSchema": tool.get("outputSchema"),
                "originalDescription": text,
                "title": tool.get("title"),
            }
            if old is None:
                key = uuid.uuid4().hex
                fresh = {"id": key, "originalName": name, "gatewayId": entry["id"], "enabled": True, "customName": name}
                self.tools[key] = (
                    fresh | new | {"description": text, "annotations": dict(tool.get("annotations") or {})}
                )
            else:
                if old["description"] == old["originalDescription"]:
                    old["description"] = text
                old |= new  # but for the annotations, which stay as they were
        entry |= {"toolCount": len(kept), "lastSeen": self._now()}
        return [f"{name}: {fault}" for name, fault in faults.items()]

    def _tools_held(self, key: str) -> set[str]:
        return {one for one, tool in self.tools.items() if tool["gatewayId"] == key}

    def _reach(self, url: str) -> str:
        parts = urlsplit(url)
        base = self.routes.get(f"{parts.scheme}://{parts.netloc}")
        return base + parts.path if base else url

    # Records

    def _now(self) -> str:
        moment = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=next(self._clock))
        return moment.replace(tzinfo=None).isoformat()

    def _record(self, name: str, url: str) -> dict[str, Any]:
        return {
            "id": uuid.uuid4().hex,
            "name": name,
            "slug": slug_of(name),
            "url": _normal(url),
            "description": "",
            "transport": "SSE",
            "status": "active",
            "statusMessage": None,
            "registrationAttempts": 0,
            "nextRetryAt": None,
            "lastError": None,
            "enabled": True,
            "reachable": True,
            "lastSeen": self._now(),
            "updatedAt": self._now(),
            "authType": None,
            "authToken": None,
            "tags": [],
            "visibility": "public",
            "version": 1,
            "toolCount": 0,
            "skippedTools": [],
        }

    def _find(self, key: str, absent: Any = None) -> dict[str, Any]:
        if key not in self.entries:
            raise RefusedError(404, absent or {"detail": f"Gateway not found: {key}"})
        return self.entries[key]

    def _validate(self, body: Any, needed: set[str]) -> None:
        if not isinstance(body, dict) or needed - body.keys():
            self._invalid("body", "Field required")
        if not re.fullmatch(r"[A-Za-z0-9_. -]{1,255}", body.get("name", "x")):
            self._invalid(
                "name", "Value error, Gateway name can only contain letters, numbers, underscore, and hyphen."
            )
        host = urlsplit(body.get("url", "")).hostname or ""
        if host in self.unknown_hosts:
            reason = "Gateway URL DNS resolution failed and SSRF_DNS_FAIL_CLOSED is enabled"
            self._invalid("url", f"Value error, {reason}", body["url"])
        if host in self.blocked_hosts:
            reason = "Gateway URL contains private network address which is blocked by SSRF protection"
            self._invalid("url", f"Value error, {reason}", body["url"])

    def _invalid(self, part: str, text: str, value: Any = None) -> None:
        detail = [{"type": "value_error", "loc": ["body", part], "msg": text, "input": value}]
        raise RefusedError(422, {"detail": detail} if self.details else OPAQUE)

    def _be_unique(self, wanted: dict[str, Any], body: Mapping[str, Any]) -> None:
        for other in self.entries.values():
            if other["id"] == wanted["id"]:
                continue
            if other["slug"] == wanted["slug"]:
                raise RefusedError(409, {"message": "Gateway name already exists"})
            if other["url"] == wanted["url"] and self.secrets.get(other["id"], {}) == _credentials(body):
                raise RefusedError(409, {"message": "Gateway already exists"})


async def pull(url: str, transport: str, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """The tools that an MCP server lists, asked as the gateway asks.

    Raises:
        UpstreamError: it could not be asked, or refused.
    """
    speak = _over_sse if transport == "SSE" else _over_http
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30), headers=dict(headers)) as session,
            speak(session, url) as ask,
        ):
            start = {"protocolVersion": OFFERED, "capabilities": {}, "clientInfo": {"name": "fake", "version": "1"}}
            await ask("initialize", start, 1)
            await ask("notifications/initialized", None, None)
            return list((await ask("tools/list", {}, 2))["tools"])
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError) as error:
        raise UpstreamError(f"Failed to initialize gateway at {url}: {error}"[:400]) from error


Ask = Callable[[str, Any, int | None], Awaitable[Any]]


@asynccontextmanager
async def _over_http(session: aiohttp.ClientSession, url: str) -> AsyncIterator[Ask]:
    head = {"Accept": "application/json, text/event-stream"}

    async def ask(method: str, params: Any, number: int | None) -> Any:
        async with session.post(url, json=_message(method, params, number), headers=head) as response:
            response.raise_for_status()
            if key := response.headers.get("Mcp-Session-Id"):
                head["Mcp-Session-Id"] = key
            head["MCP-Protocol-Version"] = OFFERED
            if number is None:
                return None
            text = await response.text()
        if response.content_type == "text/event-stream":
            text = [line[5:] for line in text.splitlines() if line.startswith("data:") and '"id"' in line][-1]
        return json.loads(text)["result"]

    yield ask
    if "Mcp-Session-Id" in head:
        async with session.delete(url, headers=head):
            pass


@asynccontextmanager
async def _over_sse(session: aiohttp.ClientSession, url: str) -> AsyncIterator[Ask]:
    async with session.get(url, headers={"Accept": "text/event-stream"}) as stream:
        stream.raise_for_status()
        events = _events(stream)
        endpoint = urljoin(url, await anext(events))

        async def ask(method: str, params: Any, number: int | None) -> Any:
            async with session.post(endpoint, json=_message(method, params, number)) as response:
                response.raise_for_status()
            while number is not None:
                reply = json.loads(await anext(events))
                if reply.get("id") == number:
                    return reply["result"]
            return None

        yield ask


async def _events(stream: aiohttp.ClientResponse) -> AsyncIterator[str]:
    async for line in stream.content:
        if line.startswith(b"data:"):
            yield line[5:].decode().strip()
    raise ValueError("the stream ended")


def _message(method: str, params: Any, number: int | None) -> dict[str, Any]:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    return message if number is None else message | {"id": number}


async def _body(request: web.Request) -> Any:
    try:
        return await request.json() if request.can_read_body else None
    except ValueError:
        return None


def _normal(url: str) -> str:
    parts = urlsplit(url)
    if parts.hostname != "127.0.0.1":
        return url
    return urlunsplit(parts._replace(netloc=f"localhost:{parts.port}" if parts.port else "localhost"))


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a request's body changes in a record."""
    fields: dict[str, Any] = {
        one: body[one] for one in ("name", "description", "transport", "visibility") if body.get(one) is not None
    }
    if "url" in body:
        fields["url"] = _normal(body["url"])
    if "tags" in body:
        fields["tags"] = _labels(body["tags"])
    if body.get("auth_type") is not None:
        fields["authType"] = body["auth_type"]
        fields["authToken"] = "*****" if body["auth_type"] else None
    return fields


def _labels(tags: Any) -> list[dict[str, str]]:
    return [{"id": tag, "label": tag} for tag in tags if len(tag) > 1 and "/" not in tag]


def _credentials(body: Mapping[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {body['auth_token']}"} if body.get("auth_type") == "bearer" else {}


def _fault(tool: Mapping[str, Any]) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._/-]*", tool["name"]):
        return "Tool name must start with a letter, number, or underscore"
    for word in ("&&", "||", "$("):
        if word in (tool.get("description") or ""):
            return f"Description contains unsafe characters: {word!r}"
    return ""
