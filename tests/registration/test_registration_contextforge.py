"""Registering with ContextForge: what is asked, in which case, and that nothing it says is believed unseen."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fake_gateway import FakeGateway, Script
from small_server import SmallServer, a_tool

from sanctuary_host.gateway.contextforge import ContextForge
from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.registrar import GatewayError, Registration
from sanctuary_host.testing import connected, serving

NAME = "sanctuary_small"
SECRET = "sesame-opens-0123456789"


class Held:
    """A token, and the ones that its file will hold when it is read again."""

    def __init__(self, value: str, *later: str) -> None:
        self.value, self._later = value, list(later)

    async def reread(self) -> bool:
        if not self._later:
            return False
        self.value = self._later.pop(0)
        return True


def entry_of(server: SmallServer, **changes: Any) -> Entry:
    entry = Entry(
        name=NAME,
        base=server.origin,
        transport="streamable-http",
        cluster="small",
        version="0.1.0",
        description="A small server.",
        tools=tuple(map(dict, server.tools)),
        instance="aaaaaaaa",
        token=server.token,
    )
    return dataclasses.replace(entry, **changes)


Opener = Callable[..., ContextForge]


@pytest.fixture
async def forge(fake: FakeGateway) -> AsyncIterator[Opener]:
    """Opens registrars: `forge()` is one that has never asked, as after a start; a token may be given."""
    gateways: list[Gateway] = []

    def start(token: str = "", *later: str, url: str = "") -> ContextForge:
        gateways.append(Gateway(url or fake.url, Held(token or fake.token, *later)))
        return ContextForge(gateways[-1])

    yield start
    for gateway in gateways:
        await gateway.close()


async def refusal(registrar: ContextForge, entry: Entry, known: Registration | None = None) -> GatewayError:
    """Why it could not be registered."""
    with pytest.raises(GatewayError) as caught:
        await registrar.register(entry, known)
    return caught.value


async def outcome(attempt: Awaitable[Registration]) -> str:
    """What it comes to, in words."""
    try:
        return (await attempt).done
    except GatewayError as error:
        return str(error)


def methods(fake: FakeGateway) -> list[str]:
    """The methods asked since the last look."""
    asked = [seen.method for seen in fake.requests]
    fake.requests.clear()
    return asked


# The way it should go


@pytest.mark.parametrize("transport", ["streamable-http", "sse"])
async def test_a_real_cluster_is_registered_with_all_its_tools(
    fake: FakeGateway, forge: Opener, transport: Any
) -> None:
    async with serving("utils") as served, connected("utils") as client:
        tools = [
            tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in (await client.list_tools()).tools
        ]
        entry = Entry("sanctuary_utils", served.origin, transport, "utils", "1", "Tools.", tuple(tools), "a" * 8)
        registrar = forge()
        known = await registrar.register(entry, None)
        assert (known.done, known.status, known.holes) == ("created", 200, ())
        assert fake.entry("sanctuary_utils")["toolCount"] == len(tools)
        copy = await registrar.copy(entry)
        assert copy is not None
        key = ("inputSchema", "outputSchema", "annotations", "description")
        for ours, theirs in zip(*(sorted(some, key=lambda tool: tool["name"]) for some in (tools, copy)), strict=True):
            assert [ours.get(one) for one in key] == [theirs.get(one) for one in key]
        assert (await registrar.register(entry, known)).done == "unchanged"
        assert (await forge().register(entry, None)).holes == ()


async def test_a_new_server_is_looked_for_made_and_read_back(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    entry = entry_of(small)
    known = await forge().register(entry, None)
    assert (known.done, known.holes, known.paused) == ("created", (), False)
    assert methods(fake) == ["GET", "POST", "GET"]
    made = fake.entry(NAME)
    assert known.id == made["id"]
    assert made["transport"] == "STREAMABLEHTTP"
    assert [tag["id"] for tag in made["tags"]] == list(entry.tags)


async def test_a_heartbeat_is_one_look(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    registrar, entry = forge(), entry_of(small)
    known = await registrar.register(entry, None)
    methods(fake)
    assert await registrar.register(entry, known) == dataclasses.replace(known, done="unchanged")
    assert methods(fake) == ["GET"]


async def test_a_start_brings_our_entry_up_to_date_and_keeps_its_ids(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    await forge().register(entry_of(small), None)
    ids = {name: tool["id"] for name, tool in fake.tools_of(NAME).items()}
    methods(fake)
    known = await forge().register(entry_of(small, instance="bbbbbbbb", name="sanctuary.small"), None)
    assert (known.done, known.holes) == ("adopted", ())
    assert methods(fake) == ["GET", "PUT", "GET", "GET"]
    assert {name: tool["id"] for name, tool in fake.tools_of("sanctuary.small").items()} == ids


async def test_a_change_of_tools_is_copied_with_annotations_and_schemas(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    kept = fake.tools_of(NAME)["add"]["id"]
    small.tools = [
        {
            **a_tool("add", "Another text.", readOnlyHint=False),
            "inputSchema": {"type": "object"},
            "outputSchema": {"type": "object"},
        },
        a_tool("sub"),
    ]
    entry = entry_of(small)
    known = await registrar.register(entry, known)
    assert (known.done, known.holes) == ("updated", ())
    held = fake.tools_of(NAME)
    assert (held.keys(), held["add"]["id"]) == ({"add", "sub"}, kept)
    assert held["add"]["annotations"] == {"readOnlyHint": False}
    copy = await registrar.copy(entry)
    assert copy is not None
    assert sorted(copy, key=str) == sorted(entry.tools, key=str)


async def test_an_address_survives_that_the_gateway_forgets_while_it_drops_a_tool(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    await forge().register(entry_of(small), None)
    async with SmallServer("add") as other:
        other.token = SECRET
        assert (await forge().register(entry_of(other, instance="bbbbbbbb"), None)).holes == ()
        assert fake.entry(NAME)["url"] == other.origin.replace("127.0.0.1", "localhost") + "/mcp"
        assert fake.secrets[fake.entry(NAME)["id"]] == {"Authorization": f"Bearer {SECRET}"}


async def test_a_new_token_survives_that_the_gateway_forgets_while_it_drops_a_tool(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    small.token = "an-older-one"
    await forge().register(entry_of(small), None)
    small.tools.pop()
    small.token = SECRET
    assert (await forge().register(entry_of(small), None)).holes == ()
    assert fake.secrets[fake.entry(NAME)["id"]] == {"Authorization": f"Bearer {SECRET}"}


async def test_a_servers_token_is_presented_and_later_forgotten(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    small.token = SECRET
    registrar = forge()
    assert SECRET not in str(registrar.plan(entry_of(small)))
    known = await registrar.register(entry_of(small), None)
    small.tools.append(a_tool("sub"))
    known = await registrar.register(entry_of(small), known)
    assert (known.holes, fake.entry(NAME)["toolCount"]) == ((), 3)
    small.token = ""
    known = await registrar.register(entry_of(small), known)
    assert (known.holes, fake.secrets[known.id], fake.entry(NAME)["authType"]) == ((), {}, "")


async def test_an_older_gateway_is_spoken_to_without_v1(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    fake.versioned = False
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    assert known.done == "created"
    await registrar.register(entry_of(small), known)
    assert [seen.path.startswith("/v1/") for seen in fake.requests] == [True, False, False, False, False]


async def test_it_lies_where_the_address_says(small: SmallServer) -> None:
    async with FakeGateway(prefix="/tools/forge") as fake, Gateway(fake.url + "/", Held(fake.token)) as gateway:
        registrar = ContextForge(gateway)
        assert (await registrar.register(entry_of(small), None)).done == "created"
        assert registrar.plan(entry_of(small)).url == f"{fake.url}/v1/gateways"


async def test_another_make_of_gateway_is_called_foreign(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    fake.versioned = fake.bare = False
    assert (await refusal(forge(), entry_of(small))).kind == "foreign"


async def test_a_page_that_answers_everything_is_no_contextforge(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fake.answer_next(Script(200, "<html>welcome</html>"), Script(200, "<html>welcome</html>"))
    assert (await refusal(forge(), entry_of(small))).kind == "foreign"


async def test_an_entry_behind_the_first_pages_is_found(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    for number in range(1_201):
        fake.put_in(f"other_{number}", f"http://other:{number + 1}/mcp", enabled=bool(number % 2))
    await forge().register(entry_of(small), None)
    assert (await forge().register(entry_of(small), None)).done == "adopted"
    assert len(fake.asked("POST")) == 1


@pytest.mark.parametrize("page", [1, 20_001], ids=["pages", "entries"])
async def test_a_list_that_does_not_end_is_not_read_for_ever(
    page: int, fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    pages = [{"gateways": [{"name": "a"}] * page, "nextCursor": f"page {number}"} for number in range(100)]
    fake.answer_next(*(Script(200, one, method="GET", path="/v1/gateways") for one in pages))
    await outcome(forge().register(entry_of(small), None))
    assert 1 <= len([seen for seen in fake.asked("GET") if seen.query.get("limit")]) <= 40


@pytest.mark.parametrize("cursor", ["\ud800", "x" * 1_000_000, "a b\r\nX: 1", "\N{SNOWMAN}", 7, [], ""])
async def test_what_is_no_address_of_a_next_page_ends_the_list(
    cursor: object, fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fake.answer_next(Script(200, {"gateways": [], "nextCursor": cursor}))
    assert (await forge().register(entry_of(small), None)).done == "created"
    assert len(fake.asked("GET", "/v1/gateways")) == 2


# What is lost, and what lies


async def test_a_wiped_gateway_gets_the_entry_again(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.wipe()
    again = await registrar.register(entry_of(small), known)
    assert (again.done, again.id == known.id, len(fake.entries)) == ("created", False, 1)


async def test_a_gateway_that_was_away_needs_nothing(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    await fake.stop()
    assert (await refusal(registrar, entry_of(small), known)).kind == "unreachable"
    await fake.start()
    assert (await registrar.register(entry_of(small), known)).done == "unchanged"


async def test_a_yes_to_which_nothing_happened_is_a_hole_until_the_next_try(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    small.tools.append(a_tool("sub"))
    entry = entry_of(small)
    small.mood = 503  # the gateway answers 200 to a PUT though it could not ask us
    known = await registrar.register(entry, known)
    assert "has not read the tools" in known.holes[0]
    assert f"manifest:{entry.fingerprint}" in [tag["id"] for tag in fake.entry(NAME)["tags"]]
    small.mood = 200
    known = await registrar.register(entry, known)
    assert (known.done, known.holes, fake.entry(NAME)["toolCount"]) == ("updated", (), 3)


async def test_a_put_that_is_ignored_is_a_hole(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.lying = True
    small.tools.append(a_tool("sub"))
    assert (await registrar.register(entry_of(small), known)).holes


@pytest.mark.parametrize(
    "drift",
    [
        {"name": "renamed", "slug": "renamed"},
        {"url": "http://localhost:9/mcp"},
        {"transport": "SSE"},
        {"toolCount": 1},
        {"reachable": False},
        {"authType": "bearer"},
    ],
    ids=lambda drift: next(iter(drift)),
)
async def test_what_differs_at_a_heartbeat_is_put_right(
    fake: FakeGateway, forge: Opener, small: SmallServer, drift: dict[str, Any]
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    before = dict(fake.entries[known.id])
    fake.entries[known.id] |= drift
    again = await registrar.register(entry_of(small), known)
    assert (again.done, again.holes) == ("updated", ())
    after = fake.entries[known.id]
    assert {key: after[key] or None for key in drift} == {key: before[key] for key in drift}


async def test_an_entry_that_is_held_for_offline_is_switched_on_once_the_gateway_has_seen_us(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.entries[known.id]["reachable"] = False
    methods(fake)
    await registrar.register(entry_of(small), known)
    assert methods(fake) == ["GET", "PUT", "GET", "GET", "POST", "GET"]
    fake.entries[known.id]["reachable"] = False
    small.mood = 503
    assert (await registrar.register(entry_of(small), known)).holes
    assert fake.entry(NAME)["reachable"] is False, "it was called reachable though the gateway could not reach it"


async def test_tools_that_the_gateway_leaves_out_are_named_with_its_reason(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    small.tools.append(a_tool("chain", "First this && then that."))
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    assert "chain" in known.holes[0]
    assert "unsafe characters: '&&'" in known.holes[0]
    known = await forge().register(entry_of(small), None)  # a PUT does not say which
    assert "unsafe characters: '&&'" in known.holes[0]


async def test_a_hole_does_not_have_the_gateway_read_everything_at_each_heartbeat(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    small.tools.append(a_tool("chain", "First this && then that."))
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    listed = small.lists
    again = await registrar.register(entry_of(small), known)
    assert (again.holes, again.done, small.lists) == (known.holes, "unchanged", listed)


# Permissions


async def test_the_least_token_registers_without_a_hole(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    registrar = forge(fake.grant())
    known = await registrar.register(entry_of(small), None)
    assert known.holes == ()
    assert (await registrar.register(entry_of(small), known)).holes == ()


async def test_without_sight_of_the_tools_a_hole_names_the_permissions(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    token = fake.grant()
    await forge(token).register(entry_of(small), None)
    small.tools[0] = a_tool("add", readOnlyHint=False)
    registrar = forge(token)
    known = await registrar.register(entry_of(small), None)
    assert "tools.read and tools.update" in known.holes[0]
    fake.tokens[token] |= {"tools.read"}
    known = await registrar.register(entry_of(small), known)
    assert "other annotations" in known.holes[0]
    assert "tools.update" in known.holes[0]
    fake.tokens[token] |= {"tools.update"}
    known = await registrar.register(entry_of(small), known)
    assert (known.holes, fake.tools_of(NAME)["add"]["annotations"]) == ((), {"readOnlyHint": False})


@pytest.mark.parametrize(
    ("granted", "lacking"),
    [("gateways.update", "gateways.read"), ("gateways.read", "gateways.create, gateways.read and gateways.update")],
)
async def test_a_missing_permission_is_named(
    fake: FakeGateway, forge: Opener, small: SmallServer, granted: str, lacking: str
) -> None:
    error = await refusal(forge(fake.grant(granted)), entry_of(small))
    assert (error.kind, error.status) == ("unauthorized", 403)
    assert lacking in str(error)


async def test_another_users_entry_says_whose_token_it_takes(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    await forge().register(entry_of(small), None)
    fake.answer_next(Script(403, {"message": "Only the owner can update this gateway"}, method="PUT"))
    error = await refusal(forge(), entry_of(small))
    assert error.kind == "unauthorized"
    assert "who made it" in str(error)


async def test_a_token_that_expired_is_read_again_and_the_question_put_once_more(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fresh = fake.grant()
    registrar = forge("expired-0123456789", fresh)
    assert (await registrar.register(entry_of(small), None)).done == "created"
    assert [seen.status for seen in fake.requests] == [401, 200, 200, 200]
    del fake.tokens[fresh]
    error = await refusal(registrar, entry_of(small))
    assert (error.kind, error.status) == ("unauthorized", 401)
    assert fresh not in str(error)


# What is not ours


async def test_an_entry_of_our_name_that_others_made_is_left_alone(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    theirs = dict(fake.put_in("Sanctuary Small", "http://theirs:1/mcp", "fleet:sanctuary"))
    error = await refusal(forge(), entry_of(small))
    assert error.kind == "conflict"
    assert "--adopt" in str(error)
    assert list(fake.entries.values()) == [theirs]
    known = await forge().register(entry_of(small), None, adopt=True)
    assert (known.id, known.done, known.holes) == (theirs["id"], "adopted", ())


async def test_our_address_under_anothers_name_is_left_alone(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    theirs = dict(fake.put_in(f"of {fake.token}", f"{small.origin.upper().replace('HTTP', 'http')}/mcp/"))
    error = await refusal(forge(), entry_of(small))
    assert error.kind == "conflict"
    assert fake.token not in str(error)
    assert list(fake.entries.values()) == [theirs]


async def test_our_own_entry_under_an_older_name_is_renamed(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    first = await forge().register(entry_of(small), None)
    known = await forge().register(entry_of(small, name="small_elsewhere"), None)
    assert (known.id, fake.entry("small_elsewhere")["slug"]) == (first.id, "small-elsewhere")


async def test_an_entry_whose_marks_were_taken_is_ours_no_more(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.entry(NAME)["tags"] = []
    methods(fake)
    assert (await refusal(registrar, entry_of(small), known)).kind == "conflict"
    assert methods(fake) == ["GET"]
    assert not await registrar.withdraw(entry_of(small), known, delete=True)


async def test_two_servers_of_one_name_do_not_take_it_from_each_other_for_ever(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    first, entry = forge(), entry_of(small)
    known = await first.register(entry, None)
    async with SmallServer("add") as other:
        assert (await forge().register(entry_of(other, instance="bbbbbbbb"), None)).done == "adopted"
        for before in (known, None):
            error = await refusal(first, entry, before)
            assert error.kind == "conflict"
            assert "SANCTUARY_REGISTER_AS" in str(error)
        assert not await first.withdraw(entry, known, delete=False)
    assert fake.entry(NAME)["enabled"]


async def test_two_versions_behind_one_address_do_not_take_it_from_each_other(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    old, entry = forge(), entry_of(small)
    known = await old.register(entry, None)
    small.tools.append(a_tool("sub"))
    await forge().register(entry_of(small, instance="bbbbbbbb"), None)
    methods(fake)
    assert "another process" in (await old.register(entry, known)).holes[0]
    assert methods(fake) == ["GET"]


async def test_a_name_that_another_took_meanwhile_is_looked_up_again(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    await forge().register(entry_of(small, instance="bbbbbbbb"), None)
    fake.answer_next(Script(200, [], method="GET"))  # as if it had come a moment later
    known = await forge().register(entry_of(small), None)
    assert (known.done, len(fake.entries)) == ("adopted", 1)


async def test_an_entry_that_the_token_may_not_see_is_a_conflict(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    for _ in range(2):
        fake.answer_next(Script(200, [], method="GET"))
    fake.answer_next(Script(409, {"message": "Gateway name already exists"}, method="POST"))
    assert (await refusal(forge(), entry_of(small))).kind == "conflict"


# An operator's switch


async def test_what_an_operator_switched_off_stays_off(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.entry(NAME)["enabled"] = False
    methods(fake)
    assert (await registrar.register(entry_of(small), known)).paused
    assert (await forge().register(entry_of(small, instance="bbbbbbbb", version="0.2.0"), None)).paused
    assert methods(fake) == ["GET", "GET"]
    fake.entry(NAME)["enabled"] = True
    assert not (await registrar.register(entry_of(small), known)).paused


async def test_a_tool_that_an_operator_switched_off_stays_off(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.tools_of(NAME)["add"]["enabled"] = False
    small.tools.append(a_tool("sub"))
    assert (await registrar.register(entry_of(small), known)).holes == ()
    assert not fake.tools_of(NAME)["add"]["enabled"]


async def test_calling_a_server_reachable_switches_no_tool_on(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.tools_of(NAME)["add"]["enabled"] = False
    fake.entry(NAME)["reachable"] = False
    assert "offline" in (await registrar.register(entry_of(small), known)).holes[0]
    least = forge(fake.grant())
    assert "tools.read" in (await least.register(entry_of(small), None)).holes[0]
    assert not fake.tools_of(NAME)["add"]["enabled"]
    assert fake.asked("POST", "/state") == []


async def test_an_entry_with_single_tools_switched_off_is_not_switched_off_as_a_whole(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.tools_of(NAME)["add"]["enabled"] = False
    with pytest.raises(GatewayError, match="single tools"):
        await registrar.withdraw(entry_of(small), known, delete=False)
    with pytest.raises(GatewayError, match=r"tools\.read"):
        await forge(fake.grant()).withdraw(entry_of(small), known, delete=False)
    assert fake.entry(NAME)["enabled"]


async def test_what_we_switched_off_at_the_end_comes_back_at_the_start(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    registrar = forge(fake.grant("gateways.create", "gateways.read", "gateways.update", "tools.read"))
    known = await registrar.register(entry_of(small), None)
    ids = set(fake.tools)
    assert await registrar.withdraw(entry_of(small), known, delete=False)
    assert not fake.entry(NAME)["enabled"]
    assert (await registrar.register(entry_of(small), known)).paused, "only a start switches it on again"
    again = await forge().register(entry_of(small, instance="bbbbbbbb"), None)
    assert (again.paused, again.id, set(fake.tools)) == (False, known.id, ids)
    assert fake.entry(NAME)["enabled"]
    fake.entry(NAME)["enabled"] = False  # by an operator, now that the mark is gone
    assert (await forge().register(entry_of(small, instance="cccccccc"), None)).paused


async def test_a_process_that_was_followed_by_another_switches_nothing_off(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    old = forge()
    known = await old.register(entry_of(small), None)
    await forge().register(entry_of(small, instance="bbbbbbbb"), None)
    assert not await old.withdraw(entry_of(small), known, delete=False)
    assert fake.entry(NAME)["enabled"]


async def test_an_entry_that_cannot_be_marked_stays_on(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    fake.lying = True
    with pytest.raises(GatewayError):
        await registrar.withdraw(entry_of(small), known, delete=False)
    assert fake.entry(NAME)["enabled"]


async def test_only_the_command_deletes(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    await forge().register(entry_of(small), None)
    with pytest.raises(GatewayError, match=r"gateways\.delete"):
        await forge(fake.grant()).withdraw(entry_of(small), None, delete=True)
    assert await forge().withdraw(entry_of(small), None, delete=True)
    assert (fake.entries, fake.tools) == ({}, {})
    assert not await forge().withdraw(entry_of(small), None, delete=True)
    assert await forge().copy(entry_of(small)) is None


# A gateway that takes its time


async def test_a_gateway_that_works_in_the_background_is_asked_again(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fake.looks = 1
    registrar, entry = forge(), entry_of(small)
    taken = await refusal(registrar, entry)
    assert (taken.kind, taken.status, taken.after) == ("pending", 202, 5.0)
    assert (await refusal(registrar, entry)).kind == "pending"
    known = await registrar.register(entry, None)
    assert (known.done, known.holes) == ("created", ())
    assert len(fake.asked("POST")) + len(fake.asked("PUT")) == 1
    assert (await registrar.register(entry, known)).done == "unchanged"
    small.tools.append(a_tool("sub"))
    entry = entry_of(small)
    assert (await refusal(registrar, entry, known)).kind == "pending"
    assert (await refusal(registrar, entry, known)).kind == "pending"
    assert (await registrar.register(entry, known)).done == "updated"
    assert len(fake.asked("PUT")) == 1


async def test_what_keeps_a_pending_entry_is_told(fake: FakeGateway, forge: Opener, small: SmallServer) -> None:
    fake.looks = 9
    small.token = SECRET
    registrar, entry = forge(), entry_of(small, token="another-0123456789")
    await refusal(registrar, entry)
    key = fake.entry(NAME)["id"]
    fake.entries[key]["lastError"] = f"Client error '401 Unauthorized' with Bearer {SECRET}\n{entry.token} {fake.token}"
    error = await refusal(registrar, entry)
    assert error.kind == "pending"
    assert "401" in str(error)
    assert not [secret for secret in (SECRET, entry.token, fake.token) if secret in str(error)]
    assert "\n" not in str(error)


# Refusals


@pytest.mark.parametrize(
    ("script", "kind", "part"),
    [
        (
            Script(502, {"message": "Failed to initialize gateway at http://x: nothing there"}),
            "unreachable",
            "SANCTUARY_ADVERTISE_URL",
        ),
        (Script(502, "<html>Bad Gateway</html>"), "unreachable", "HTTP 502"),
        (Script(500, {"message": "Unexpected error"}), "unreachable", "Unexpected error"),
        (Script(503, None, {"Retry-After": "7"}), "unreachable", "HTTP 503"),
        (Script(400, {"message": "Unable to process input"}), "rejected", "Unable to process input"),
        (Script(422, {"detail": "An error occurred, please try again."}), "unreachable", "EXPOSE_ERROR_DETAILS"),
        (Script(422, None), "unreachable", "SSRF_ALLOWED_NETWORKS"),
        (Script(422, {"detail": [{"msg": "tags are odd", "input": SECRET}]}), "rejected", "tags are odd"),
        (Script(413, {"detail": "too much"}), "rejected", "too much"),
        (Script(401, {"detail": "Invalid authentication credentials"}), "unauthorized", "API_TOKEN_FILE"),
        (Script(429, {}, {"Retry-After": "900"}), "busy", "900 s"),
        (Script(307, None, {"Location": "https://elsewhere/v1/gateways"}), "rejected", "https://elsewhere"),
        (Script(hang_up=True), "unreachable", "hung up"),
    ],
    ids=lambda value: f"{value.status or 'hang-up'}" if isinstance(value, Script) else "",
)
async def test_each_refusal_is_a_sentence_with_a_remedy(
    fake: FakeGateway, forge: Opener, small: SmallServer, script: Script, kind: str, part: str
) -> None:
    fake.answer_next(dataclasses.replace(script, method="POST"))
    error = await refusal(forge(), entry_of(small, token=SECRET))
    assert (error.kind, error.status) == (kind, script.status)
    assert part in str(error)
    assert "\n" not in str(error)
    assert SECRET not in str(error)
    assert fake.token not in str(error)


async def test_a_name_that_the_gateway_cannot_resolve_yet_is_tried_again(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fake.unknown_hosts = {"sanctuary_small"}
    fake.routes = {"http://sanctuary_small:8000": small.origin}
    entry = entry_of(small, base="http://sanctuary_small:8000")
    assert (await refusal(forge(), entry)).kind == "unreachable"
    fake.details = False
    assert (await refusal(forge(), entry)).kind == "unreachable"
    fake.unknown_hosts = set()
    assert (await forge().register(entry, None)).done == "created"


async def test_a_network_that_the_gateway_may_not_enter_is_told_with_its_setting(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fake.blocked_hosts = {"127.0.0.1"}
    error = await refusal(forge(), entry_of(small))
    assert error.kind == "rejected"
    assert "SSRF_ALLOWED_NETWORKS" in str(error)
    assert "SSRF_ALLOW_LOCALHOST" in str(error)


async def test_tools_whose_names_are_too_long_with_the_servers_are_named(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    small.tools.append(a_tool("x" * 120))
    error = await refusal(forge(), entry_of(small))
    assert error.kind == "rejected"
    assert "x" * 120 in str(error)
    assert "128" in str(error)


async def test_a_server_that_does_not_answer_is_not_registered(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    await small.stop()
    assert (await refusal(forge(), entry_of(small))).kind == "unreachable"
    assert fake.entries == {}


async def test_a_wrong_server_at_our_address_is_told_by_its_refusal(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    small.token = SECRET
    error = await refusal(forge(), entry_of(small, token="another-0123456789"))
    assert "does not accept the token" in str(error)


async def test_too_many_requests_are_obeyed_before_the_lock(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fake.budget = 0
    error = await refusal(forge(), entry_of(small))
    assert (error.kind, error.after, len(fake.requests)) == ("busy", 60.0, 1)
    for _ in range(5):
        error = await refusal(forge(), entry_of(small))
    assert error.after == 900.0


async def test_an_answer_that_was_lost_makes_no_second_entry(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fake.answer_next(Script(act=True, hang_up=True, method="POST"))
    registrar = forge()
    assert (await refusal(registrar, entry_of(small))).kind == "unreachable"
    assert (await registrar.register(entry_of(small), None)).done == "adopted"
    assert len(fake.entries) == 1


# Replies that mean harm


@pytest.mark.parametrize("key", ["../../x", "a/b", "", "%2e%2e", "x" * 200, "a?b", 7, None, {"a": 1}], ids=str)
async def test_an_id_that_is_no_id_is_put_into_no_address(
    fake: FakeGateway, forge: Opener, small: SmallServer, key: Any
) -> None:
    entry = entry_of(small)
    record = {"id": key, "name": NAME, "url": entry.endpoint, "tags": list(entry.tags), "enabled": True}
    fake.answer_next(Script(200, [record], method="GET"))
    assert (await refusal(forge(), entry)).kind == "rejected"
    assert methods(fake) == ["GET"]
    fake.answer_next(Script(200, [record], method="GET"))
    with pytest.raises(GatewayError):
        await forge().withdraw(entry, None, delete=True)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        nested(900),
        '{"gateways": ' + nested(900) + "}",
        "[" + "9" * 5_000 + "]",
        '"text"',
        "null",
        "7",
    ],
    ids=["bytes", "open", "deep", "deeper", "number", "text", "null", "seven"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_reply_that_makes_no_sense_fails_only_the_attempt(
    fake: FakeGateway, forge: Opener, small: SmallServer, body: Any, method: str
) -> None:
    fake.answer_next(
        Script(200, body, method=method), *([Script(404, path="/gateways", method="GET")] if method == "GET" else [])
    )
    registrar = forge()
    said = await outcome(registrar.register(entry_of(small), None))
    assert "\n" not in said
    assert len(said) < 1_000
    assert not (await registrar.register(entry_of(small), None)).holes


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, [None], {"a": {"b": 1}}, True], ids=str)
async def test_fields_of_wrong_types_break_nothing(
    fake: FakeGateway, forge: Opener, small: SmallServer, value: Any
) -> None:
    registrar = forge()
    known = await registrar.register(entry_of(small), None)
    for field in (
        "name",
        "slug",
        "url",
        "transport",
        "tags",
        "toolCount",
        "lastSeen",
        "status",
        "authType",
        "lastError",
    ):
        record = json.loads(json.dumps(fake.entry(NAME))) | {field: value}
        fake.answer_next(Script(200, record, path=known.id, method="GET"))
        assert len(await outcome(registrar.register(entry_of(small), known))) < 1_000
    assert (await registrar.register(entry_of(small), known)).id == known.id


async def test_strange_entries_of_others_stand_in_nobodys_way(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    strange = [
        None,
        7,
        [],
        {},
        {"name": 3, "url": 4},
        {"name": "\x1b[31m", "url": "http://[::1"},
        {"name": "x" * 10_000, "url": "://"},
    ]
    fake.answer_next(Script(200, strange, method="GET"))
    assert (await forge().register(entry_of(small), None)).done == "created"


async def test_names_of_others_are_shown_on_one_short_line(
    fake: FakeGateway, forge: Opener, small: SmallServer
) -> None:
    fake.put_in("Sanctuary\n\x1bSmall" + " " * 5_000, "http://theirs:1/mcp")
    text = str(await refusal(forge(), entry_of(small)))
    assert text.isprintable()
    assert len(text) < 600
