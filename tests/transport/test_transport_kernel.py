"""What we rely on in the SDK, and that what is cached equals what the SDK would say."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from pathlib import Path

import pytest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

import sanctuary_host.transport
from sanctuary_host.transport.dispatch import Dispatch
from sanctuary_host.transport.session import Nowhere

ROOM = Path(sanctuary_host.transport.__file__).parent
KERNEL_ONLY = (
    "mcp.server.runner",
    "mcp.server.connection",
    "mcp.server.lowlevel",
    "mcp.shared.inbound",
    "mcp.server.subscriptions",
)
SIGNATURES = {
    "mcp.server.connection:Connection.for_loop": {"outbound", "session_id"},
    "mcp.server.connection:Connection.from_envelope": {"protocol_version", "client_info", "client_capabilities"},
    "mcp.server.lowlevel:NotificationOptions": {"tools_changed", "prompts_changed"},
    "mcp.server.lowlevel:Server.create_initialization_options": {"notification_options"},
    "mcp.server.runner:ServerRunner": {"server", "connection", "lifespan_state", "init_options"},
    "mcp.server.runner:aclose_shielded": {"connection"},
    "mcp.server.runner:serve_one": {"server", "dctx", "method", "params", "connection", "lifespan_state"},
    "mcp.shared.inbound:classify_inbound_request": {"body", "headers"},
    "mcp.shared.inbound:unsupported_protocol_version_rejection": {"requested"},
    "mcp.shared.inbound:validate_mcp_param_headers": {"input_schema", "arguments", "headers"},
    "mcp_types.methods:validate_client_request": {"method", "version", "params"},
}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in {"mcp", "mcp_types"}:
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.partition(".")[0] == "mcp")


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_the_names_of_the_sdk_that_we_use_exist_and_stay_in_their_room(path):
    for module, name in imports_of(path):
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name} any more"
        assert path.stem == "kernel" or not module.startswith(KERNEL_ONLY), f"{path.stem} imports {module}"


@pytest.mark.parametrize("target", SIGNATURES)
def test_the_functions_of_the_sdk_take_what_we_pass(target):
    module, _, path = target.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert SIGNATURES[target] <= inspect.signature(found).parameters.keys()


async def test_the_cached_list_of_tools_is_what_the_kernel_says_in_every_version(world, mcp):
    here = await world()
    sessions = {version: await here.open(version=version) for version in HANDSHAKE_PROTOCOL_VERSIONS}
    for round_ in range(2):
        for version, session in sessions.items():
            request = {"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": {"_meta": {"progressToken": 1}}}
            answered = await (await here.post(request, session)).json()
            live = next(one for one in here.kernel.sessions if one.id == session["Mcp-Session-Id"])
            dispatch = Dispatch(request, Nowhere(), peer=live)
            assert answered["result"] == await live.runner.on_request(dispatch, "tools/list", {}), version
        if round_ == 0:
            here.cluster.offer("echo", False)
            assert len(answered["result"]["tools"]) == 13
    assert len(answered["result"]["tools"]) == 12
    for version in MODERN_PROTOCOL_VERSIONS:
        message = mcp.modern("tools/list", None, None, 5)
        expected = await here.kernel.exchange(Dispatch(message, Nowhere()), message, here.kernel.route(message))
        assert await (await here.modern("tools/list", request_id=5)).json() == expected, version


@pytest.mark.parametrize("params", [{"_meta": {"progressToken": []}}, {"_meta": 7}, {"cursor": 7}])
async def test_a_faulty_request_for_the_list_is_not_answered_from_the_cache(world, params):
    here = await world()
    session = await here.open()
    request = {"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": params}
    assert json.loads(await (await here.post(request, session)).read())["error"]["code"] == -32602


async def test_spans_cost_nothing_unless_they_are_asked_for(world):
    plain, traced = await world(), await world(tracing=True)
    assert plain.kernel._server.middleware == []
    assert len(traced.kernel._server.middleware) == 1
