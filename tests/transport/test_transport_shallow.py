"""What a server leaves out of other people's packages is there as soon as somebody asks for it."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

PACKAGES = ("mcp", "mcp.server", "aiohttp")
NAMES = """
import importlib, json, sys
if sys.argv[1] == "a server":
    import sanctuary_host.app
found = {}
for package in sys.argv[2:]:
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        found[f"{package}.{name}"] = [getattr(value, "__module__", ""), getattr(value, "__qualname__", type(value).__name__)]
    found[package] = sorted({*vars(module)} - {"__getattr__"} - {name for name in vars(module) if name.startswith("web")})
print(json.dumps(found))
"""


async def python(code: str, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", code, *words, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_a_server_loads_no_client_no_second_server_and_no_certificates() -> None:
    parts = ("mcp.client", "mcp.server.mcpserver", "aiohttp.client", "aiohttp.connector", "uvicorn")
    code = "import sys, sanctuary_host.app; print([part for part in sys.argv[1:] if part in sys.modules])"
    assert (await python(code, *parts)).strip() == "[]"


async def test_in_a_server_each_package_has_the_names_that_it_has_elsewhere() -> None:
    here, elsewhere = [json.loads(await python(NAMES, place, *PACKAGES)) for place in ("a server", "elsewhere")]
    assert here == elsewhere
    assert len(here) > 100


@pytest.mark.parametrize(
    "code",
    [
        "import mcp; assert mcp.Client.__module__ == 'mcp.client.client'",
        "from mcp import Client, types; from mcp.client.stdio import stdio_client",
        "from mcp.server import MCPServer, Server; assert Server is kernel.Server",
        "from mcp.server.lowlevel import Server; assert Server is kernel.Server",
        "from mcp import *; assert ClientSession",
        "import aiohttp; assert aiohttp.web is web.web and aiohttp.ClientSession",
        "import aiohttp.hdrs, aiohttp.client; assert issubclass(aiohttp.ClientError, Exception)",
        "import uvicorn; assert uvicorn.Server",
        "from mcp_types import Tool; assert Tool(name='x', input_schema={'type': 'object'}).name == 'x'",
        "from pydantic import BaseModel; assert not BaseModel.model_config",
        "import mcp; from concurrent.futures import ThreadPoolExecutor as Threads\nwith Threads(8) as threads:\n    assert set(threads.map(lambda _: mcp.Client, range(8))) == {mcp.Client}",
        "import mcp\ntry:\n    mcp.nothing\nexcept AttributeError as error:\n    assert 'nothing' in str(error)",
    ],
)
async def test_what_a_server_left_out_can_be_used_beside_it(code: str) -> None:
    await python(f"from sanctuary_host.transport import kernel, web\n{code}")
