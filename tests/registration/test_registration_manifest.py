"""The plain manifest against a small gateway that answers as it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.manifest import Manifest
from sanctuary_host.gateway.registrar import GatewayError, Registrar, Registration

OURS = "what-the-gateway-must-present-to-us"
THEIRS = "what-we-present-to-the-gateway"

ENTRY = Entry(
    name="sanctuary_utils",
    base="http://sanctuary_utils:8000",
    transport="streamable-http",
    cluster="utils",
    version="0.1.0",
    description="Tools of the cluster utils.",
    tools=({"name": "time_now", "inputSchema": {}}, {"name": "calculate", "inputSchema": {}}),
    instance="0123abcd",
    token=OURS,
)
MORE = replace(ENTRY, tools=(*ENTRY.tools, {"name": "unit_convert", "inputSchema": {}}))
SENTENCES = {
    404: "does not know POST /api/servers/register (HTTP 404); correct GATEWAY_URL, or say in SANCTUARY_REGISTRAR",
    405: "does not know POST /api/servers/register (HTTP 405); correct GATEWAY_URL, or say in SANCTUARY_REGISTRAR",
    410: "does not know POST /api/servers/register (HTTP 410); correct GATEWAY_URL, or say in SANCTUARY_REGISTRAR",
    415: "needs a registrar of its own, which docs/plugins.md shows",
    422: "needs a registrar of its own, which docs/plugins.md shows",
}


class Credential:
    """What is presented to the gateway."""

    value = THEIRS

    async def reread(self) -> bool:
        return False


class Listener:
    """A gateway of an unknown make: `answers` are its next statuses with their bodies, 200 where there are none.

    A body that is a string is a web page.
    """

    def __init__(self) -> None:
        self.answers: list[int | tuple[int, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.credentials: set[str] = set()
        self.url = ""

    @property
    def events(self) -> list[str]:
        return [manifest["event"] for manifest in self.heard]

    async def handle(self, request: web.Request) -> web.Response:
        self.credentials.add(request.headers.get("Authorization", ""))
        self.heard.append(await request.json())
        answer = self.answers.pop(0) if self.answers else 200
        status, body = answer if isinstance(answer, tuple) else (answer, {"ok": True})
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html")
        return web.Response(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    here = Listener()
    application = web.Application()
    application.router.add_post("/base/api/servers/register", here.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}/base"
    try:
        yield here
    finally:
        await runner.cleanup()


@pytest.fixture
async def registrar(listener: Listener) -> AsyncIterator[Registrar]:
    gateway = Gateway(listener.url, Credential())
    try:
        yield Manifest(gateway)
    finally:
        await gateway.close()


async def test_the_manifest_says_what_was_agreed_and_no_secret(listener: Listener, registrar: Registrar) -> None:
    assert await registrar.register(ENTRY, None) == Registration("sanctuary_utils", 200, "created")
    (manifest,) = listener.heard
    assert manifest == {
        "event": "register",
        "server_name": "sanctuary_utils",
        "endpoint": "http://sanctuary_utils:8000/mcp",
        "tools": ["time_now", "calculate"],
        "version": "0.1.0",
        "health_check": "http://sanctuary_utils:8000/health",
        "description": "Tools of the cluster utils.",
        "transport": "streamable-http",
        "cluster": "utils",
        "manifest": ENTRY.fingerprint,
        "instance": "0123abcd",
        "auth": "bearer",
    }
    assert listener.credentials == {f"Bearer {THEIRS}"}
    plan = registrar.plan(ENTRY)
    assert (plan.method, plan.url, plan.body) == ("POST", f"{listener.url}/api/servers/register", manifest)
    for secret in (OURS, THEIRS):
        assert secret not in repr(plan) + json.dumps(listener.heard)


async def test_an_sse_server_without_a_token_says_so(listener: Listener, registrar: Registrar) -> None:
    await registrar.register(replace(ENTRY, transport="sse", token=""), None)
    told = {key: listener.heard[0][key] for key in ("endpoint", "transport", "auth")}
    assert told == {"endpoint": "http://sanctuary_utils:8000/sse", "transport": "sse", "auth": "none"}


@pytest.mark.parametrize(
    "body", [{}, {"id": 7}, {"id": "x" * 999}, [], b"", b"<html>fine</html>", b"\xff", {"id": None}]
)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_a_yes_whatever_it_says(
    listener: Listener, registrar: Registrar, status: int, body: Any
) -> None:
    listener.answers = [(status, body)]
    registration = await registrar.register(ENTRY, None)
    assert (registration.status, registration.done, registration.holes) == (status, "created", ())
    assert 0 < len(registration.id) <= 128
    if body == {"id": 7} and status != 204:
        assert registration.id == "7"


@pytest.mark.parametrize("status", [200, 201, 404])
async def test_a_web_site_that_answers_everything_with_a_page_is_no_gateway(
    listener: Listener, registrar: Registrar, status: int
) -> None:
    listener.answers = [(status, "<!doctype html><title>Welcome</title>")]
    with pytest.raises(GatewayError, match="GATEWAY_URL") as caught:
        await registrar.register(ENTRY, None)
    assert (caught.value.kind, caught.value.status) == ("foreign" if status == 404 else "rejected", status)
    assert "Welcome" not in str(caught.value)


async def test_heartbeats_repeat_the_whole_manifest_and_changes_are_updates(
    listener: Listener, registrar: Registrar
) -> None:
    first = await registrar.register(ENTRY, None)
    second = await registrar.register(ENTRY, first)
    third = await registrar.register(MORE, second)
    fourth = await registrar.register(MORE, third)
    assert [one.done for one in (first, second, third, fourth)] == ["created", "unchanged", "updated", "unchanged"]
    assert listener.events == ["register", "heartbeat", "update", "heartbeat"]
    assert listener.heard[3]["tools"] == ["time_now", "calculate", "unit_convert"]
    assert {**listener.heard[0], "event": "heartbeat"} == listener.heard[1]


async def test_an_update_that_was_not_taken_is_sent_again(listener: Listener, registrar: Registrar) -> None:
    known = await registrar.register(ENTRY, None)
    listener.answers = [503]
    with pytest.raises(GatewayError) as caught:
        await registrar.register(MORE, known)
    assert caught.value.kind == "unreachable"
    assert (await registrar.register(MORE, known)).done == "updated"
    assert listener.events == ["register", "update", "update"]


@pytest.mark.parametrize("status", [404, 410])
async def test_a_gateway_that_forgot_is_told_anew_at_once(
    listener: Listener, registrar: Registrar, status: int
) -> None:
    known = await registrar.register(ENTRY, None)
    listener.answers = [status, 201]
    again = await registrar.register(ENTRY, known)
    assert (again.done, again.status) == ("created", 201)
    assert (await registrar.register(ENTRY, again)).done == "unchanged"
    assert listener.events == ["register", "heartbeat", "register", "heartbeat"]


async def test_a_path_that_vanishes_after_it_answered_is_a_gateway_that_starts(
    listener: Listener, registrar: Registrar
) -> None:
    known = await registrar.register(ENTRY, None)
    listener.answers = [404, 404]
    with pytest.raises(GatewayError) as caught:
        await registrar.register(ENTRY, known)
    assert (caught.value.kind, caught.value.status) == ("unreachable", 404)
    listener.answers = [405]
    with pytest.raises(GatewayError) as caught:
        await registrar.register(ENTRY, known)
    assert (caught.value.kind, caught.value.status) == ("unreachable", 405)
    assert (await registrar.register(ENTRY, None)).done == "created"


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "foreign"), (405, "foreign"), (410, "foreign"), (415, "rejected"), (422, "rejected")]
)
async def test_a_gateway_of_another_make_is_told_from_one_that_wants_another_form(
    listener: Listener, registrar: Registrar, status: int, kind: str
) -> None:
    listener.answers = [(status, {"detail": f"echo {THEIRS} {OURS}"})]
    with pytest.raises(GatewayError) as caught:
        await registrar.register(ENTRY, None)
    assert (caught.value.kind, caught.value.status) == (kind, status)
    assert SENTENCES[status] in str(caught.value)
    assert THEIRS not in str(caught.value)
    assert OURS not in str(caught.value)
    assert listener.events == ["register"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "rejected"), (401, "unauthorized"), (403, "unauthorized"), (429, "busy"), (500, "unreachable")],
)
async def test_other_refusals_keep_their_kind(listener: Listener, registrar: Registrar, status: int, kind: str) -> None:
    listener.answers = [status] * 3
    with pytest.raises(GatewayError) as caught:
        await registrar.register(ENTRY, None)
    assert (caught.value.kind, caught.value.status) == (kind, status)


@pytest.mark.parametrize(
    "shown",
    [
        b"",
        {"message": "already there"},
        {"endpoint": ENTRY.endpoint},
        {"server": {"endpoint": "http://old:8000/mcp", "cluster": "utils", "manifest": "0" * 12, "instance": "x"}},
    ],
)
async def test_an_entry_of_ours_that_is_there_already_is_brought_up_to_date(
    listener: Listener, registrar: Registrar, shown: Any
) -> None:
    listener.answers = [(409, shown)]
    known = await registrar.register(ENTRY, None)
    assert (known.done, known.status) == ("adopted", 200)
    assert (await registrar.register(ENTRY, known)).done == "unchanged"
    assert listener.events == ["register", "update", "heartbeat"]


async def test_an_entry_that_is_shown_to_be_somebody_elses_is_left_alone_unless_adopted(
    listener: Listener, registrar: Registrar
) -> None:
    stranger = {"existing": {"endpoint": "http://elsewhere:1/mcp", "cluster": "utils"}}
    listener.answers = [(409, stranger)]
    with pytest.raises(GatewayError) as caught:
        await registrar.register(ENTRY, None)
    assert caught.value.kind == "conflict"
    assert "SANCTUARY_REGISTER_AS" in str(caught.value)
    assert listener.events == ["register"]
    listener.answers = [(409, stranger)]
    assert (await registrar.register(ENTRY, None, adopt=True)).done == "adopted"
    assert listener.events == ["register", "register", "update"]


async def test_two_servers_of_one_name_do_not_fight(listener: Listener, registrar: Registrar) -> None:
    known = await registrar.register(ENTRY, None)
    listener.answers = [(409, {**listener.heard[0], "endpoint": "http://newcomer:8000/mcp", "instance": "4567cdef"})]
    with pytest.raises(GatewayError) as caught:
        await registrar.register(ENTRY, known)
    assert (caught.value.kind, caught.value.status) == ("conflict", 409)
    assert listener.events == ["register", "heartbeat"]


async def test_a_gateway_that_knows_no_events_is_lived_with(listener: Listener, registrar: Registrar) -> None:
    listener.answers = [201, 409, 409, 409, 409]
    known = await registrar.register(ENTRY, None)
    beat = await registrar.register(ENTRY, known)
    assert (beat.done, beat.status, beat.holes) == ("unchanged", 409, ())
    (hole,) = (await registrar.register(MORE, beat)).holes
    assert "takes no update" in hole
    again = await registrar.register(ENTRY, None)  # as after a restart
    assert (again.done, again.holes) == ("adopted", (hole,))
    assert listener.events == ["register", "heartbeat", "update", "register", "update"]


@pytest.mark.parametrize("delete", [True, False])
async def test_a_server_that_leaves_says_so(listener: Listener, registrar: Registrar, delete: bool) -> None:
    known = await registrar.register(ENTRY, None)
    assert await registrar.withdraw(ENTRY, known, delete=delete) is True
    assert (listener.events, listener.heard[1]["delete"]) == (["register", "deregister"], delete)
    assert listener.heard[1]["server_name"] == "sanctuary_utils"
    listener.answers = [404]
    assert await registrar.withdraw(ENTRY, None, delete=delete) is False


@pytest.mark.parametrize(
    ("status", "kind"), [(405, "foreign"), (409, "conflict"), (422, "rejected"), (503, "unreachable")]
)
async def test_a_farewell_that_is_not_taken_is_an_error(
    listener: Listener, registrar: Registrar, status: int, kind: str
) -> None:
    listener.answers = [status]
    with pytest.raises(GatewayError) as caught:
        await registrar.withdraw(ENTRY, None, delete=False)
    assert caught.value.kind == kind


async def test_there_is_no_copy_to_compare_with(listener: Listener, registrar: Registrar) -> None:
    with pytest.raises(GatewayError) as caught:
        await registrar.copy(ENTRY)
    assert "keeps no copy" in str(caught.value)
    assert listener.heard == []
