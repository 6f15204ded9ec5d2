"""`sanctuary-host register`, `drift` and `deregister` as people run them: a served cluster, and a gateway that answers."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from fake_gateway import FakeGateway, Script

from sanctuary_host.testing import Served, serving

TOKEN = "inbound-4711-secret"  # of this test
NAME = "sanctuary_utils"
MARKS = ("fleet:sanctuary", "cluster:utils")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served() -> AsyncIterator[Served]:
    """The cluster utils, which asks for a token; no test changes it."""
    async with serving("utils", SANCTUARY_TOKEN=TOKEN) as server:
        yield server


@pytest.fixture
def ask(run: Callable[..., Any], fake: FakeGateway) -> Callable[..., Any]:
    """Run a command of a person who knows the gateway and both tokens, and check that neither token is shown."""

    async def command(*words: str, **environment: str) -> Any:
        known = {"CLUSTER": "utils", "GATEWAY_URL": fake.url, "API_TOKEN": fake.token, "SANCTUARY_TOKEN": TOKEN}
        ran = await run(*words, **{**known, **environment})
        assert "Traceback" not in ran.err
        assert not any(secret in ran.out + ran.err for secret in (TOKEN, environment.get("API_TOKEN") or fake.token))
        return ran

    return command


def writes(fake: FakeGateway) -> list[str]:
    return [str(seen) for seen in fake.requests if seen.method != "GET"]


# register


async def test_a_running_server_is_registered_and_then_only_brought_up_to_date(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    first = await ask("register", PORT=str(served.port))
    key = fake.entry(NAME)["id"]
    again = await ask("register", "--json", PORT=str(served.port))

    assert (first.status, again.status) == (0, 0), first.err + again.err
    assert f"created: {NAME}" in first.out
    assert (again.json["id"], again.json["took_over"]) == (key, None)
    assert fake.secrets[key] == {"Authorization": f"Bearer {TOKEN}"}
    assert len(fake.tools_of(NAME)) == again.json["tools"]


async def test_what_does_not_run_is_not_registered(ask: Callable[..., Any], fake: FakeGateway) -> None:
    ran = await ask("register", PORT="1")

    assert (ran.status, fake.requests) == (1, [])
    assert "no server answers at http://127.0.0.1:1/health" in ran.err
    assert "start it first" in ran.err


async def test_another_server_at_the_advertised_url_is_told_from_ours(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    other = await ask("register", SANCTUARY_ADVERTISE_URL=fake.url)
    token = await ask("register", PORT=str(served.port), SANCTUARY_TOKEN="wrong")  # of this test

    assert (other.status, token.status, writes(fake)) == (1, 1, [])
    assert "no sanctuary-host" in other.err
    assert "SANCTUARY_TOKEN" in token.err


async def test_an_entry_of_others_is_taken_over_only_when_asked_for(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    entry = dict(fake.put_in("Sanctuary Utils", "http://elsewhere:8000/mcp", "team:ops"))
    refused = await ask("register", PORT=str(served.port))
    kept = dict(fake.entries[entry["id"]])
    adopted = await ask("register", "--adopt", PORT=str(served.port))

    assert (refused.status, kept) == (1, entry)
    assert "adopt" in refused.err
    assert adopted.status == 0, adopted.err
    assert "Took over the entry 'Sanctuary Utils' that somebody else made for http://elsewhere:8000/mcp" in adopted.out
    assert list(fake.entries) == [entry["id"]]
    assert fake.entries[entry["id"]]["url"] == f"http://localhost:{served.port}/mcp"


async def test_a_gateway_that_registers_in_the_background_is_waited_for(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    fake.looks = 0
    running = asyncio.create_task(ask("register", PORT=str(served.port)))
    await fake.until(lambda: bool(fake.entries))
    [key] = fake.entries
    headers = {"Authorization": f"Bearer {fake.token}"}
    # The gateway's own work, which a look sets off.
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{fake.url}/v1/gateways/{key}"):
        pass
    ran = await running

    assert ran.status == 0, ran.err
    assert (fake.entry(NAME)["status"], len(fake.entries)) == ("active", 1)


@pytest.mark.parametrize("words", [("register",), ("drift",), ("deregister",), ("register", "--check")])
async def test_a_gateway_that_fails_is_one_sentence(
    ask: Callable[..., Any], fake: FakeGateway, served: Served, words: tuple[str, ...]
) -> None:
    fake.answer_next(*[Script(500, {"detail": f"\x1b[31mno database; token {fake.token}"})] * 9)
    ran = await ask(*words, PORT=str(served.port))

    assert ran.status == (2 if words == ("drift",) else 1)
    assert ran.err.count("\n") == 1
    assert "HTTP 500" in ran.err
    assert "\x1b" not in ran.err + ran.out


# register --check


async def test_a_dry_run_shows_the_request_and_sends_nothing(ask: Callable[..., Any], fake: FakeGateway) -> None:
    ran = await ask("register", "--check", "--json", PORT="1")

    assert ran.status == 0, ran.out
    plan = ran.json["plan"]
    assert (plan["method"], plan["url"]) == ("POST", f"{fake.url}/v1/gateways")
    assert (plan["body"]["name"], plan["body"]["url"]) == (NAME, "http://127.0.0.1:1/mcp")
    assert any("would be made" in note for note in ran.json["notes"])
    assert any("SSRF_ALLOW_LOCALHOST=true" in hint for hint in ran.json["hints"])
    assert writes(fake) == []


async def test_a_dry_run_does_not_promise_that_an_unknown_address_takes_the_manifest(
    ask: Callable[..., Any], fake: FakeGateway
) -> None:
    ran = await ask("register", "--check", "--json", PORT="1", GATEWAY_URL=f"{fake.url}/wrong/path")

    assert ran.json["plan"]["url"] == f"{fake.url}/wrong/path/api/servers/register"
    assert any("look whether GATEWAY_URL is right" in note for note in ran.json["notes"])
    assert writes(fake) == []


async def test_a_dry_run_says_that_the_gateway_does_not_answer(ask: Callable[..., Any], fake: FakeGateway) -> None:
    await fake.stop()
    ran = await ask("register", "--check", PORT="1")

    assert ran.status == 1
    assert f"POST {fake.url}/v1/gateways" in ran.out
    assert "does not answer" in ran.err


@pytest.mark.parametrize(
    ("name", "url", "tags", "status", "text"),
    [
        (NAME, "http://127.0.0.1:1/mcp", MARKS, 0, "our entry"),
        (NAME, "http://127.0.0.1:1/mcp", MARKS[:1], 1, "was made by somebody else"),
        ("other", "http://localhost:1/mcp", (), 1, "has our URL under the name 'other'"),
        ("other", "http://127.0.0.1:2/mcp", (), 0, "no entry sanctuary_utils"),
    ],
)
async def test_a_dry_run_says_what_is_there(
    ask: Callable[..., Any], fake: FakeGateway, name: str, url: str, tags: tuple[str, ...], status: int, text: str
) -> None:
    fake.put_in(name, url, *tags)
    ran = await ask("register", "--check", "--json", PORT="1")

    assert (ran.status, ran.json["ok"]) == (status, status == 0)
    assert any(text in sentence for sentence in [*ran.json["faults"], *ran.json["notes"]])


async def test_a_dry_run_with_adoption_is_not_stopped_by_an_entry_of_others(
    ask: Callable[..., Any], fake: FakeGateway
) -> None:
    fake.put_in(NAME, "http://elsewhere/mcp")
    ran = await ask("register", "--check", "--adopt", PORT="1")

    assert ran.status == 0, ran.err
    assert "it would be taken over" in ran.out


async def test_a_dry_run_reads_what_a_token_says_of_itself(ask: Callable[..., Any], fake: FakeGateway) -> None:
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"exp": 1_000_000_000}, 1, "has expired"),
        ({"exp": time.time() + 7_200}, 0, "expires in"),
        ({"scopes": {"permissions": ["gateways.read"]}}, 1, "lacks gateways.create, gateways.update"),
        ({"scopes": {"permissions": ["gateways.create", "gateways.read", "gateways.update"]}}, 0, "lacks tools.read"),
        ({"scopes": "none", "exp": "soon"}, 0, "would be made"),
    ]
    tokens = [f"eyJh.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()}.c2ln" for claims, _, _ in cases]
    fake.tokens.update(dict.fromkeys(tokens, fake.tokens[fake.token]))
    runs = await asyncio.gather(*(ask("register", "--check", PORT="1", API_TOKEN=token) for token in tokens))

    for ran, (_, status, text) in zip(runs, cases, strict=True):
        assert ran.status == status, ran.err
        assert text in ran.out + ran.err


async def test_a_name_that_is_too_long_behind_the_servers_is_found_before_the_gateway_refuses_all(
    ask: Callable[..., Any], distribution: Callable[..., Any]
) -> None:
    name = "long_" + "x" * 59
    source = f'''
    from sanctuary_host import hookimpl, tool

    @tool(read_only=True)
    def {name}() -> str:
        """Do nothing."""
        return ""

    @hookimpl
    def register_tools():
        return [{name}]
    '''
    site = distribution("acme", "acme", {"tools": source})
    settings = {"CLUSTER": "acme", "PYTHONPATH": str(site), "PORT": "1"}
    well = await ask("register", "--check", **settings)
    over = await ask("register", "--check", **settings, SANCTUARY_REGISTER_AS="s" * 64)

    assert (well.status, over.status) == (0, 1), well.err
    assert "129 characters behind" in over.err


# drift


async def test_equal_copies_are_told_with_status_0(ask: Callable[..., Any], fake: FakeGateway, served: Served) -> None:
    port = str(served.port)
    await ask("register", PORT=port)
    running = await ask("drift", PORT=port)
    installed = await ask("drift", "--installed", "--json", PORT=port)

    assert (running.status, installed.status) == (0, 0), running.out
    assert "Compared the running tools" in running.out
    assert "Equal: 8 tools" in running.out
    assert (installed.json["equal"], installed.json["compared"]) == (True, "installed")
    assert [str(seen) for seen in fake.requests[-2:] if seen.method != "GET"] == []


async def test_each_kind_of_drift_is_found_at_its_place(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    await ask("register", PORT=str(served.port))
    tools = fake.tools_of(NAME)
    tools["calculate"]["annotations"]["readOnlyHint"] = False
    tools["math_symbolic"]["inputSchema"]["properties"]["expression"]["type"] = "number"
    text = tools["text_analyze"]["description"]
    tools["text_analyze"] |= {"description": f"{text} \x1b[2J", "originalDescription": f"{text} \x1b[2J"}
    fake.tools["ghost"] = {**tools["calculate"], "id": "ghost", "originalName": "ghost", "customName": "ghost"}
    del fake.tools[tools["time_now"]["id"]]

    ran = await ask("drift", PORT=str(served.port))
    listed = await ask("drift", "--json", PORT=str(served.port))

    assert (ran.status, listed.status) == (1, 1)
    assert {(one["tool"], one["what"]) for one in listed.json["differences"]} == {
        ("calculate", "annotations"),
        ("math_symbolic", "input schema"),
        ("text_analyze", "description"),
        ("time_now", "missing"),
        ("ghost", "extra"),
    }
    assert "annotations.readOnlyHint" in ran.out
    assert '-  "readOnlyHint": true' in ran.out
    assert "input schema.properties.expression.type" in ran.out
    assert "\\x1b[2J" in ran.out
    assert "\x1b" not in ran.out
    assert "`sanctuary-host register` brings" in ran.out


async def test_drift_is_gone_after_registering_again(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    await ask("register", PORT=str(served.port))
    tools = fake.tools_of(NAME)
    tools["calculate"]["annotations"]["readOnlyHint"] = False
    del fake.tools[tools["time_now"]["id"]]
    before = await ask("drift", PORT=str(served.port))
    await ask("register", PORT=str(served.port))
    after = await ask("drift", PORT=str(served.port))

    assert (before.status, after.status) == (1, 0), after.out


async def test_what_operators_did_is_told_and_not_promised_to_be_mended(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    await ask("register", PORT=str(served.port))
    tools = fake.tools_of(NAME)
    tools["calculate"]["enabled"] = False
    tools["time_now"] |= {"description": "Ask me first.", "customName": "clock"}
    ran = await ask("drift", PORT=str(served.port))

    assert ran.status == 1
    assert "calculate was switched off at the gateway" in ran.out
    assert "time_now was renamed to 'clock' and given another description at the gateway" in ran.out
    assert "brings the gateway's copy up to date" not in ran.out


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"enabled": False}, "the entry is switched off"),
        ({"reachable": False, "lastError": "no route"}, "does not reach the server"),
    ],
)
async def test_an_entry_whose_tools_nobody_can_call_is_drift(
    ask: Callable[..., Any], fake: FakeGateway, served: Served, state: dict[str, Any], text: str
) -> None:
    await ask("register", PORT=str(served.port))
    fake.entry(NAME).update(state)
    ran = await ask("drift", PORT=str(served.port))

    assert (ran.status, text in ran.out) == (1, True)


async def test_a_server_that_was_never_registered_is_drift(ask: Callable[..., Any], fake: FakeGateway) -> None:
    none = await ask("drift", PORT="1")
    fake.put_in(NAME, "http://elsewhere/mcp")
    others = await ask("drift", PORT="1")

    assert (none.status, others.status) == (1, 1)
    assert "has no entry sanctuary_utils" in none.out
    assert "Compared the installed tools" in none.out
    assert "no server answers at http://127.0.0.1:1/health" in none.out
    assert "is not ours" in others.out


async def test_a_token_that_may_not_read_tools_is_named_with_the_permission(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    await ask("register", PORT=str(served.port))
    ran = await ask("drift", PORT=str(served.port), API_TOKEN=fake.grant())

    assert (ran.status, ran.out) == (2, "")
    assert "tools.read" in ran.err


async def test_a_gateway_that_keeps_no_copy_cannot_be_compared(ask: Callable[..., Any]) -> None:
    ran = await ask("drift", PORT="1", SANCTUARY_REGISTRAR="manifest")

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.count("\n") == 1


# deregister


async def test_deregistering_switches_our_entry_off_and_keeps_its_ids(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    await ask("register", PORT=str(served.port))
    ids = {tool["id"] for tool in fake.tools_of(NAME).values()}
    ran = await ask("deregister", PORT=str(served.port))

    assert ran.status == 0, ran.err
    assert f"Switched off: {NAME}" in ran.out
    assert "still runs" in ran.err
    assert (fake.entry(NAME)["enabled"], {tool["id"] for tool in fake.tools_of(NAME).values()}) == (False, ids)


async def test_deleting_says_first_what_is_lost(ask: Callable[..., Any], fake: FakeGateway, served: Served) -> None:
    await ask("register", PORT=str(served.port))
    ran = await ask("deregister", "--delete", PORT="1")

    assert ran.status == 0, ran.err
    assert "virtual servers that hold them lose those members" in ran.out
    assert "still runs" not in ran.err
    assert fake.entries == {}


async def test_deleting_without_the_permission_is_said_and_leaves_the_entry(
    ask: Callable[..., Any], fake: FakeGateway, served: Served
) -> None:
    await ask("register", PORT=str(served.port))
    ran = await ask("deregister", "--delete", PORT="1", API_TOKEN=fake.grant())

    assert (ran.status, len(fake.entries)) == (1, 1)
    assert "gateways.delete" in ran.err


@pytest.mark.parametrize("words", [(), ("--delete",)])
async def test_an_entry_that_is_not_ours_is_never_taken_away(
    ask: Callable[..., Any], fake: FakeGateway, words: tuple[str, ...]
) -> None:
    fake.put_in(NAME, "http://127.0.0.1:1/mcp", "fleet:sanctuary", "cluster:git")
    ran = await ask("deregister", *words, PORT="1")

    assert (ran.status, writes(fake), len(fake.entries)) == (1, [], 1)
    assert "is not ours, and was not touched" in ran.err


async def test_without_an_entry_there_is_nothing_to_take_away(ask: Callable[..., Any], fake: FakeGateway) -> None:
    ran = await ask("deregister", "--delete", PORT="1")
    told = await ask("deregister", "--json", PORT="1")

    assert (ran.status, told.status, writes(fake)) == (1, 1, [])
    assert "no entry sanctuary_utils" in ran.err
    assert told.json["done"] == "none"


# All three


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        ({"GATEWAY_URL": ""}, "GATEWAY_URL is not set"),
        ({"API_TOKEN": ""}, "API_TOKEN is not set"),
        ({"CLUSTER": ""}, "CLUSTER is not set"),
        ({"CLUSTER": "utilz"}, "utilz"),
        ({"GATEWAY_URL": "nonsense"}, "GATEWAY_URL"),
    ],
)
async def test_what_is_missing_is_named(ask: Callable[..., Any], missing: dict[str, str], text: str) -> None:
    ran = await asyncio.gather(*(ask(word, PORT="1", **missing) for word in ("register", "drift", "deregister")))

    assert all(one.status in {1, 2} for one in ran)
    assert all(text in one.err for one in ran if "no server answers" not in one.err)


async def test_a_cluster_without_a_port_of_its_own_asks_for_one(
    ask: Callable[..., Any], distribution: Callable[..., Any]
) -> None:
    source = '''
    from sanctuary_host import hookimpl, tool

    @tool(read_only=True)
    def nothing() -> str:
        """Do nothing."""
        return ""

    @hookimpl
    def register_tools():
        return [nothing]
    '''
    site = distribution("acme", "acme", {"tools": source})
    ran = await ask("register", "--check", CLUSTER="acme", PYTHONPATH=str(site))

    assert ran.status == 2
    assert "set PORT" in ran.err
