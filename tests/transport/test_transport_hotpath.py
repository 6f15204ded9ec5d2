"""Plain calls take the short way; what comes of it is what the kernel would have said."""

from __future__ import annotations

import json
import re

import pytest

from sanctuary_host import Audio, Embedded, Image, Link, Text, ToolError, Verbatim, log, progress, tool
from sanctuary_host.calling import ProtocolError, protocol_context
from sanctuary_host.calls import Calls
from sanctuary_host.plugins import Cluster
from sanctuary_host.tools import describe
from sanctuary_host.transport.dispatch import Dispatch
from sanctuary_host.transport.hotpath import is_plain
from sanctuary_host.transport.kernel import Kernel
from sanctuary_host.transport.messages import encode_reply
from sanctuary_host.transport.session import Session

VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
MODERN = "2026-07-28"
ENVELOPE = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
INFO = {"io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"}}


@tool(read_only=True)
async def text(message: str = "x") -> str:
    """Text."""
    return message


@tool(read_only=True, runs="inline")
def data(a: int = 1) -> dict[str, int | None]:
    """Data."""
    return {"a": a, "none": None}


@tool(read_only=True, runs="inline")
def number() -> float:
    """No number."""
    return float("nan")


@tool(read_only=True, runs="inline")
def nothing() -> None:
    """Nothing."""


@tool(read_only=True, runs="inline")
def blocks() -> list[Text | Image | Audio | Embedded | Link]:
    """All kinds of content."""
    return [
        Text("t"),
        Image(b"p", "image/png"),
        Audio(b"w", "audio/wav"),
        Embedded("x://y", "z", "text/plain"),
        Link("x://l", "l", "d"),
    ]


@tool(read_only=True, runs="inline")
def verbatim(kind: str = "plain") -> Verbatim:
    """What the protocol can say."""
    return Verbatim(
        {
            "plain": {"content": [{"type": "text", "text": "v", "odd": 1}], "odd": 2, "_meta": {"k": 1}},
            "input": {"resultType": "input_required", "inputRequests": {"r": {"method": "roots/list", "params": {}}}},
            "extension": {"resultType": "x-task", "task": {"id": 1}},
            "broken": {"content": 7},
        }[kind]
    )


@tool(read_only=True, runs="inline")
def fails(how: str) -> str:
    """Fail."""
    raise {"tool": ToolError("no"), "exit": SystemExit(1), "protocol": ProtocolError(-32021, "no", {"d": 1})}[how]


@tool(read_only=True)
async def about_the_call() -> str:
    """What the tool can see of the protocol."""
    context = protocol_context()
    capabilities = context.session.client_capabilities
    known = context.session.client_params
    return repr(
        (
            context.method,
            context.params,
            context.request_id,
            context.meta,
            context.protocol_version,
            capabilities.model_dump() if capabilities else None,
            known.client_info.name if known else None,
            context.session.can_send_request,
        )
    )


@tool(read_only=True)
async def talks() -> str:
    """Say something."""
    progress(1, 2, "half")
    log("warning", {"w": 1})
    await protocol_context().session.report_progress(2)
    return "said"


class Ears:
    """Notes what goes out."""

    streams = True

    def __init__(self):
        self.heard = []

    def offer(self, message):
        self.heard.append(message)

    async def send(self, message):
        self.heard.append(message)


CASES = [
    ("text", {}),
    ("text", {"message": "half a pair \ud800"}),
    ("text", {"message": 7}),
    ("text", {"massage": "x"}),
    ("data", {"a": 5}),
    ("data", {"a": 5.0}),
    ("data", None),
    ("number", {}),
    ("nothing", {}),
    ("blocks", {}),
    *(("verbatim", {"kind": kind}) for kind in ("plain", "input", "extension", "broken")),
    *(("fails", {"how": how}) for how in ("tool", "exit", "protocol")),
    ("about_the_call", {}),
    ("talks", {}),
    ("no_such_tool", {}),
]
METAS = [None, {"progressToken": 7}, {"progressToken": "p"}]


def kernels():
    tools = [text, data, number, nothing, blocks, verbatim, fails, about_the_call, talks]
    calls = Calls(Cluster("test", tools={one.name: one for one in map(describe, tools)}))
    return Kernel(calls), Kernel(calls, tracing=True)  # which leaves all to the SDK


def wire(reply):
    """A reply as its reader sees it, but for the number of the call."""
    return json.loads(re.sub(rb"call [0-9a-f]{8,}", b"call N", encode_reply(reply)))


def params_of(name, arguments, meta):
    params = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
    return params if meta is None else {**params, "_meta": meta}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("meta", METAS)
@pytest.mark.parametrize(("name", "arguments"), CASES)
async def test_a_sessions_call_is_answered_as_by_the_kernel(mcp, version, meta, name, arguments):
    outcomes = []
    for kernel in kernels():
        ears, session = Ears(), Session(kernel)
        opening = mcp.initialize(version, sampling={})
        await session.serve(session.begin(opening, ears), opening)
        message = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params_of(name, arguments, meta)}
        assert is_plain(message, envelope=False)
        reply = await session.serve(session.begin(message, ears), message)
        outcomes.append((wire(reply), ears.heard))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("meta", [{}, INFO, {"progressToken": 1}, {"io.modelcontextprotocol/logLevel": "info"}])
@pytest.mark.parametrize(("name", "arguments"), CASES)
async def test_a_self_contained_call_is_answered_as_by_the_kernel(meta, name, arguments):
    outcomes = []
    for kernel in kernels():
        for _ in range(2):  # the second time from memory
            ears = Ears()
            params = params_of(name, arguments, {**ENVELOPE, **meta})
            message = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params}
            assert is_plain(message, envelope=True)
            route = kernel.route(message)
            reply = await kernel.exchange(Dispatch(message, ears), message, route)
            outcomes.append((wire(reply), ears.heard))
    assert all(one == outcomes[-1] for one in outcomes)


@pytest.mark.parametrize(
    "params",
    [
        None,
        {},
        {"name": 7},
        {"name": "text", "arguments": []},
        {"name": "text", "arguments": None},
        {"name": "text", "task": {}},
        {"name": "text", "_meta": None},
        {"name": "text", "_meta": []},
        {"name": "text", "_meta": {"progressToken": None}},
        {"name": "text", "_meta": {"progressToken": True}},
        {"name": "text", "_meta": {"other": 1}},
        {"name": "text", "_meta": {"io.modelcontextprotocol/logLevel": "loud"}},
    ],
)
@pytest.mark.parametrize("envelope", [False, True])
def test_what_is_not_plain_goes_to_the_kernel(params, envelope):
    assert not is_plain({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, envelope=envelope)


@pytest.mark.parametrize("capabilities", [7, [], {"sampling": 7}, None])
async def test_an_unsound_envelope_is_refused_each_time(capabilities):
    replies = []
    for kernel in kernels():
        for _ in range(2):
            params = {"name": "text", "_meta": {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": capabilities}}
            message = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params}
            replies.append(await kernel.exchange(Dispatch(message, Ears()), message, kernel.route(message)))
    assert replies[0]["error"]["code"] == -32602
    assert all(reply == replies[0] for reply in replies)


async def test_no_number_of_different_envelopes_fills_the_memory():
    kernel, _ = kernels()
    for number_ in range(600):
        info = {"io.modelcontextprotocol/clientInfo": {"name": f"client {number_}", "version": "1"}}
        message = {
            "jsonrpc": "2.0",
            "id": 3,
            "method": "tools/call",
            "params": params_of("text", {}, {**ENVELOPE, **info}),
        }
        assert "result" in await kernel.exchange(Dispatch(message, Ears()), message, kernel.route(message))
    assert len(kernel._envelopes) <= 256


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "arguments"), CASES)
async def test_a_stateless_call_is_answered_as_by_the_kernel(version, name, arguments):
    outcomes = []
    for kernel in kernels():
        ears = Ears()
        message = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params_of(name, arguments, METAS[1])}
        outcomes.append((wire(await kernel.stateless(Dispatch(message, ears), message, version)), ears.heard))
    assert outcomes[0] == outcomes[1]
