"""Whoever looks for a server finds its card, its catalog and its server.json, and learns no more from them."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.client.sse import sse_client

from sanctuary_host import tool
from sanctuary_host.calls import Calls
from sanctuary_host.gateway.card import Public
from sanctuary_host.plugins import Cluster
from sanctuary_host.testing import serving as served_by_a_process
from sanctuary_host.tools import describe
from sanctuary_host.transport.web import serving

SCHEMAS = Path(__file__).parent / "schemas"
WELL_KNOWN = "/.well-known/mcp/server-card.json"
RESERVED = "/mcp/server-card"
CATALOG = "/.well-known/ai-catalog.json"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Content-Type, If-None-Match",
    "Access-Control-Expose-Headers": "ETag",
}


def faults(document: Any, schema: str) -> list[str]:
    validator = Draft202012Validator(json.loads((SCHEMAS / f"{schema}.json").read_text()))
    return [error.message for error in validator.iter_errors(document)]


@tool(read_only=True)
async def open_the_safe() -> str:
    """Say the number of the safe."""
    return "1234"


@pytest.fixture
async def site() -> AsyncIterator[Callable[..., Any]]:
    """Serves a cluster: `base, client = await site(token=...)`."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> tuple[str, aiohttp.ClientSession]:
            cluster = Cluster("vault", tools={"open_the_safe": describe(open_the_safe)})
            sock = socket.create_server(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            client = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)))
            await stack.enter_async_context(serving(Calls(cluster), sock=sock, **options))
            return f"http://127.0.0.1:{port}", client

        yield start


@pytest.mark.parametrize("token", [None, "correct-horse"])
@pytest.mark.parametrize("path", [WELL_KNOWN, RESERVED])
async def test_the_card_is_what_the_schema_demands_and_says_how_to_connect(site, path, token):
    base, client = await site(token=token)
    async with client.get(base + path, headers={"Accept": "application/mcp-server-card+json"}) as response:
        card = await response.json(content_type="application/mcp-server-card+json")
        text = await response.text()
    assert response.status == 200
    assert faults(card, "server-card") == []
    assert card["name"] == "localhost/sanctuary_vault"
    assert [(remote["type"], remote["url"]) for remote in card["remotes"]] == [
        ("streamable-http", f"{base}/mcp"),
        ("sse", f"{base}/sse"),
    ]
    for remote in card["remotes"]:
        headers = remote.get("headers", [])
        assert [header["name"] for header in headers] == (["Authorization"] if token else [])
    assert "safe" not in text
    assert "correct-horse" not in text


async def test_the_card_contradicts_nothing_that_a_connected_client_sees(site):
    base, client = await site()
    async with client.get(base + RESERVED) as response:
        card = await response.json(content_type=None)
    by_type = {remote["type"]: remote for remote in card["remotes"]}
    async with Client(sse_client(by_type["sse"]["url"]), mode="legacy") as connected:
        assert connected.protocol_version in by_type["sse"]["supportedProtocolVersions"]
    for mode in ("legacy", "2026-07-28"):
        async with Client(by_type["streamable-http"]["url"], mode=mode) as connected:
            assert connected.protocol_version in by_type["streamable-http"]["supportedProtocolVersions"]
    for version in by_type["sse"]["supportedProtocolVersions"]:
        info = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": info}
        headers = {"Accept": "application/json, text/event-stream"}
        async with client.post(by_type["streamable-http"]["url"], json=message, headers=headers) as response:
            result = (await response.json())["result"]
        assert result["protocolVersion"] == version
        assert result["serverInfo"]["version"] == card["version"]
        assert card["name"].endswith("/" + result["serverInfo"]["name"])


@pytest.mark.parametrize("path", [WELL_KNOWN, RESERVED, CATALOG])
async def test_pages_may_read_it_and_caches_may_keep_it(site, path):
    base, client = await site(token="correct-horse")
    async with client.get(base + path, headers={"Origin": "https://catalog.example"}) as response:
        tag, length = response.headers["ETag"], response.headers["Content-Length"]
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        assert CORS.items() <= dict(response.headers).items()
    async with client.head(base + path) as response:
        assert (response.status, response.headers["ETag"], await response.read()) == (200, tag, b"")
        assert response.headers["Content-Length"] == length
    async with client.options(base + path, headers={"Origin": "https://catalog.example"}) as response:
        assert response.status == 204
        assert CORS.items() <= dict(response.headers).items()
    for known, status in ((tag, 304), (f'"other", W/{tag}', 304), ("*", 304), ('"other"', 200), ("nonsense", 200)):
        async with client.get(base + path, headers={"If-None-Match": known}) as response:
            assert (response.status, response.headers["ETag"]) == (status, tag), known
            assert CORS.items() <= dict(response.headers).items()
            assert bool(await response.read()) == (status == 200)


@pytest.mark.parametrize("path", [WELL_KNOWN, RESERVED, CATALOG])
async def test_it_is_only_read_and_only_under_a_name_of_the_servers_own(site, path):
    base, client = await site()
    for method in ("POST", "PUT", "DELETE"):
        async with client.request(method, base + path, data=b"{}") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    for method in ("GET", "OPTIONS"):
        async with client.request(method, base + path, headers={"Host": "evil.example"}) as response:
            assert response.status == 421
            assert "evil" not in await response.text()
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_the_catalog_leads_to_the_card(site):
    base, client = await site()
    async with client.get(base + CATALOG) as response:
        catalog = await response.json(content_type="application/ai-catalog+json")
    assert catalog["specVersion"] == "1.0"
    (entry,) = catalog["entries"]
    assert entry == {
        "identifier": "urn:air:localhost:mcp:sanctuary_vault",
        "type": "application/mcp-server-card+json",
        "url": f"{base}/mcp/server-card",
    }
    async with client.get(entry["url"], headers={"Accept": entry["type"]}) as response:
        assert (response.status, response.content_type) == (200, entry["type"])


async def test_readers_see_the_address_they_called_unless_an_https_one_is_advertised(site):
    base, client = await site(advertised="http://sanctuary_vault:8000", allowed_hosts=["sanctuary_vault"])
    async with client.get(base + RESERVED) as response:
        assert (await response.json(content_type=None))["remotes"][0]["url"] == f"{base}/mcp"
        assert "sanctuary_vault:8000" not in await response.text()
    async with client.get(base + RESERVED, headers={"Host": "sanctuary-vault:8000"}) as response:
        card = await response.json(content_type=None)
        assert card["remotes"][0]["url"] == "http://sanctuary-vault:8000/mcp"
        assert faults(card, "server-card") == []
    base, client = await site(advertised="https://tools.example.com/vault/", publish_as="io.github.acme/vault")
    async with client.get(base + WELL_KNOWN) as response:
        card = await response.json(content_type=None)
    assert (card["name"], card["remotes"][0]["url"]) == ("io.github.acme/vault", "https://tools.example.com/vault/mcp")


@pytest.mark.parametrize(
    ("base", "cluster", "name"),
    [
        ("https://tools.example.com", "utils", "com.example.tools/sanctuary_utils"),
        ("https://tools.example.com.:8443/x", "utils", "com.example.tools/sanctuary_utils"),
        ("https://my_tools.example.com", "utils", "com.example.my-tools/sanctuary_utils"),
        ("http://sanctuary_utils:8000", "utils", "localhost/sanctuary_utils"),
        ("http://192.0.2.7:8000", "utils", "localhost/sanctuary_utils"),
        ("http://[::1]:8000", "utils", "localhost/sanctuary_utils"),
        ("http://a..b", "utils", "localhost/sanctuary_utils"),
        ("https://bücher.example", "größe", "example.b-cher/sanctuary_gr--e"),
        ("https://" + "a." * 120 + "example", "x" * 300, "localhost/sanctuary_" + "x" * 80),
        ("https://" + "a." * 46 + "example", "x" * 300, "example" + ".a" * 46 + "/sanctuary_" + "x" * 80),
    ],
)
@pytest.mark.parametrize("token", [False, True])
def test_every_address_gives_documents_that_the_schemas_take(base: str, cluster: str, name: str, token: bool) -> None:
    public = Public(cluster, "1.2.3", base, token)
    assert public.name == name
    assert faults(public.card(), "server-card") == []
    assert faults(public.server_json(), "server") == []


@pytest.mark.parametrize("schema", ["server", "server-card"])
def test_the_schemas_refuse_what_the_published_ones_refuse(schema: str) -> None:
    public = Public("utils", "1.2.3", "https://tools.example.com", token=True)
    good = public.server_json() if schema == "server" else public.card()
    remote = good["remotes"][0]
    for wrong in (
        {"name": "no-slash"},
        {"name": "two/slash/es"},
        {"name": "under_score/utils"},
        {"name": "x/" + "y" * 199},
        {"description": ""},
        {"description": "x" * 101},
        {"title": ""},
        {"version": "^1.2.3"},
        {"version": "1.x"},
        {"$schema": "https://static.modelcontextprotocol.io/schemas/2025-01-01/x.schema.json"},
        {"remotes": [{**remote, "type": "stdio"}]},
        {"remotes": [{**remote, "url": "ftp://tools.example.com"}]},
        {"remotes": [{**remote, "url": "https://tools.example.com/a b"}]},
        {"remotes": [{"type": remote["type"]}]},
        {"remotes": [{**remote, "headers": [{"value": "x"}]}]},
    ):
        assert faults({**good, **wrong}, schema), wrong
    for member in ("name", "description", "version"):
        assert faults({key: value for key, value in good.items() if key != member}, schema)


async def test_the_command_prints_what_the_registry_takes(run: Callable[..., Any]) -> None:
    told = {
        "SANCTUARY_ADVERTISE_URL": "https://tools.example.com",
        "SANCTUARY_PUBLISH_AS": "io.github.acme/utils",
        "SANCTUARY_TOKEN": "correct-horse",
    }
    for form, schema in (("server.json", "server"), ("server-card", "server-card")):
        ran = await run("manifest", "--format", form, CLUSTER="utils", **told)
        assert (ran.status, ran.err) == (0, "")
        assert faults(ran.json, schema) == []
        assert ran.json["name"] == "io.github.acme/utils"
        assert ran.json["remotes"][0]["headers"][0]["name"] == "Authorization"
        assert "correct-horse" not in ran.out
        assert "packages" not in ran.json


async def test_the_command_says_what_stands_in_the_way_of_publishing(run: Callable[..., Any]) -> None:
    ran = await run("manifest", CLUSTER="utils", PORT="8100")
    assert (ran.status, ran.json["remotes"][0]["url"]) == (0, "http://127.0.0.1:8100/mcp")
    assert "SANCTUARY_ADVERTISE_URL" in ran.err
    assert "SANCTUARY_PUBLISH_AS" in ran.err
    nowhere = await run("manifest", CLUSTER="utils")
    assert (nowhere.status, "set SANCTUARY_ADVERTISE_URL" in nowhere.err) == (2, True)
    wrong = await run("manifest", CLUSTER="utils", PORT="8100", SANCTUARY_PUBLISH_AS="utils")
    assert (wrong.status, "SANCTUARY_PUBLISH_AS must be a domain of yours" in wrong.err) == (2, True)


async def test_a_running_server_shows_its_card_without_a_token() -> None:
    settings = {"SANCTUARY_TOKEN": "correct-horse", "SANCTUARY_PUBLISH_AS": "io.github.acme/utils"}
    async with (
        served_by_a_process("utils", **settings) as served,
        aiohttp.ClientSession() as client,
        client.get(served.origin + RESERVED) as response,
    ):
        card = await response.json(content_type=None)
    assert (response.status, faults(card, "server-card")) == (200, [])
    assert (card["name"], card["remotes"][0]["url"]) == ("io.github.acme/utils", f"{served.origin}/mcp")
