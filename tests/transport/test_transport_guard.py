"""Who is let in over HTTP, and what is said to everybody else."""

from __future__ import annotations

import asyncio
import gzip
import io
import json

import pytest

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


async def refused(response, status):
    """The refusal's sentence, after a look at its form."""
    assert response.status == status, await response.text()
    body = json.loads(await response.read())
    assert body["jsonrpc"] == "2.0"
    assert body["id"] is None
    assert isinstance(body["error"]["code"], int)
    assert len(body["error"]["message"].split()) > 3
    return body["error"]["message"]


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages", "/health", "/ready", "/metrics"])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "localhost.evil.example", "localhost@evil", "[::1", "a:b", "", "127.0.0.2"],
)
async def test_a_foreign_host_name_is_refused_everywhere(world, path, host):
    here = await world()
    response = await here.client.get(here.url + path, headers={"Host": host})
    await refused(response, 421)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:9", "sanctuary_utils:8000", "sanctuary-utils"]
)
async def test_a_name_of_our_own_is_accepted_with_any_port(world, host):
    here = await world(allowed_hosts=["sanctuary_utils"])
    response = await here.client.get(here.url + "/health", headers={"Host": host})
    assert response.status == 200


async def test_the_address_that_was_connected_to_is_a_name_of_our_own(world):
    here = await world()
    response = await here.client.get(f"http://127.0.0.1:{here.port}/health", headers={"Host": f"127.0.0.1:{here.port}"})
    assert response.status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "file://localhost", "http://localhost@evil.example"]
)
async def test_pages_of_a_foreign_origin_are_refused(world, origin):
    here = await world()
    await refused(await here.post(INITIALIZE, {"Origin": origin}), 403)
    assert here.kernel.sessions == set()


async def test_pages_of_our_own_origin_are_accepted(world):
    here = await world()
    assert (await here.post(INITIALIZE, {"Origin": "http://localhost:6274"})).status == 200


@pytest.mark.parametrize("accept", ["text/html", "text/event-stream", "application/json;q=0, text/event-stream"])
async def test_a_client_that_does_not_take_json_is_refused(world, accept):
    here = await world()
    await refused(await here.post(INITIALIZE, {"Accept": accept}), 406)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*", "Application/JSON; q=0.5"])
async def test_a_client_that_takes_json_is_served(world, accept):
    here = await world()
    assert (await here.post(INITIALIZE, {"Accept": accept})).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_body_of_another_type_is_refused(world, kind):
    here = await world()
    assert "application/json" in await refused(await here.post(INITIALIZE, {"Content-Type": kind}), 415)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000 + b"]" * 100_000,
        b"[]",
        json.dumps([INITIALIZE]).encode(),
        b"7",
        b"null",
        b"{}",
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":[1],"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":7}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}',
    ],
)
@pytest.mark.parametrize("version", [None, "2026-07-28"])
async def test_what_is_no_message_is_refused_and_leaves_nothing(world, body, version):
    here = await world()
    tasks = len(asyncio.all_tasks())
    await refused(await here.post(body, {"MCP-Protocol-Version": version} if version else {}), 400)
    assert len(here.endpoints.streamable.table) == 0
    assert here.kernel.sessions == set()
    assert here.kernel.running == set()
    assert len(asyncio.all_tasks()) <= tasks + 1  # aiohttp's own, for the connection


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_message_above_the_limit_is_refused(world, chunked):
    here = await world()
    body = b" " * (5 * 1024 * 1024)

    async def pieces():
        yield body

    response = await here.client.post(
        here.url + "/mcp",
        data=pieces() if chunked else io.BytesIO(body),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )
    assert "bytes" in await refused(response, 413)


async def test_a_small_body_that_unpacks_to_a_large_one_is_refused(world):
    here = await world()
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    response = await here.post(bomb, {"Content-Encoding": "gzip"})
    assert response.status in {400, 413}


async def test_a_message_just_below_the_limit_is_served(world):
    here = await world()
    session = await here.open()
    text = "x" * (4 * 1024 * 1024 - 1000)
    assert (await here.call(session, "echo", message=text))["result"]["content"][0]["text"] == text


@pytest.mark.parametrize(
    ("given", "scheme_ok"),
    [
        (None, False),
        ("Bearer wrong", False),
        ("Bearer", False),
        ("Basic c2VjcmV0", False),
        ("secret", False),
        ("bearer secret", True),
    ],
)
@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages"])
async def test_a_token_is_asked_for_where_one_is_set(world, path, given, scheme_ok):
    here = await world(token="secret")
    headers = {"Authorization": given} if given else {}
    response = await here.client.delete(here.url + path, headers=headers)
    if scheme_ok:
        assert response.status in {400, 405}
        return
    sentence = await refused(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert "wrong" not in sentence


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_the_state_is_shown_without_a_token(world, path):
    here = await world(token="secret")
    assert (await here.client.get(here.url + path)).status == 200


@pytest.mark.parametrize(
    "header", ["Host: 127.0.0.1", "Authorization: Bearer b", "Mcp-Session-Id: b", "Origin: http://localhost"]
)
async def test_a_header_that_comes_twice_is_refused(world, header):
    here = await world()
    first = [] if header.startswith("Host") else [header]
    async with here.raw("GET /mcp HTTP/1.1", "Host: 127.0.0.1", *first, header) as (reader, _):
        assert b" 400 " in await reader.readline()


async def test_a_body_that_never_comes_is_not_waited_for(world, short):
    here = await world(limits=short)
    head = ["POST /mcp HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 10"]
    async with here.raw(*head, body="{") as (reader, _):
        assert b" 408 " in await reader.readline()


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/mcp"), ("PATCH", "/mcp"), ("POST", "/sse"), ("GET", "/messages"), ("POST", "/health")],
)
async def test_a_method_that_is_not_served_is_named_with_those_that_are(world, method, path):
    here = await world()
    response = await here.client.request(method, here.url + path)
    await refused(response, 405)
    assert response.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/secret-name", "/favicon.ico", "/.well-known/oauth-protected-resource", "/mcp/x", "/..%2fetc/passwd"]
)
async def test_other_paths_lead_nowhere(world, path):
    here = await world()
    assert path not in await refused(await here.client.get(here.url + path), 404)
