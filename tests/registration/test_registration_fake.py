"""The fake gateway: what it shows of a server is what MCP shows, by either transport."""

from __future__ import annotations

import aiohttp
import pytest
from fake_gateway import FakeGateway

from sanctuary_host.testing import connected, serving


@pytest.mark.parametrize(("transport", "path"), [("STREAMABLEHTTP", "/mcp"), ("SSE", "/sse")])
async def test_the_fake_copies_a_real_servers_tools(fake: FakeGateway, transport: str, path: str) -> None:
    async with serving("utils") as served, connected("utils") as client, aiohttp.ClientSession() as session:
        body = {"name": "sanctuary_utils", "url": served.origin + path, "transport": transport}
        head = {"Authorization": f"Bearer {fake.token}"}
        async with session.post(f"{fake.url}/v1/gateways", json=body, headers=head) as response:
            assert response.status == 200, await response.text()
        listed = (await client.list_tools()).tools
    copied = fake.tools_of("sanctuary_utils")
    assert {tool.name: tool.input_schema for tool in listed} == {n: t["inputSchema"] for n, t in copied.items()}
    assert fake.entry("sanctuary_utils")["url"] == f"http://localhost:{served.port}{path}"
